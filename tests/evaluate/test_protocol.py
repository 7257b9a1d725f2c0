"""A benchmark is settings and a run: adding one is a file and a line, shown with one that counts objects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app, group_of
from smartmask.data.pack import Pack
from smartmask.data.targets import find_targets
from smartmask.evaluate.protocol import Benchmark, ObjectSettings, listed
from smartmask.evaluate.report import about_line, finish, heading, table
from smartmask.evaluate.tasks import BENCHMARKS
from smartmask.io.settings import Settings, option


class CountSettings(ObjectSettings):
    """The whole file of a tiny benchmark: settings, a run, and the record."""

    least: int = option(1, "Objects that a name needs.", ge=1)


def run(settings: CountSettings) -> None:
    """How many objects of a name there are.

    Writes count.json and count.md.
    """
    names = [target.name for target in find_targets(Pack(settings.data), settings.protocol())]
    counts = {name: names.count(name) for name in sorted(set(names)) if names.count(name) >= settings.least}
    report = {**heading("count"), "split": settings.split, "counts": counts}
    finish("count", report, [about_line(report), "", *table(["name", "objects"], list(counts.items()))], settings)


COUNT = Benchmark("count", CountSettings, run)


def test_a_new_benchmark_is_a_line_in_the_table(pack: Pack, tmp_path: Path) -> None:
    tiny = group_of((*BENCHMARKS, COUNT))
    line = ["count", "--data", str(pack.path), "--out", str(tmp_path / "out"), "--json"]
    shown = CliRunner().invoke(tiny, line, catch_exceptions=False)
    report = json.loads(shown.stdout)
    assert report["counts"] == {"ball": 8, "bus": 8}
    assert json.loads((tmp_path / "out" / "count.json").read_text("utf-8")) == report
    assert "| ball | 8 |" in (tmp_path / "out" / "count.md").read_text("utf-8")
    few = CliRunner().invoke(tiny, [*line[:3], "--split", "dev", "--least", "3"], catch_exceptions=False)
    assert "ball" not in few.stdout
    with pytest.raises(ValueError, match="The least is 0; it must be at least 1"):
        CliRunner().invoke(tiny, [*line[:3], "--least", "0"], catch_exceptions=False)
    assert COUNT.help == "How many objects of a name there are."


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_every_benchmark_says_what_it_measures_and_takes(benchmark: Benchmark) -> None:
    assert len(benchmark.help) > 30
    assert issubclass(benchmark.settings, Settings)
    assert all(field.description for field in benchmark.settings.model_fields.values())
    shown = CliRunner().invoke(app, [*benchmark.name.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    assert benchmark.help.split()[0] in shown.output


def test_names_are_told_once() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)


def test_help_does_not_load_torch() -> None:
    heavy = "{'torch', 'diffusers', 'transformers', 'accelerate', 'scipy', 'pyarrow'}"
    code = f"import sys, smartmask.cli.evaluate; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_lists_are_read_once_each() -> None:
    assert listed(" voc, coco,voc ,") == ("voc", "coco")
