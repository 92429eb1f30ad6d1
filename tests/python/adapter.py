#!/usr/bin/env python3
"""The Python client under protocol/conformance: does what standard input says, and reports what happens.

    adapter.py asyncio | threads

Both are driven by one event loop. The calls of the session of threads are made in threads of their own.
"""

import asyncio
import os
import sys
from urllib.parse import unquote_to_bytes

import redlockd
import redlockd.aio
from redlockd._request import Request
from redlockd._wire import encode, parse_duration


class Adapter:
    def __init__(self, is_threaded):
        self.is_threaded = is_threaded
        self.loop = asyncio.get_running_loop()
        kind = redlockd if is_threaded else redlockd.aio
        self.Lock, self.session = kind.Lock, kind.Session(on_event=self.on_event)
        self.take_all = kind.lock_all
        self.requests = {}  # by id: what cancels it
        self.holds = {}  # by name
        self.sets = {}  # by names: what releases them
        self.granted = set()  # the fences that were reported
        self.late = []  # events of grants that are not reported yet

    async def run(self, call, *arguments):
        result = await asyncio.to_thread(call, *arguments) if self.is_threaded else call(*arguments)
        return result if self.is_threaded else await result

    # --- reports ----------------------------------------------------------------------------------

    def report(self, what, error=None, more=""):
        print(what, "OK" if error is None else f"ERR {error.code}", more, flush=True)

    def on_event(self, event):
        if self.is_threaded:
            self.loop.call_soon_threadsafe(self.report_event, event)
        else:
            self.report_event(event)

    def report_event(self, event):
        if event.fence is not None and event.fence not in self.granted:
            self.late.append(event)  # its answer is on its way through another thread
            return
        lock = "" if event.lock is None else f"lock={encode(os.fsencode(event.lock))} fence={event.fence}"
        reason = f"reason={event.fields['reason']}" if "reason" in event.fields else ""
        print("event", event.kind, lock, reason, flush=True)

    # --- commands ---------------------------------------------------------------------------------

    async def lock(self, id, name, **options):
        known = {key: parse_duration(options[key]) / 1e9 for key in ("ttl", "wait") if options.get(key, "0") != "0"}
        if options.get("wait") == "0":
            known["wait"] = 0
        lock = self.Lock(name, session=self.session, **known)
        self.requests[id] = lock.cancel if self.is_threaded else asyncio.current_task().cancel
        try:
            hold = await self.run(lock.__enter__ if self.is_threaded else lock.__aenter__)
        except asyncio.CancelledError:
            self.report(id, redlockd.LockCancelled())
            return
        self.report_grant(id, {name: hold}, f"fence={hold.fence}")

    def report_grant(self, id, holds, fences):
        self.holds.update(holds)
        self.granted.update(hold.fence for hold in holds.values())
        self.report(id, None, fences)
        late, self.late = self.late, []
        for event in late:
            self.report_event(event)

    async def lock_all(self, id, *names, **options):
        known = {key: parse_duration(options[key]) / 1e9 for key in ("ttl", "wait") if key in options}
        manager = self.take_all(*names, session=self.session, **known)
        # Threads can only be interrupted.
        self.requests[id] = self.report_unsupported if self.is_threaded else asyncio.current_task().cancel
        try:
            found = await self.run(manager.__enter__ if self.is_threaded else manager.__aenter__)
        except asyncio.CancelledError:
            self.report(id, redlockd.LockCancelled())
            return
        holds = {hold._key: hold for hold in found}
        self.sets[names] = manager.__exit__ if self.is_threaded else manager.__aexit__
        self.report_grant(id, holds, "fences=" + ",".join(str(holds[name].fence) for name in names))

    async def unlock_all(self, id, *names):
        await self.run(self.sets[names], None, None, None)
        self.report(id)

    async def cancel(self, id):
        self.requests[id]()

    async def unlock(self, id, name, fence=None):
        if name in self.holds:
            await self.run(self.holds[name].release)
        else:
            # Of what the session does not hold, which its callers cannot ask.
            await self.run(self.session._call, Request(f"unlock {encode(name)}"))
        self.report(id)

    async def check(self, id, name):
        await self.run(self.holds[name].check)
        self.report(id, None, f"fence={self.holds[name].fence}")

    async def valid(self, *names):
        held = all(name in self.holds and self.holds[name].valid for name in names)
        print("valid", *map(encode, names), "yes" if held else "no", flush=True)

    async def connect(self):
        try:
            await self.run(self.session.connect)
            self.report("connect")
        except redlockd.RedlockError as error:
            self.report("connect", error)

    async def close(self):
        await self.run(self.session.close)
        print("closed", flush=True)

    def report_unsupported(self):
        print("unsupported", flush=True)

    async def obey(self, line):
        command, *words = line.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        options.pop("events", None)  # the client asks for renewals by itself
        arguments = [word for word in words if "=" not in word]
        names = {"connect": 0, "close": 0, "cancel": 1, "valid": 0}.get(command, 1)  # where they begin
        arguments[names:] = map(unquote_to_bytes, arguments[names:])
        verb = getattr(self, {"try": "lock"}.get(command, command.replace("-", "_")), None)
        if verb is None:
            self.report_unsupported()
            return
        try:
            await verb(*arguments, **options)
        except redlockd.RedlockError as error:
            self.report(arguments[0], error)


async def main(is_threaded):
    adapter = Adapter(is_threaded)
    commands = asyncio.StreamReader()
    await adapter.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    tasks = []
    while True:
        line = await commands.readline()
        if not line:
            break
        tasks.append(asyncio.create_task(adapter.obey(line.decode())))
        await asyncio.sleep(0)  # in their order
    await adapter.run(adapter.session.close)
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    if sys.argv[1:] not in (["asyncio"], ["threads"]):
        sys.exit("adapter.py: expected asyncio or threads")
    asyncio.run(main(sys.argv[1] == "threads"))
