#!/usr/bin/env python3
"""A small shop for the examples: `app.py` serves on PORT, with the fault that FAULT names.

errors   every second answer is a 500
slow     every answer takes 300 ms
hiccup   every fiftieth answer takes 300 ms
grows    keeps a megabyte of each answer, up to 300 MB
crash    ends with status 3 after twenty answers
stuck    never becomes ready

/broken is a 500 in every version.
"""
import http.server
import os
import sys
import threading
import time

VERSION = os.environ.get("VERSION", "v1")
FAULT = os.environ.get("FAULT", "")
answers = 0
kept = []
lock = threading.Lock()


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(503 if FAULT == "stuck" else 200, "ok\n")
        global answers
        with lock:
            answers += 1
            number = answers
        if FAULT == "grows" and number <= 300:
            kept.append(bytearray(1_000_000))
        if FAULT == "slow" or (FAULT == "hiccup" and number % 50 == 0):
            time.sleep(0.3)
        if FAULT == "crash" and number > 20:
            print("cannot go on", file=sys.stderr, flush=True)
            os._exit(3)
        broken = self.path == "/broken" or (FAULT == "errors" and number % 2)
        status = 500 if broken else 200
        self.answer(status, f"{VERSION} {self.path}\n")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
