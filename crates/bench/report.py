"""Tables and plots, and their places in docs/performance.md."""

import datetime
import math
import os
import platform
import re
import subprocess
from html import escape
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"


def table(heads: list[str], rows: list[list]) -> str:
    line = lambda cells: "| " + " | ".join(map(str, cells)) + " |"
    return "\n".join([line(heads), line(["---"] * len(heads)), *map(line, rows)])


def number(value: float) -> str:
    """With about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def goal(figure: str, measured: float, most: float, unit: str = "x", at_least: bool = False) -> list:
    met = measured >= most if at_least else measured <= most
    kind = "at least" if at_least else "at most"
    return [figure, f"{kind} {most:g}{unit}", f"{number(measured)}{unit}", "met" if met else "**missed**"]


def goals(rows: list[list]) -> str:
    return table(["figure", "goal", "measured", ""], rows)


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split()[1]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    return (
        f"{datetime.date.today()}, {os.cpu_count()} cores of {model[1] if model else 'an unknown processor'}, "
        f"Linux {platform.release().split('-')[0]}, Rust {rust}, Node {node}, Python {platform.python_version()}; "
        f"load average {load:.2f} at the end"
    )


def write(section: str, text: str, is_quick: bool):
    """Puts it between the section's markers, with when and on what it was made; a quick run only prints it."""
    text = f"{text}\n\nMade by `just bench {section}`: {machine()}."
    print(f"\n{text}\n", flush=True)
    if is_quick:
        return
    begin, end = (f"<!-- made by just bench {section}: {which} -->" for which in ("begin", "end"))
    before, found, rest = PAGE.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{PAGE} has no line {begin}")
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")


STYLE = """<style>text { font: 13px system-ui, sans-serif; fill: #24292f } .axis { stroke: #8c959f; stroke-width: 1 }
.bar { fill: #8c959f } .ours { fill: #0969da } .line { fill: none; stroke: #0969da; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #58a6ff } .line { stroke: #58a6ff } }</style>"""


def svg(name: str, title: str, width: int, height: int, parts: list[str]) -> str:
    """Draws a picture, and returns its place in the page."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    directory = DOCS / "performance"
    directory.mkdir(exist_ok=True)
    text = "\n".join([head, f"<title>{escape(title)}</title>", STYLE, *parts, "</svg>", ""])
    (directory / f"{name}.svg").write_text(text)
    return f"![{title}](performance/{name}.svg)\n\n"


def bars(name: str, title: str, values: dict[str, float], ours: set[str]) -> str:
    """Horizontal bars on a logarithmic scale, with the value at each."""
    left, width, row = 310, 800, 26
    low = 10 ** math.floor(math.log10(min(values.values())))
    scale = (width - left - 80) / math.log10(max(values.values()) / low)
    parts = []
    for place, (label, value) in enumerate(values.items()):
        y, length = 12 + place * row, math.log10(value / low) * scale
        kind = "bar ours" if label in ours else "bar"
        parts += [
            f'<text x="{left - 10}" y="{y + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{left}" y="{y}" width="{length:.0f}" height="18" rx="2"/>',
            f'<text x="{left + length + 6:.0f}" y="{y + 14}">{number(value)}</text>',
        ]
    return svg(name, title, width, len(values) * row + 20, parts)


def curve(name: str, title: str, values: dict[int, float], unit: str) -> str:
    """A line over a logarithmic axis, from zero."""
    left, bottom, width, height = 60, 210, 560, 250
    steps = [math.log10(x) for x in values]
    across = lambda x: left + 30 + (math.log10(x) - steps[0]) / (steps[-1] - steps[0]) * (width - left - 110)
    up = lambda y: bottom - y / max(values.values()) * (bottom - 40)
    points = [(across(x), up(y)) for x, y in values.items()]
    parts = [
        f'<path class="axis" d="M{left} {bottom}H{width - 20}M{left} {bottom}V20" fill="none"/>',
        f'<path class="line" d="M{" L".join(f"{x:.0f} {y:.0f}" for x, y in points)}"/>',
    ]
    for (x, y), (entries, value) in zip(points, values.items()):
        parts += [
            f'<circle class="ours" cx="{x:.0f}" cy="{y:.0f}" r="4"/>',
            f'<text x="{x:.0f}" y="{y - 10:.0f}" text-anchor="middle">{number(value)} {unit}</text>',
            f'<text x="{x:.0f}" y="{bottom + 20}" text-anchor="middle">{entries:,}</text>',
        ]
    return svg(name, title, width, height, parts)
