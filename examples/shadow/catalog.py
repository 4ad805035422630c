"""A small catalogue over HTTP. VERSION and TAX make a version of it; nothing beside Python is needed."""

import json
import os
import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TAX = float(os.environ.get("TAX", "0.19"))
PRICES = {"tea": 4.0, "coffee": 5.0, "bread": 3.0}


class Catalog(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer leave together.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/healthz":
            return self.say({"ok": True})
        items = [{"name": name, "price": round(net * (1 + TAX), 2)} for name, net in PRICES.items()]
        # What no two answers have in common: a comparison must leave it out by itself.
        self.say({"request": "%016x" % random.getrandbits(64), "at": time.time(), "items": items})

    def do_POST(self):
        # A copy of an order is no order.
        self.rfile.read(int(self.headers.get("content-length", 0)))
        copy = self.headers.get("staunch-shadow") == "1"
        if copy:
            print("a copied order", flush=True)
        self.say({"ordered": not copy})

    def say(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Catalog).serve_forever()
