"""
SNMP as a manager speaks it: a codec, the user-based security model and a walk.

Pure but for the session: nothing here opens a socket, reads a clock or keeps a secret in
an error. OIDs stay the bytes they are on the wire until somebody wants to read them.
"""
