"""Packing over a Ray cluster of two machines, one of which is lost in the middle."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from smartmask.data.discover import Source
from smartmask.data.packing.plan import Recipe
from smartmask.data.packing.run import pack_sources, workers_of

pytest.importorskip("ray")
RECIPE = Recipe(unit=3)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_one_of_two_machines_is_lost(sources: list[Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import ray
    from ray.cluster_utils import Cluster

    pack_sources(sources, RECIPE, tmp_path / "alone")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    _, second = (cluster.add_node(num_cpus=1, resources={f"node{number}": 1}) for number in (1, 2))
    ray.init(address=cluster.address, log_to_driver=False)
    lost = threading.Event()

    def lose() -> None:
        """As soon as some units are done, but not all."""
        notes = tmp_path / "pack.packing"
        while len(list(notes.glob("unit-*.json"))) < 3:
            time.sleep(0.01)
        cluster.remove_node(second, allow_graceful=False)
        lost.set()

    thread = threading.Thread(target=lose, daemon=True)
    thread.start()
    seen: list[int] = []

    def watched(function: Any, items: Any) -> Any:
        for result in workers_of(2, cluster.address)(function, items):
            seen.append(0 if lost.is_set() else 1)
            yield result

    try:
        pack_sources(sources, RECIPE, tmp_path / "pack", watched)
    finally:
        ray.shutdown()
        cluster.shutdown()
    thread.join(60)
    assert lost.is_set(), "the machine was lost before the end"
    assert contents(tmp_path / "pack") == contents(tmp_path / "alone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "pack"]
    with capsys.disabled():
        print(f"\n{len(seen)} results, {seen.count(0)} of them after the machine was lost")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_a_task_says_is_told(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "bad.png").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"bad\.png"):
        pack_sources([("voc", tmp_path / "maps")], RECIPE, tmp_path / "pack", workers_of(1, "local"))


def test_a_cluster_that_is_not_there(sources: list[Source], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no Ray cluster at '127\.0\.0\.1:9' .*refused"):
        pack_sources(sources, RECIPE, tmp_path / "other", workers_of(1, "127.0.0.1:9"))
    assert list(tmp_path.iterdir()) == []
