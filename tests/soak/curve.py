"""The picture of a soak: each figure over time, in a panel of its own."""

from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 1000, 90, 130
PANEL, GAP, HEAD = 130, 44, 60
COLORS = ("#3b6ea5", "#b5483a", "#3b8a4e", "#c79a2b")
LINE, GRID = "#444444", "#dddddd"


def _text(x, y, text, anchor="start", color="#000000"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{color}">'
            f'{escape(text)}</text>')


def _panel(title, lines, times, top):
    """`lines` are by name, with a value or None for each time; from 0 to the greatest."""
    known = [value for values in lines.values() for value in values if value is not None]
    greatest, last = max([*known, 1e-9]), max(times[-1], 1e-9)
    bottom = top + PANEL
    parts = [_text(LEFT, top - 8, title)]
    for value, y in ((greatest, top), (0, bottom)):
        parts += [f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="{GRID}"/>',
                  _text(LEFT - 8, y + 4, f"{value:,.4g}", "end")]
    for index, (name, values) in enumerate(lines.items()):
        points = " ".join(
            f"{LEFT + (WIDTH - LEFT - RIGHT) * time / last:.1f},"
            f"{bottom - PANEL * value / greatest:.1f}"
            for time, value in zip(times, values) if value is not None)
        color = COLORS[index % len(COLORS)]
        parts += [f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>',
                  _text(WIDTH - RIGHT + 10, top + 14 + 18 * index, name, color=color)]
    return parts


def draw(title, times, panels):
    """The SVG's text. `panels` are by title; `times` are in seconds since the start."""
    height = HEAD + (PANEL + GAP) * len(panels) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<g font-size="16">{_text(8, 22, title)}</g>']
    for index, (name, lines) in enumerate(panels.items()):
        parts += _panel(name, lines, times, HEAD + (PANEL + GAP) * index)
    parts += [_text(LEFT, height - 16, "0"),
              _text(WIDTH - RIGHT, height - 16, f"{times[-1] / 60:.3g} min", "end", LINE)]
    return "\n".join(parts + ["</svg>"]) + "\n"
