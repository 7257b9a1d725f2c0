"""The papers' cost: operations counted on the real classes; hours, money and carbon by their formulas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.evaluate.tasks.cost import counted as counting
from smartmask.evaluate.tasks.cost.main import Card, CostSettings, cards_of, computed, cost, lines_of
from smartmask.evaluate.tasks.cost.work import tables, trainings

PAGE = Path(__file__).resolve().parents[4] / "docs" / "cost.md"
PASSES = {name for one in (*trainings().values(), *tables(8)) for name in one.passes}
ONES = dict.fromkeys(PASSES, 1e12)


def test_the_formulas() -> None:
    """An hour of a card at its stated speed is two hours at half of it."""
    settings = CostSettings(utilisation=0.5, overhead=1.5, carbon=200)
    found = cost(3600 * 989e12, Card("H100", 989e12, 3.0, 1000), settings)
    assert (found.hours, found.money) == pytest.approx((2, 6))
    assert found.carbon == pytest.approx(2 * 1.5 * 0.2)


def test_trainings_are_those_of_the_shipped_configs() -> None:
    runs = trainings()
    assert runs["SmartMask"].samples == 100_000 * 192
    assert runs["SmartBrush"].samples == 20_000 * 256
    assert runs["SmartMask"].work(ONES) == pytest.approx(19.2e6 * 5e12)  # there and back, two encodings, two texts


def test_a_table_costs_its_pictures_and_its_trainings() -> None:
    report = computed(CostSettings(objects=10), ONES)
    row = report["tables"]["SmartBrush, ablation"]
    alone, six = row["asking"]["H100"]["hours"], report["trainings"]["SmartBrush"]["cards"]["H100"]["hours"] * 6
    assert row["with_trainings"]["H100"]["hours"] == pytest.approx(alone + six)
    double = computed(CostSettings(objects=20), ONES)["tables"]["SmartBrush, ablation"]
    assert double["asking"]["H100"]["hours"] == pytest.approx(2 * alone)


def test_cores_follow_from_the_measured_rate() -> None:
    """One that takes half as many samples a second needs half the cores."""
    fast, slow = (computed(CostSettings(utilisation=u), ONES)["trainings"]["SmartMask"] for u in (0.4, 0.2))
    assert fast["cards"]["H100"]["cores"] == pytest.approx(989 * 0.4 / 5 / 66)
    assert slow["cards"]["H100"]["cores"] == pytest.approx(fast["cards"]["H100"]["cores"] / 2)
    assert computed(CostSettings(), ONES)["trainings"]["planner"]["cards"]["H100"]["cores"] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [("Z9=1/2", "Z9"), ("H100", "NAME=PRICE/WATTS"), ("H100=1/x", "H100=1/x"), ("H100=-1/700", "-1"),
     ("H100=1/nan", "nan")],
)  # fmt: skip
def test_wrong_cards_are_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        cards_of(text)


def test_smartmask_is_counted_at_full_size() -> None:
    """There and back is three times there; LoRA saves most gradients of weights. No weight has memory."""
    with torch.device("meta"):
        found = counting._latent(16)
    assert found["latent train"] == pytest.approx(2.42e12, rel=0.01)
    assert found["latent train"] == pytest.approx(3 * found["latent"], rel=0.01)
    assert 2 * found["latent"] < found["latent lora"] < found["latent train"]


def test_the_command_prints_and_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(counting, "operations", lambda *_: ONES)
    result = CliRunner().invoke(app, ["cost", "--objects", "7", "--cards", "A100=1/800", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "SmartMask, Table 1" in result.output
    assert json.loads((tmp_path / "cost.json").read_text())["assumed"]["objects"] == 7


@pytest.mark.slow
def test_the_page_is_what_the_command_prints() -> None:
    """On any machine: nothing of it is measured by a clock."""
    report = computed(CostSettings(), counting.operations(1024, 128, 16))
    lines = [line for line in lines_of(report) if line.startswith("|")]
    assert len(lines) > 40
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in page if line.startswith("|")] == lines
