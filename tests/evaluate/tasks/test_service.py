"""The load test of the service, in a second: what it counts, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smartmask.evaluate.tasks.service import Answers, ServiceSettings, mixture, run, service_lines, summary


def test_the_real_service_is_asked_and_its_answers_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(ServiceSettings.of(seconds=1.0, workers=1, queue=0, users="1,4", num_masks=1, out=tmp_path / "report"))
    report = json.loads((tmp_path / "report" / "service.json").read_text())
    alone, crowd = report["rows"]
    assert alone["answered"] >= 1
    assert set(alone["status"]) == {"200"}
    assert crowd["status"].get("429", 0) >= 1  # four ask one worker without a queue
    assert set(crowd["status"]) <= {"200", "429"}
    assert "| 4 |" in capsys.readouterr().out


def test_a_row_tells_the_median_and_the_slowest() -> None:
    answers = Answers()
    for second in range(1, 102):
        answers.add("/v1/masks", 200, float(second))
    answers.add("/v1/names?q=a", 200, 0.1)
    answers.add("/v1/masks", 429, 0.01)
    row = summary(3, 10.0, answers, None)
    assert (row["masks_p50"], row["masks_p99"]) == (51, 100)
    assert row["answered"] == 102
    assert row["status"] == {"200": 102, "429": 1}
    report = {"workers": 1, "queue": 2, "seconds": 10.0, "num_masks": 8, "rows": [row]}
    assert any("1 x 429" in line for line in service_lines(report))


def test_the_mixture_is_of_several_kinds() -> None:
    assert {path.partition("?")[0] for _, path, _ in mixture(2)} == {"/v1/masks", "/v1/plan", "/v1/names", "/v1/layout"}


@pytest.mark.parametrize("users", ["", "0", "1,x", "5000"])
def test_wrong_users_are_told(users: str) -> None:
    with pytest.raises(ValueError, match="users"):
        _ = ServiceSettings.of(users=users).rows
