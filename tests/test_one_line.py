"""Adding a reader, an inserter, a mask model, a benchmark or a recipe is one file and one line of a table.

The line is what these tests put in; guides have theirs in guides/test_table.py, mask models in masks/test_load.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask import Scene, insert
from smartmask.cli.evaluate import group_of
from smartmask.data import registry
from smartmask.data.record import Job, Record, reader
from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading
from smartmask.insertion import load
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.lay import ObjectRequest
from smartmask.insertion.pipeline import insert as insert_objects
from smartmask.io.settings import option


def test_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @reader("squares", "Text files of sizes")
    def read_squares(path: Path) -> Iterator[Job]:
        for file in sorted(path.glob("*.txt")):
            side = int(file.read_text())
            yield lambda file=file, side=side: Record(file.stem, "squares", Scene.empty(side, side), name=file.stem)

    monkeypatch.setitem(registry.FORMATS, read_squares.name, read_squares)
    (tmp_path / "a.txt").write_text("7")
    assert registry.formats()["squares"] == "Text files of sizes"
    assert [record.scene.width for record in registry.read("squares", tmp_path)] == [7]


def test_an_inserter(monkeypatch: pytest.MonkeyPatch) -> None:
    class Red:
        name, side = "red", None

        def __call__(self, request: PaintRequest) -> Painting:
            image = request.image.copy()
            image[request.mask] = (255, 0, 0)
            return Painting(image)

    monkeypatch.setitem(load.INSERTERS, "red", lambda name, **options: Red())
    photo, mask = np.full((20, 30, 3), 90, np.uint8), np.zeros((20, 30), dtype=bool)
    mask[5:15, 10:20] = True
    scene = Scene(20, 30, (), photo)
    done = insert(photo, [ObjectRequest("ball", mask=mask)], scene=scene, inpainter="red")
    assert insert_objects is insert
    assert (done.image[8:12, 13:17] == (255, 0, 0)).all()
    assert (done.image[~mask] == 90).all()


def test_a_benchmark(tmp_path: Path) -> None:
    class CountSettings(ReportSettings):
        upto: int = option(3, "How far.", ge=1)

    def run(settings: CountSettings) -> None:
        """Counts."""
        report: dict[str, Any] = {**heading("count"), "sum": sum(range(settings.upto + 1))}
        finish("count", report, ["# Count", str(report["sum"])], settings)

    app = group_of((Benchmark("count", CountSettings, run), Benchmark("again", CountSettings, run)))
    result = CliRunner().invoke(app, ["count", "--upto", "4", "--out", str(tmp_path / "out")])
    assert result.exception is None
    assert result.output.splitlines()[-1] == "10"
    assert (tmp_path / "out" / "count.md").is_file()
