"""The application with a fault, chosen by FAULT: crash, 500, slow or hang. Without FAULT it is the plain one."""

import os
import time

from httpbin import app as healthy

FAULT = os.environ.get("FAULT", "")
started = time.monotonic()


def app(environ, start_response):
    # Health checks stay green: these are the faults that a readiness probe does not see.
    if environ["PATH_INFO"] == "/status/200":
        return healthy(environ, start_response)
    if FAULT == "crash" and time.monotonic() - started > 3:
        os.kill(os.getppid(), 9)
        os._exit(3)
    if FAULT == "500":
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"broken"]
    if FAULT == "slow":
        time.sleep(0.2)
    if FAULT == "hang":
        time.sleep(3600)
    return healthy(environ, start_response)
