"""The drawing of best-of-k curves."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from smartmask.image.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, curve_svg

SVG = "{http://www.w3.org/2000/svg}"


def system(best: list[float], top: list[float]) -> dict[str, Any]:
    def intervals(values: list[float]) -> list[list[float]]:
        return [[v, v - 0.02, v + 0.02] for v in values]

    return {"own": {"best_of_k": intervals(best), "top_of_k": intervals(top)}}


def test_every_system_has_a_line_in_the_plot() -> None:
    systems = {"pipe <1>": system([0.5, 0.6, 0.7], [0.5, 0.52, 0.53]), "box-fill": system([0.4] * 3, [0.4] * 3)}
    root = ElementTree.fromstring(curve_svg(systems, "a & b"))
    lines = root.findall(f"{SVG}polyline")
    assert len(lines) == 3  # two curves, and one ranking: a single answer has none of its own
    for line in lines:
        points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
        assert len(points) == 3
        assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)
    best = [float(p.split(",")[1]) for p in lines[0].attrib["points"].split()]
    assert best == sorted(best, reverse=True)  # higher IoU is further up
    words = [t.text for t in root.findall(f"{SVG}text")]
    assert "pipe <1>" in words
    assert "a & b" in words


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_flat_curves_at_the_ends_are_drawn(value: float) -> None:
    flat = {"own": {"best_of_k": [[value] * 3], "top_of_k": [[value] * 3]}}
    assert "nan" not in curve_svg({"flat": flat}, "")
