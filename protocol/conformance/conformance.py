#!/usr/bin/env python3
"""The conformance suite of redlockd's line protocol. See README.md beside this file.

    conformance.py client ADAPTER [ARG...]   tests a client, by its adapter; the suite is the daemon
    conformance.py daemon SOCKET [PAPER]     tests a running daemon by the transcripts of a paper
"""

import argparse
import contextlib
import os
import pathlib
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).parent
LONGEST_LINE = 16384
UNITS = {"ms": 1_000_000, "s": 1_000_000_000}


class Failed(Exception):
    """The client or the daemon does not do what the script says."""


class Unsupported(Exception):
    """The adapter says that its client has no such thing."""


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


# --- scripts --------------------------------------------------------------------------------------


class Script:
    def __init__(self, title, line, is_core):
        self.title, self.line, self.is_core, self.steps = title, line, is_core, []


def read_scripts(paper):
    """The blocks of a paper that are marked `redlock`, each with the heading it stands under.

    `redlock core` marks what each client has.
    """
    scripts, title, inside = [], "", False
    for number, line in enumerate(paper.read_text().splitlines(), 1):
        if line in ("```redlock", "```redlock core"):
            inside = True
            scripts.append(Script(title, number, line.endswith(" core")))
        elif line.startswith("```"):
            inside = False
        elif inside:
            step = re.fullmatch(r"([ACRS])(\d*|@there): (.*)", line)
            if not step:
                sys.exit(f"{paper}:{number}: expected A, C, R or S, and a colon: {line}")
            scripts[-1].steps.append((number, *step.groups()))
        elif line.startswith("#"):
            title = line.lstrip("# ")
    return scripts


class Values:
    """What the `<name>`s of a script stand for."""

    def __init__(self):
        self.known = {}

    def fill(self, text):
        """For a line to be sent."""
        text = re.sub(r"<(\w+)\+(\d+)(ms|s)>", self._time, text)
        # The owner of a request that had none.
        text = re.sub(r" as=<(\w+)>", lambda m: "" if self.known.get(m[1]) == "" else m[0], text)
        text = re.sub(r"<(\w+)>", lambda m: str(now()) if m[1] == "now" else self.known.get(m[1], m[0]), text)
        text = text.removeprefix("# ")  # the tag of a request that had none
        text = text.replace("<lf>", "\n")
        return text.replace("<fill>", "x" * (LONGEST_LINE - 1 - len(text) + len("<fill>")))

    def _time(self, match):
        self.known[match[1]] = str(now() + int(match[2]) * UNITS[match[3]])
        return self.known[match[1]]

    def match(self, pattern, text):
        """Whether a word, or a line of a transcript, is as the script says. Learns what is new."""
        parts = re.split(r"(<\w+>)", pattern)
        names, expression = [], ""
        for at, part in enumerate(parts):
            name = part[1:-1] if at % 2 else None
            if name is None or name in self.known:
                expression += re.escape(part if name is None else self.known[name])
                continue
            is_text = parts[at - 1].endswith(":") and not "".join(parts[at + 1:])
            expression += "(.+)" if is_text else "([^ ]*)"
            names.append(name)
        found = re.fullmatch(expression, text)
        if not found:
            return False
        for name, value in zip(names, found.groups()):
            if name != "text" and self.known.setdefault(name, value) != value:
                return False
        return True


# --- both sides -----------------------------------------------------------------------------------


class Lines:
    """What has come from a socket or a pipe. Waits for it with a deadline."""

    def __init__(self, fd, patience, reports=None):
        """reports: the Lines of the adapter, which may say while these are waited for that it is unable."""
        self.fd, self.patience, self.bytes, self.ended = fd, patience, b"", False
        self.reports = reports

    def deadline(self):
        return time.monotonic() + self.patience

    def next(self, what, deadline=None):
        """The next line, or None at the end. One who reads several for the same thing gives the deadline."""
        deadline = deadline or self.deadline()
        with selectors.DefaultSelector() as selector:
            selector.register(self.fd, selectors.EVENT_READ, self)
            if self.reports and not self.reports.ended:
                selector.register(self.reports.fd, selectors.EVENT_READ, self.reports)
            while b"\n" not in self.bytes and not self.ended:
                ready = selector.select(max(0, deadline - time.monotonic()))
                if not ready:
                    raise Failed(f"nothing came within {self.patience} s: expected {what}")
                for key, _ in ready:
                    key.data._read()
                    if key.data is self.reports and key.data.ended:
                        selector.unregister(key.fd)
                if self.reports and self.reports.says_unsupported():
                    raise Unsupported(f"it cannot do what leads to {what}")
        if b"\n" not in self.bytes:
            return None
        line, self.bytes = self.bytes.split(b"\n", 1)
        return line.removesuffix(b"\r").decode("ascii", "backslashreplace")

    def says_unsupported(self):
        return re.search(rb"^unsupported\b", self.bytes, re.MULTILINE) is not None

    def read_the_rest(self):
        """What is there already."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.fd, selectors.EVENT_READ)
            while not self.ended and selector.select(0):
                self._read()

    def _read(self):
        try:
            more = os.read(self.fd, 65536)
        except ConnectionResetError:
            more = b""
        self.bytes += more
        self.ended = not more


def split(line):
    """The words of a line in their order, decoded, and its fields. A text for people is left out."""
    words, fields = [], {}
    for word in line.split(" :", 1)[0].split():
        key, is_field, value = word.partition("=")
        if is_field:
            fields[key.lower()] = urllib.parse.unquote(value)
        else:
            words.append(urllib.parse.unquote(word))
    return words, fields


def matches(values, pattern, line):
    """Whether the words are the same, and each field of the pattern is in the line. An owner may be missing."""
    words, fields = split(line)
    expected_words, expected_fields = split(pattern)
    return (len(words) == len(expected_words)
            and all(map(values.match, expected_words, words))
            and all((key in fields or key == "as") and values.match(value, fields.get(key, ""))
                    for key, value in expected_fields.items()))


# --- a client and its adapter ---------------------------------------------------------------------


class Adapter:
    def __init__(self, command, path, patience):
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            env=os.environ | {"REDLOCK_SOCKET": path})
        except OSError as why:
            sys.exit(f"the adapter cannot be started: {why}")
        self.lines = Lines(self.process.stdout.fileno(), patience)

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, values, pattern):
        report = self.lines.next(f"the report '{pattern}'")
        if report is not None and report.split()[:1] == ["unsupported"]:
            raise Unsupported(report)
        if report is None or not matches(values, pattern, report):
            raise Failed(f"expected the report '{pattern}', found '{report}'")

    def is_unable(self):
        """Whether it has reported `unsupported`, perhaps for a command of which no report is due."""
        self.lines.read_the_rest()
        return self.lines.says_unsupported()

    def end(self, patience):
        """Ends it in any case; an adapter whose input ends is to end by itself."""
        with contextlib.suppress(BrokenPipeError):  # it has ended before
            self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("the adapter goes on after the end of its input") from None
        finally:
            self.process.stdout.close()


class FakeDaemon:
    """The suite as the daemon of one client at a time."""

    def __init__(self, path, patience):
        self.patience, self.connection, self.lines = patience, None, None
        self.reports = None  # the Lines of the adapter
        self.ahead = 0  # ns that this daemon's clock is ahead of ours, by its greeting
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.listener.settimeout(patience)

    def accept(self):
        self.close()
        try:
            self.connection, _ = self.listener.accept()
        except socket.timeout:
            raise Failed("the client does not connect") from None
        self.lines = Lines(self.connection.fileno(), self.patience, self.reports)

    def send(self, data):
        greeting = re.search(rb"\bnow=(\d+)", data)
        if greeting:
            self.ahead = int(greeting[1]) - now()
        self.connection.sendall(data)

    def expect(self, values, pattern):
        """The next request; a client may ping at any time, which does not make the wait longer."""
        deadline = self.lines.deadline()
        while True:
            request = self.lines.next(f"the request '{pattern}'", deadline)
            ping = re.fullmatch(r"(#\S+ )?ping", request or "", re.IGNORECASE)
            if not ping or "ping" in pattern:
                break
            self.send(f"{ping[1] or ''}OK now={now() + self.ahead}\n".encode())
        tag, rest = re.fullmatch(r"(?:#(\S*) +)?(.*)", request or "").groups()
        expected_tag, expected = re.fullmatch(r"(?:#(\S+) )?(.*)", pattern).groups()
        verb, space, rest = rest.partition(" ")
        if (request is None or not matches(values, expected, verb.lower() + space + rest)
                or (expected_tag and not values.match(expected_tag, tag or ""))):
            raise Failed(f"expected the request '{pattern}', found '{request}'")

    def expect_closed(self):
        deadline = self.lines.deadline()
        while self.lines.next("the end of the connection", deadline) is not None:
            pass  # what it still had to say

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def run_client(script, command, patience):
    values = Values()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "socket")
        daemon = FakeDaemon(path, patience)
        adapter = Adapter(command, path, patience)
        daemon.reports = adapter.lines
        try:
            for number, who, _, text in script.steps:
                try:
                    step_of_client(daemon, adapter, values, who, text)
                except Failed as why:
                    if adapter.is_unable():
                        raise Unsupported(f"line {number} is not supported") from None
                    raise Failed(f"line {number}: {why}") from None
                except OSError as why:
                    raise Failed(f"line {number}: the other side has gone: {why}") from None
        finally:
            daemon.close()
            daemon.listener.close()
            adapter.end(patience)


def step_of_client(daemon, adapter, values, who, text):
    if who == "R":
        adapter.expect(values, text)
    elif (until := re.fullmatch(r"\(after <(\w+)>\)", text)):
        while now() <= int(values.known[until[1]]):
            time.sleep(0.001)
    elif who == "A":
        adapter.tell(values.fill(text))
    elif text == "(connect)":
        daemon.accept()
    elif text == "(closed)":
        daemon.expect_closed()
    elif text == "(close)":
        daemon.close()
    elif who == "S" and text.startswith("(bytes) "):
        daemon.send(values.fill(text.removeprefix("(bytes) ")).encode())
    elif who == "S":
        daemon.send(values.fill(text).encode() + b"\n")
    else:
        daemon.expect(values, text)


# --- a daemon -------------------------------------------------------------------------------------


class Session:
    def __init__(self, path, patience, greeting_is_read):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(path)
        self.lines = Lines(self.connection.fileno(), patience)
        self.is_over = False  # it sends no more, or must not be asked
        if not greeting_is_read:
            self.lines.next("a greeting")

    def next(self, what, is_of_script):
        """The next line. What becomes of the locks of others is not looked at."""
        while True:
            line = self.lines.next(what)
            watched = re.match(r"\* WATCH lock=(\S+)", line or "")
            if not watched or is_of_script(watched[1]):
                return line

    def send(self, line):
        self.connection.sendall(line.encode() + b"\n")

    def rest(self, is_of_script):
        """What has come and is not in the script. The answer to a ping comes after it."""
        if self.is_over:
            return
        self.send("#rest ping")
        line = self.next("an answer to ping", is_of_script)
        if not (line or "").startswith("#rest OK "):
            raise Failed(f"after the end of the script: expected nothing, found '{line}'")


def run_daemon(script, path, patience):
    values, sessions = Values(), {}
    if any(which == "@there" for _, _, which, _ in script.steps):
        raise Unsupported("it has a session on another host")

    def is_of_script(lock):
        return any(re.search(rf"[ =]{re.escape(lock)}( |$)", text) for _, _, _, text in script.steps)

    try:
        for number, who, which, text in script.steps:
            if which not in sessions:
                sessions[which] = Session(path, patience, text.startswith("* HELLO"))
            try:
                step_of_daemon(sessions[which], values, who, text, is_of_script)
            except Failed as why:
                raise Failed(f"line {number}: {why}") from None
        for session in sessions.values():
            session.rest(is_of_script)
    finally:
        for session in sessions.values():
            session.connection.close()


def step_of_daemon(session, values, who, text, is_of_script):
    session.is_over |= text in ("(half-close)", "(close)", "(closed)")
    if who == "S":
        line = session.next(f"'{text}'", is_of_script)
        if not values.match(text, "(closed)" if line is None else line):
            raise Failed(f"expected '{text}', found '{line}'")
    elif text == "(half-close)":
        session.connection.shutdown(socket.SHUT_WR)
    elif text == "(close)":
        session.connection.close()
    else:
        session.send(values.fill(text))


# --- the suite ------------------------------------------------------------------------------------


def run_all(scripts, run):
    """Runs the scripts of each heading until one passes: they are what a client may do there. Returns the failures."""
    passed = skipped = failures = 0
    for title in dict.fromkeys(script.title for script in scripts):
        whys, is_core = [], any(script.is_core for script in scripts if script.title == title)
        for script in (script for script in scripts if script.title == title):
            try:
                run(script)
                passed += 1
                print(f"pass  {title}")
                break
            except Unsupported as why:
                if is_core:
                    whys.append(f"each client must have this, and the adapter reports that it has not: {why}")
                    continue
                skipped += 1
                print(f"skip  {title}: {why}")
                break
            except Failed as why:
                whys.append(str(why))
        else:
            failures += 1
            print(f"FAIL  {title}: " + "; or ".join(whys))
    print(f"{passed} passed, {skipped} skipped, {failures} failed")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patience", type=float, default=20, help="seconds to wait for a line (default: 20)")
    parser.add_argument("--only", default="", help="only the scripts with this in their heading")
    kinds = parser.add_subparsers(dest="kind", required=True)
    client = kinds.add_parser("client", help="test a client")
    client.add_argument("command", nargs=argparse.REMAINDER, metavar="ADAPTER [ARG...]")
    daemon = kinds.add_parser("daemon", help="test a running daemon")
    daemon.add_argument("socket")
    daemon.add_argument("paper", nargs="?", type=pathlib.Path, default=HERE.parent / "PROTOCOL.md")
    options = parser.parse_args()

    if options.kind == "client" and not options.command:
        parser.error("expected an adapter")
    paper = HERE / "client.md" if options.kind == "client" else options.paper
    scripts = [script for script in read_scripts(paper) if options.only in script.title]
    if not scripts:
        sys.exit(f"{paper} has no such script")
    if options.kind == "client":
        failures = run_all(scripts, lambda script: run_client(script, options.command, options.patience))
    else:
        for script in scripts:
            script.title += f" ({paper.name}:{script.line})"
        failures = run_all(scripts, lambda script: run_daemon(script, options.socket, options.patience))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
