"""The picture: for each row with a bar, how far it is from it."""

import math
from xml.sax.saxutils import escape

ROW = 26
TEXT = 510     # where the axis begins
AXIS = 420     # its width
VALUES = TEXT + AXIS + 12
WIDTH = VALUES + 230
LOWEST, HIGHEST = 0.01, 10  # of goodness; beyond them a bar ends at the edge
COLORS = {"ok": "#3b8a4e", "close": "#c79a2b", "short": "#b5483a"}  # by verdict
LINE = "#444444"


def _x(goodness):
    inside = min(max(goodness, LOWEST), HIGHEST)
    span = math.log10(HIGHEST / LOWEST)
    return TEXT + AXIS * math.log10(inside / LOWEST) / span


def _text(x, y, text, anchor="start"):
    return f'<text x="{x:.0f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _row(row, top):
    middle = top + ROW // 2 + 4
    parts = [_text(8, middle, row.id), _text(44, middle, row.figure),
             _text(VALUES, middle, f"{row.shown_value}  ({row.shown_bar})")]
    if row.value is not None:
        end = _x(row.bar.goodness(row.value))
        parts.append(f'<rect x="{TEXT}" y="{top + 5}" width="{max(end - TEXT, 2):.1f}" '
                     f'height="{ROW - 10}" fill="{COLORS[row.verdict]}"/>')
    return parts


def draw(rows, title):
    """The SVG's text."""
    rows = [row for row in rows if row.bar]
    head = 58
    height = head + ROW * len(rows) + 12
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<g font-size="16">{_text(8, 22, title)}</g>',
             _text(8, 42, "A bar that reaches the line is good enough; the scale is logarithmic.")]
    for tick in (0.01, 0.1, 1, 10):
        label = "must reach" if tick == 1 else f"{tick:g}x"
        parts.append(_text(_x(tick), head - 8, label, "middle"))
        parts.append(f'<line x1="{_x(tick):.1f}" y1="{head}" x2="{_x(tick):.1f}" y2="{height - 8}" '
                     f'stroke="#dddddd"/>')
    for index, row in enumerate(rows):
        parts += _row(row, head + ROW * index)
    parts.append(f'<line x1="{_x(1):.1f}" y1="{head - 4}" x2="{_x(1):.1f}" y2="{height - 8}" '
                 f'stroke="{LINE}" stroke-width="2"/>')
    return "\n".join(parts + ["</svg>"]) + "\n"
