"""The console and the HTTP API. It hands acts to the judge and never writes an incident."""
