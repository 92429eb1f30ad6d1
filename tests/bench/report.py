"""A row of the result, and the ways to show it but for the picture."""

import dataclasses
import json
import textwrap


@dataclasses.dataclass
class Bar:
    """What a value must reach: `at_most` or at least `limit`."""
    at_most: bool
    limit: float

    def __str__(self):
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"

    def goodness(self, value):
        """1 where the value just reaches the bar, 2 where it is twice as good."""
        if not self.at_most:
            return value / self.limit
        return self.limit / value if value > 0 else float("inf")


def at_most(limit):
    return Bar(True, limit)


def at_least(limit):
    return Bar(False, limit)


@dataclasses.dataclass
class Row:
    """`value` is None where nothing could be measured: then `why` says the reason. A row without a
    bar is one to compare with."""
    id: str
    figure: str
    value: float | None
    unit: str = ""
    bar: Bar | None = None
    details: dict = dataclasses.field(default_factory=dict)
    why: str = ""

    @property
    def ok(self):
        if self.value is None:
            return False
        return self.bar is None or self.bar.goodness(self.value) >= 1

    @property
    def shown_value(self):
        if self.value is None:
            return textwrap.shorten(self.why, 60, placeholder=" ...")  # all of it is in the JSON
        return f"{number(self.value)} {self.unit}".strip()

    @property
    def shown_bar(self):
        return f"{self.bar} {self.unit}".strip() if self.bar else ""

    def as_json(self):
        shown = {"id": self.id, "figure": self.figure, "value": self.value, "unit": self.unit,
                 "bar": str(self.bar) if self.bar else None, "ok": self.ok}
        if self.why:
            shown["why"] = self.why
        if self.details:
            shown["details"] = self.details
        return shown


def number(value):
    """Three digits are enough of a measurement."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.1g}"


def table(rows):
    """Markdown, aligned so that it can be read as it is."""
    lines = [["#", "figure", "value", "must reach", ""]]
    for row in rows:
        verdict = "short" if not row.ok else "ok" if row.bar else ""
        lines.append([row.id, row.figure, row.shown_value, row.shown_bar, verdict])
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(5)]
    lines.insert(1, ["-" * width for width in widths])
    padded = [[cell.ljust(width) for cell, width in zip(line, widths)] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in padded)


def write_json(path, rows, about):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "rows": [row.as_json() for row in rows]}, file, indent=1)
        file.write("\n")
