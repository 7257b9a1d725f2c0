"""Which outlines are remembered loosely, and what a memory makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outlined import lump

from smartmask.geometry import rle_encode
from smartmask.train import loose
from smartmask.train.loose import loose_rows
from smartmask.train.memory import build_memories


def row(number: int, name: str = "ball", mask: np.ndarray | None = None, **more: object) -> dict[str, object]:
    """A curated outline as the table has it."""
    mask = lump(number, 50, 40 + number) if mask is None else mask
    known: dict[str, object] = {
        "name": name, "set": "voc", "tier": "research", "licence": "not stated", "kind": "photo",
        "source": f"s{number}", "split": "train", "number": number, "verdict": "whole", "cut": "", "quality": 0.7,
        "azimuth": None, "counts": rle_encode(mask)["counts"], "h": mask.shape[0], "w": mask.shape[1],
    }  # fmt: skip
    return known | more


def sources(rows: list[dict[str, object]]) -> list[object]:
    return [r["source"] for r in rows]


def ell(high: int) -> np.ndarray:
    """An L in a box 50 cells a side, its foot so high: nothing like a lump."""
    mask = np.zeros((50, 50), bool)
    mask[:, :10] = True
    mask[-high:] = True
    return mask


def tee(at: int) -> np.ndarray:
    mask = np.zeros((50, 50), bool)
    mask[:10] = True
    mask[:, at : at + 8] = True
    return mask


def test_verdicts_that_may_show_a_thing_are_taken_and_no_others() -> None:
    whole = [row(1, mask=ell(8))]
    rows = [*whole, row(2, mask=tee(0), verdict="touching"), row(3, mask=tee(20), verdict="doubtful")]
    rows += [row(4, mask=ell(30), verdict="reviewed")]
    for number, verdict in enumerate(("duplicate", "fused", "tiny", "unnamed", "cut"), start=5):
        rows.append(row(number, mask=tee(30 + number), verdict=verdict))
    rows.append(row(20, mask=tee(10), verdict="touching", kind="model"))
    assert sources(loose_rows(rows, whole)) == ["s2", "s3", "s4"]


def test_a_name_without_a_whole_outline_gets_none() -> None:
    whole = [row(1, mask=ell(8))]
    assert loose_rows([*whole, row(2, "hat", tee(0), verdict="touching")], whole) == []


@pytest.mark.parametrize("split", ["test", "dev"])
@pytest.mark.parametrize("verdict", ["whole", "touching", "cut"])
def test_what_repeats_another_split_stays_out_also_mirrored(split: str, verdict: str) -> None:
    whole = [row(1, mask=ell(8))]
    apart = row(9, mask=tee(4), split=split, verdict=verdict)
    told, mirrored, other = tee(4), tee(4)[:, ::-1], tee(21)
    rows = [*whole, apart, row(2, mask=told, verdict="touching"), row(3, mask=mirrored, verdict="touching"),
            row(4, mask=other, verdict="touching")]  # fmt: skip
    assert sources(loose_rows(rows, whole)) == ["s4"]


def test_of_repeats_the_clearest_is_kept_and_none_of_a_whole_one() -> None:
    whole = [row(1, mask=ell(8))]
    rows = [*whole, row(2, mask=ell(8), verdict="reviewed"), row(3, mask=tee(4), verdict="touching", quality=0.2),
            row(4, mask=tee(4), verdict="touching", quality=0.6)]  # fmt: skip
    assert sources(loose_rows(rows, whole)) == ["s4"]


def test_a_verdict_has_its_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose, "LOOSE", {"touching": 1, "doubtful": 5})
    whole = [row(1, mask=ell(8))]
    rows = [*whole, row(2, mask=tee(0), verdict="touching", quality=0.3), row(3, mask=tee(21), verdict="touching")]
    rows.append(row(4, mask=ell(30), verdict="doubtful"))
    assert sources(loose_rows(rows, whole)) == ["s3", "s4"]


def test_remembered_they_are_not_whole_and_of_no_quality(tmp_path: Path) -> None:
    file = tmp_path / "outlines.parquet"
    rows = [row(1, mask=ell(8)), row(2, mask=tee(0), verdict="touching", quality=0.9)]
    pq.write_table(pa.Table.from_pylist(rows), file)
    memory = build_memories(file, {})["research"]
    place = {source: index for index, source in enumerate(memory.sources)}
    assert set(place) == {"s1", "s2"}
    assert memory.whole[place["s1"]]
    assert not memory.whole[place["s2"]]
    assert memory.quality[place["s1"]] > 0 == memory.quality[place["s2"]]
