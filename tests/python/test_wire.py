"""The lines: whatever goes in comes out, in whatever pieces; what is no line is refused."""

import random
import unittest
from datetime import timedelta

from redlockd import _wire
from redlockd.errors import ProtocolError

SEED = 20261128
TRIES = 2000


class Encoding(unittest.TestCase):
    def test_a_name_comes_back_and_is_one_word(self):
        chance = random.Random(SEED)
        for _ in range(TRIES):
            name = bytes(chance.randint(1, 255) for _ in range(chance.randint(1, 40)))
            word = _wire.encode(name)
            self.assertRegex(word, r"^[!-~]+$")
            self.assertNotRegex(word, r"[= ]|^[#:]" if word[0] == "#" else r"[= ]")
            self.assertEqual(_wire.to_bytes(_wire.decode(word)), name)

    def test_text_is_utf_8_and_keeps_bytes_that_are_not(self):
        self.assertEqual(_wire.encode(_wire.to_bytes("zähler")), "z%C3%A4hler")
        self.assertEqual(_wire.to_bytes(_wire.decode("a%FFb")), b"a\xffb")

    def test_names_that_the_daemon_cannot_take_are_refused(self):
        for name in ("", b"", "a\0b", "x" * 256, "ä" * 128):
            with self.assertRaises(ValueError, msg=repr(name)):
                _wire.checked(name, "name")
        self.assertEqual(_wire.checked("x" * 255, "name"), b"x" * 255)

    def test_durations(self):
        for value, word in ((10, "10s"), (0.25, "250ms"), (timedelta(hours=1), "3600s"), (0, "0s"),
                            (timedelta(microseconds=7), "7us"), (1e-9, "1ns")):
            self.assertEqual(_wire.duration(_wire.nanoseconds(value, "t")), word)
        for value in (-1, float("nan"), float("inf"), timedelta(seconds=-1), 1e12):
            with self.assertRaises(ValueError, msg=repr(value)):
                _wire.nanoseconds(value, "t")

    def test_durations_come_back(self):
        chance = random.Random(SEED)
        for _ in range(TRIES):
            ns = chance.randrange(10**chance.randint(1, 18))
            self.assertEqual(_wire.parse_duration(_wire.duration(ns)), ns)


class Parsing(unittest.TestCase):
    def line(self, chance):
        """A line, and what it means."""
        def word():
            return bytes(chance.choice(b"ab%= #\xff*-7") for _ in range(chance.randint(1, 8)))
        kind, words = chance.choice((("OK", ()), ("ERR", ("busy",)), ("-", ()), ("*", ("LOST",))))
        tag = "" if kind == "*" else chance.choice(("", "17", "a-b"))
        fields = {f"key{at}": word() for at in range(chance.randint(0, 5))}
        text = chance.choice(("", ":", "any text: a=b :c", "#1 OK"))
        line = " ".join(([f"#{tag}"] if tag else []) + [kind, *words]
                        + [f"{key}={_wire.encode(value)}" for key, value in fields.items()])
        line += f" :{text}" if text else ""
        decoded = {key: _wire.to_text(value) for key, value in fields.items()}
        return line.encode(), _wire.Line(kind, tag, words, decoded, text)

    def test_lines_come_back_in_any_pieces(self):
        chance = random.Random(SEED)
        for _ in range(TRIES // 10):
            lines = [self.line(chance) for _ in range(chance.randint(1, 20))]
            data = b"".join(line + chance.choice((b"\n", b"\r\n")) for line, _ in lines)
            parser, found = _wire.Parser(), []
            while data:
                size = chance.randint(1, 60)
                found += parser.feed(data[:size])
                data = data[size:]
            self.assertEqual(found, [meaning for _, meaning in lines])

    def test_what_is_no_line_is_a_protocol_error_and_nothing_else(self):
        chance = random.Random(SEED)
        refused = 0
        for _ in range(TRIES):
            data = bytes(chance.choice(b"OK ERR#*-:=%\n\r\xff\0 1a") for _ in range(chance.randint(1, 60)))
            try:
                _wire.Parser().feed(data)
            except ProtocolError:
                refused += 1
        self.assertGreater(refused, TRIES // 10)

    def test_a_line_that_is_too_long_is_refused_before_its_end(self):
        parser = _wire.Parser()
        self.assertEqual(parser.feed(b"* X :" + b"x" * (_wire.LONGEST_LINE - 6)), [])
        with self.assertRaises(ProtocolError):
            parser.feed(b"x")
        self.assertEqual(len(_wire.Parser().feed(b"* X :" + b"x" * (_wire.LONGEST_LINE - 6) + b"\n")), 1)


if __name__ == "__main__":
    unittest.main()
