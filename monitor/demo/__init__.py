"""
The demo: a virtual hospital, a pretend phone, and the real daemon as a child process.

Nothing here is imported by the daemon; everything listens on loopback only.
"""
