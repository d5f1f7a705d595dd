"""A stand-in for the daemon's process: reads the port, answers /healthz, ends on SIGTERM."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml


class Health(BaseHTTPRequestHandler):
    def do_GET(self):  # the library's name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    config = yaml.safe_load(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
    if "--die" in sys.argv:
        sys.exit("zhiban.yml:7: people: something is wrong")
    HTTPServer((config["web"]["host"], config["web"]["port"]), Health).serve_forever()
