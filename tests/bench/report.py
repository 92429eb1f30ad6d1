"""A row of the result, and the ways to show it but for the picture."""

import dataclasses
import json
import statistics
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

    def missed_by(self, value):
        """How far the value is from it, in the value's own unit; 0 where it reaches it."""
        return max(value - self.limit if self.at_most else self.limit - value, 0)


def at_most(limit):
    return Bar(True, limit)


def at_least(limit):
    return Bar(False, limit)


@dataclasses.dataclass
class Row:
    """`repetitions` has what each of them found; it is empty where nothing could be measured: then
    `why` says the reason. A row without a bar is one to compare with. `disturbed` says in words how
    much of the cores other programs took meanwhile."""
    id: str
    figure: str
    repetitions: list[float]
    unit: str = ""
    bar: Bar | None = None
    details: dict = dataclasses.field(default_factory=dict)
    why: str = ""
    disturbed: list[str] = dataclasses.field(default_factory=list)

    @property
    def value(self):
        """The median of the repetitions; None if there are none."""
        return statistics.median(self.repetitions) if self.repetitions else None

    @property
    def spread(self):
        """The greatest less the least of the repetitions."""
        return max(self.repetitions) - min(self.repetitions) if self.repetitions else 0

    @property
    def ok(self):
        if self.value is None:
            return False
        return self.bar is None or self.bar.missed_by(self.value) == 0

    @property
    def verdict(self):
        """Short is a row only if it is short of its bar by more than the repetitions differ."""
        if self.value is None:
            return "short"
        if self.bar is None:
            return ""
        if self.ok:
            return "ok"
        return "short" if self.bar.missed_by(self.value) > self.spread else "close"

    @property
    def shown_value(self):
        if self.value is None:
            return textwrap.shorten(self.why, 60, placeholder=" ...")  # all of it is in the JSON
        return f"{number(self.value)} {self.unit}".strip()

    @property
    def shown_range(self):
        if len(self.repetitions) < 2:
            return ""
        return f"{number(min(self.repetitions))} to {number(max(self.repetitions))}"

    @property
    def shown_bar(self):
        return f"{self.bar} {self.unit}".strip() if self.bar else ""

    def as_json(self):
        shown = {"id": self.id, "figure": self.figure, "value": self.value, "unit": self.unit,
                 "repetitions": self.repetitions, "spread": self.spread,
                 "bar": str(self.bar) if self.bar else None, "ok": self.ok,
                 "verdict": self.verdict, "disturbed": self.disturbed}
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
    """Markdown, aligned so that it can be read as it is; under it, which rows were disturbed."""
    lines = [["#", "figure", "median", "least to greatest", "must reach", ""]]
    for row in rows:
        mark = "*" if row.disturbed else ""
        lines.append([row.id, row.figure, row.shown_value, row.shown_range, row.shown_bar,
                      f"{row.verdict} {mark}".strip()])
    widths = [max(3, *map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    padded = [[cell.ljust(width) for cell, width in zip(line, widths)] for line in lines]
    shown = ["| " + " | ".join(line) + " |" for line in padded]
    return "\n".join(shown + _disturbances(rows))


def _disturbances(rows):
    """A line for all rows that were disturbed alike, which are those measured together."""
    alike = {}
    for row in rows:
        if row.disturbed:
            alike.setdefault("; ".join(row.disturbed), []).append(row.id)
    return [f"* {', '.join(ids)}: other programs took of the cores {shares}."
            for shares, ids in alike.items()]


def write_json(path, rows, about):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "rows": [row.as_json() for row in rows]}, file, indent=1)
        file.write("\n")
