"""The same batches on a local Ray cluster of two actors, one of them killed in the midst of its task."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from batch_works import MakeWriting, times_begun

from smartmask.batch.ledger import ledger
from smartmask.batch.masks import BatchJob
from smartmask.batch.run import Tally, run_tasks
from smartmask.batch.tasks import Task
from smartmask.image.files import save_png

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Actors find the modules of tests, and this package also where it is not installed."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]))


def test_a_killed_actor_is_replaced_and_its_task_done(tmp_path: Path) -> None:
    from smartmask.batch.on_ray import RayCrew

    kinds = ["", "kills once", "fails", "kills", 0.1, ""]
    tasks = iter([Task(f"{number:03d}", what, "a") for number, what in enumerate(kinds)])
    tally, make = Tally(), MakeWriting(tmp_path)
    with ledger(tmp_path, "test") as known:
        run_tasks(tasks, lambda size: RayCrew(make, size, "local"), known, tally, workers=2, tries=2)
    assert (tally.done, tally.failed, tally.died) == (4, 2, 3)
    assert times_begun(tmp_path, "001") == 2
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"000", "001", "004", "005"}
    assert not ray.is_initialized()


def test_masks_are_those_of_processes(tmp_path: Path, tiny_weights: Path) -> None:
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        save_png(noise, tmp_path / "photos" / f"{number}.png") if number else (tmp_path / "photos").mkdir()
    pictures = []
    for name, where in (("local", {}), ("ray", {"ray": "local"})):
        job = BatchJob(
            source=tmp_path / "photos", out=tmp_path / name, object=("dog",), box=("5,5,50,40",), num_masks=2,
            weights=tiny_weights, workers=2, **where,
        )  # fmt: skip
        report = job.run()
        assert (report.done, report.failed) == (3, 0)
        pictures.append({p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.png")})
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 15


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    from smartmask.batch.on_ray import RayCrew

    with pytest.raises(ValueError, match="No Ray cluster answers at '127"):
        RayCrew(MakeWriting(tmp_path), 1, "127.0.0.1:1")
