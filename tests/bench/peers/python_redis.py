"""What worker.mjs does, for the lock of python3-redis: on one node, a thread for each worker."""

import collections
import json
import os
import sys
import threading
import time

import redis

work = json.loads(sys.argv[1])
client = redis.Redis("127.0.0.1", work["ports"][0])
options = work.get("options") or {}
grants = [[] for _ in range(work["workers"])]
cycles = [0] * work["workers"]
errors = collections.Counter()


def loop(worker):
    count = 0
    while time.monotonic() < end:
        name = work.get("name") or f"peer-{os.getpid()}-{worker}-{count}"
        lock = client.lock(name, timeout=10, **options)
        try:
            if not lock.acquire(blocking_timeout=max(0.01, end - time.monotonic())):
                continue
            grants[worker].append((time.monotonic_ns(), worker))
            lock.release()
            if time.monotonic() < end:
                cycles[worker] += 1
        except redis.RedisError as error:
            errors[str(error)[:120]] += 1
        count += 1


client.ping()
print("ready", flush=True)
start = float(sys.stdin.readline())
end = start + work["seconds"]
threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(work["workers"])]
time.sleep(max(0, start - time.monotonic()))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
counted = [grant for one in grants for grant in one if grant[0] < end * 1e9]
print(json.dumps({"grants": counted, "cycles": sum(cycles), "errors": errors}))
