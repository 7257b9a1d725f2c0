"""Where the baselines' outlines come from: a curated table, a model's memory, the pack; licences and splits count."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack
from smartmask.data.targets import Protocol
from smartmask.evaluate.memories import curated_outlines, memory_of, read_outlines
from smartmask.evaluate.protocol import ObjectSettings
from smartmask.evaluate.systems import assemble, baseline_outlines, load_pipeline
from smartmask.geometry import rle_encode
from smartmask.masks import pipeline
from smartmask.masks.exemplar.memory import Remembered, remember, write_memory
from smartmask.masks.exemplar.outline import trace

EVERY = Protocol(limit=None)


def disk(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return (x / width * 2 - 1) ** 2 + (y / height * 2 - 1) ** 2 <= 1


def row(name: str | None, split: str, tier: str = "open", verdict: str = "whole", width: int = 30) -> dict[str, Any]:
    mask = disk(20, width)
    return {
        "name": name, "set": "taco" if tier == "open" else "voc", "tier": tier, "source": f"{split}-{name}",
        "split": split, "verdict": verdict, "kind": "photo", "h": 20, "w": width,
        "counts": rle_encode(mask)["counts"],
    }  # fmt: skip


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    rows = [row("ball", "train", width=w) for w in (20, 30, 40)] + [row("bus", "train", "research")]
    rows += [row("ball", "test"), row(None, "train"), row("ball", "train", verdict="cut"), row("ball", "dev")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "outlines.parquet")
    return tmp_path / "outlines.parquet"


def test_a_curated_table_gives_whole_named_outlines_of_a_split(curated: Path) -> None:
    train = curated_outlines(curated, "train")
    assert sorted(train.names) == ["ball", "ball", "ball", "bus"]
    assert sorted(train.aspects) == [1, 1.5, 1.5, 2]
    assert set(train.sets) == {"taco", "voc"}
    assert train.shape(0).mean() == pytest.approx(np.pi / 4, abs=0.02)
    assert curated_outlines(curated, "test").keys.tolist() == ["test-ball"]
    assert set(read_outlines(curated, "open").names) == {"ball"}
    assert "licence tier open" in read_outlines(curated, "open").about


def test_bad_tables_and_tiers_are_one_sentence(curated: Path, pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="licence tier secret"):
        read_outlines(curated, "secret")
    with pytest.raises(ValueError, match="does not exist"):
        read_outlines(tmp_path / "nowhere.parquet")
    with pytest.raises(ValueError, match="is not a Parquet file as it should be"):
        read_outlines(pack.path)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="is not a Parquet file as it should be"):
        read_outlines(tmp_path / "damaged.parquet")
    with pytest.raises(ValueError, match="no licence tier 'open'"):
        baseline_outlines(pack, EVERY, None, None, "open")


def test_a_models_memory_is_read_without_what_is_not_whole(pack: Pack) -> None:
    outline = SimpleNamespace(cells=lambda side: np.ones((side, side), bool))
    memory = SimpleNamespace(
        aspects=lambda rows: np.full(len(rows), 2.0), whole=np.array([True, False]), name=np.array([0, 0]),
        set=np.array([0, 0]), names=("cup",), sets=(("taco", "CC BY 4.0"),), sources=("a", "b"),
        outline=lambda row: outline,
    )  # fmt: skip
    pipe = SimpleNamespace(model=SimpleNamespace(memory=memory))
    found = memory_of(pipe)
    assert found is not None
    assert (found.names.tolist(), found.sets.tolist(), found.keys.tolist()) == (["cup"], ["taco"], ["a"])
    assert found.shape(0).all()
    assert memory_of(SimpleNamespace()) is None
    assert baseline_outlines(pack, EVERY, pipe, None, None).names.tolist() == ["cup"]


def test_systems_are_assembled_over_a_memory(pack: Pack, curated: Path) -> None:
    settings = ObjectSettings.of(data=pack.path, memory=curated)
    asked = assemble(("cover", "retrieval"), pack, EVERY, settings)
    assert set(asked.systems) == {"cover", "retrieval"}
    assert len(asked.bank.outlines) == 4
    assert asked.pipe is None
    assert asked.about["memory"].startswith("4 outlines")


def test_licences_reach_the_report_and_unknown_ones_are_refused(pack: Pack, curated: Path) -> None:
    command = ["masks", "--data", str(pack.path), "--limit", "2", "--whole", "0", "--systems", "cover", "--memory"]
    found = CliRunner().invoke(app, [*command, str(curated), "--licences", "open"], catch_exceptions=False)
    assert "licences: open" in found.stdout
    assert "memory: 3 outlines" in found.stdout
    with pytest.raises(ValueError, match="licences are 'secret'"):
        load_pipeline(None, "secret")


def test_memory_files_are_read_by_tier(tmp_path: Path, pack: Pack) -> None:
    def write(name: str, *things: str) -> None:
        outlines = [Remembered(trace(disk(40, 60)), thing, "taco", f"{thing} 1", "CC BY 4.0") for thing in things]
        outlines.append(Remembered(trace(disk(40, 60)), "cut", "taco", "c 1", "CC BY 4.0", cut="l"))
        (tmp_path / f"{name}.safetensors").write_bytes(write_memory(remember(outlines)))

    write("open", "cup", "can")
    write("research", "ball")
    assert sorted(read_outlines(tmp_path).names) == ["ball", "can", "cup"]
    assert sorted(read_outlines(tmp_path, "open").names) == ["can", "cup"]
    assert read_outlines(tmp_path / "research.safetensors").names.tolist() == ["ball"]
    assert read_outlines(tmp_path, "open").shape(0).mean() == pytest.approx(np.pi / 4, abs=0.03)
    with pytest.raises(ValueError, match="tier 'secret'; it has open, research"):
        read_outlines(tmp_path, "secret")
    with pytest.raises(ValueError, match="does not exist"):
        read_outlines(tmp_path / "nowhere.safetensors")


def test_figures_do_not_hang_on_the_users_own_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    class Remembering:
        @classmethod
        def from_pretrained(cls, folder: Any = None, *, licences: str = "all", memory: Any = None) -> str:
            told.update(folder=folder, licences=licences, files=list(Path(memory).iterdir()))
            return "loaded"

    monkeypatch.setattr(pipeline, "SmartMaskPipeline", Remembering)
    assert load_pipeline(Path("weights"), "open") == "loaded"
    assert told == {"folder": Path("weights"), "licences": "open", "files": []}
    load_pipeline(None, "all")
    assert told["licences"] == "all"
