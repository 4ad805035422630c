"""Users who look and order, until told to stop. The last line says what they saw; anything but 200 is a failure."""

import http.client
import signal
import sys
import threading
import time

port = int(sys.argv[1])
stop = threading.Event()
seen = {"good": 0, "failed": 0}
lock = threading.Lock()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def visit(connection, number):
    if number % 10 == 0:
        connection.request("POST", "/orders", body="tea")
    else:
        connection.request("GET", "/items")
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def user():
    connection, number = http.client.HTTPConnection("127.0.0.1", port, timeout=10), 0
    while not stop.is_set():
        number += 1
        try:
            good = visit(connection, number)
        except (OSError, http.client.HTTPException) as error:
            print(error)
            good = False
            connection.close()
        with lock:
            seen["good" if good else "failed"] += 1
        time.sleep(0.02)


users = [threading.Thread(target=user) for _ in range(4)]
for one in users:
    one.start()
while not stop.is_set():
    stop.wait(1)
for one in users:
    one.join()
print(seen)
sys.exit(1 if seen["failed"] or not seen["good"] else 0)
