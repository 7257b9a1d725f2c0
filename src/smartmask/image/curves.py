"""Best-of-k curves as a drawing: a self-contained SVG with intervals, written without a plotting package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from smartmask.image.sheets import rank_colour

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 170, 36, 44  # margins; the legend stands on the right


def curve_svg(systems: Mapping[str, Any], title: str) -> str:
    """SVG text: for each system the mean IoU (own box) of the best of k samples over k, with its interval as a band.

    systems: {name: figures}, as ``eval masks`` reports them. A system's
    top-ranked of k is dashed where it has a ranking of its own (more than one sample).
    """
    curves = {name: found["own"]["best_of_k"] for name, found in systems.items()}
    ranked = {name: found["own"]["top_of_k"] for name, found in systems.items()}
    every = [v for curve in (*curves.values(), *ranked.values()) for interval in curve for v in interval]
    low, high = _range(min(every), max(every))
    count = max(len(curve) for curve in curves.values())

    def at(k: float, value: float) -> tuple[float, float]:
        x = LEFT + (k - 1) / max(count - 1, 1) * (WIDTH - LEFT - RIGHT)
        return x, TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"',
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for step in range(6):
        value = low + (high - low) * step / 5
        (x0, y), (x1, _) = at(1, value), at(count, value)
        parts.append(f'<line x1="{x0:.1f}" y1="{y:.1f}" x2="{x1:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for k in range(1, count + 1):
        x, y = at(k, low)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{k}</text>')
    for number, (name, curve) in enumerate(curves.items()):
        colour = "#{:02x}{:02x}{:02x}".format(*rank_colour(number))
        band = [at(k + 1, v[1]) for k, v in enumerate(curve)] + [
            at(k + 1, v[2]) for k, v in reversed(list(enumerate(curve)))
        ]
        parts.append(f'<polygon points="{_points(band)}" fill="{colour}" fill-opacity="0.12"/>')
        line = [at(k + 1, v[0]) for k, v in enumerate(curve)]
        parts.append(f'<polyline points="{_points(line)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if ranked[name] != curve:
            line = [at(k + 1, v[0]) for k, v in enumerate(ranked[name])]
            parts.append(f'<polyline points="{_points(line)}" fill="none" stroke="{colour}" stroke-dasharray="5 4"/>')
        y = TOP + 14 + 18 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 16}" y="{y - 9}" width="12" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 34}" y="{y}">{escape(name)}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT + 16}" y="{HEIGHT - 30}" fill="#555">dashed: top-ranked of k</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">samples k</text></svg>')
    return "\n".join(parts) + "\n"


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _range(low: float, high: float) -> tuple[float, float]:
    """A little more than the values span, and never nothing."""
    pad = max(0.05 * (high - low), 0.01)
    return max(low - pad, 0.0), min(high + pad, 1.0)
