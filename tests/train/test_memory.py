"""The memory made from a table of curated outlines; components put together into a folder that the pipeline loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outlined import lump, tiny_chooser
from tiny_exemplar import tiny_places, tiny_strokes

from smartmask.data.pack import Pack
from smartmask.geometry import rle_encode
from smartmask.guides import Box
from smartmask.io.components import save_component
from smartmask.masks.exemplar.memory import read_memory
from smartmask.masks.exemplar.own import embedded
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Scene
from smartmask.train import memory as made
from smartmask.train.memory import build_memories, bundle_model, make_memory, read_curated


def row(number: int, name: str | None = "ball", **more: object) -> dict[str, object]:
    """A curated outline as the table has it."""
    mask = lump(number, 50, 40 + number)
    known: dict[str, object] = {
        "name": name, "set": "voc", "tier": "research", "licence": "not stated", "kind": "photo",
        "source": f"s{number}", "split": "train", "number": number, "verdict": "whole", "cut": "", "quality": 0.7,
        "azimuth": None, "counts": rle_encode(mask)["counts"], "h": mask.shape[0], "w": mask.shape[1],
    }  # fmt: skip
    return known | more


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    """Six balls under an open licence, four under none, and what must stay out."""
    rows = [row(n, set="coco", tier="open", licence="CC BY 4.0") for n in range(6)] + [row(n) for n in range(10, 14)]
    rows += [row(20, split="test"), row(21, split="dev"), row(22, verdict="fused"), row(23, name=None)]
    rows += [row(24, verdict="cut", cut="b", quality=0.9), row(25, verdict="cut", cut="b", quality=0.01)]
    file = tmp_path / "outlines.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def test_only_what_may_be_learnt_is_read(curated: Path) -> None:
    assert len(read_curated(curated)) == 16
    memories = build_memories(curated, {("coco", "s3", 3): {"sitting": 1.0}})
    sources = {tier: set(memory.sources) for tier, memory in memories.items()}
    assert sources == {"open": {f"s{n}" for n in range(6)}, "research": {f"s{n}" for n in (10, 11, 12, 13, 24)}}
    cut = memories["research"].cut[memories["research"].sources.index("s24")]
    assert cut == 8
    sitting = memories["open"].traits[:, memories["open"].trait_names.index("sitting")]
    assert dict(zip(memories["open"].sources, sitting.tolist(), strict=True))["s3"] == 127


def test_of_a_crowded_name_the_clearest_are_kept(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "MOST_WHOLE", 3)
    assert sum(int((memory.cut == 0).sum()) for memory in build_memories(curated, {}).values()) == 3


def test_made_and_bundled_it_draws(
    curated: Path, pack: Pack, text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartmask.train.traits.all_traits", lambda file: {})
    monkeypatch.setattr(made, "build_strokes", lambda *given: tiny_strokes())
    chooser = tiny_chooser()
    save_component(tmp_path / "chooser", chooser, chooser.config)
    tiny_places().save(tmp_path / "place")
    folder, counts = make_memory(curated, pack.path, text_folder, tmp_path / "chooser", tmp_path)
    assert counts == {"open": 6, "research": 5}
    assert sorted(file.name for file in folder.iterdir()) == [
        "open.safetensors", "research.safetensors", "strokes.safetensors",
    ]  # fmt: skip
    kept = read_memory(folder / "open.safetensors")
    assert np.array_equal(kept.embeddings, embedded(kept, chooser).embeddings)

    out = bundle_model(text_folder, tmp_path / "chooser", folder, tmp_path / "place", tmp_path / "bundle")
    pipe = SmartMaskPipeline.from_pretrained(out)
    found = pipe(Scene.empty(60, 80), "ball", guidance=Box(10, 10, 50, 50), num_masks=8, generator=0)
    assert {why["outline"]["name"] for why in found.why} == {"ball"}
    opened = SmartMaskPipeline.from_pretrained(out, licences="open")
    assert set(opened.model.memory.sources) == {f"s{n}" for n in range(6)}  # type: ignore[attr-defined]


def test_a_missing_part_is_named(text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"chooser/config\.json is missing"):
        bundle_model(text_folder, tmp_path / "chooser", tmp_path / "memory", tmp_path / "place", tmp_path / "out")
    assert not (tmp_path / "out").exists()
