"""Pseudo-layouts of photographs: panoptic models of the real classes, in batches, as packs that training reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_segmenters import KINDS, save_segmenter

from smartmask.batch.layouts import WHOLE, LayoutsJob
from smartmask.cli.main import main
from smartmask.data.pack import Pack
from smartmask.data.splits import split_of
from smartmask.image.files import load_photo, save_png
from smartmask.scene.segment import load_segmenter, segment, segment_batch

SIZES = ((48, 64), (48, 64), (64, 48), (48, 64), (60, 60))


def photo(number: int, height: int, width: int) -> np.ndarray:
    """Two coloured halves with some noise."""
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 60, (height, width, 3))
    picture[: height // 2] += rng.integers(0, 190, 3)
    return picture.astype(np.uint8)


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, size in enumerate(SIZES):
        save_png(photo(number, *size), folder / f"{number:012d}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_segmenter("mask2former", tmp_path_factory.mktemp("models") / "m2f")


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_reads_what_each_photo_shows_alone(kind: str, tmp_path: Path) -> None:
    segmenter = load_segmenter(save_segmenter(kind, tmp_path / kind))
    pictures = [photo(number, *size) for number, size in enumerate(SIZES)]
    together = segment_batch(pictures, segmenter)
    assert any(together), "they show something"
    for layers, picture in zip(together, pictures, strict=True):
        alone = segment(picture, segmenter)
        assert [(layer.name, layer.thing) for layer in layers] == [(layer.name, layer.thing) for layer in alone]
        for one, other in zip(layers, alone, strict=True):
            assert np.mean(one.mask != other.mask) < 0.002, "but for pixels on an edge: kernels vary with the batch"


def test_photos_become_a_pack(photos: Path, model: Path, tmp_path: Path) -> None:
    line = ["data", "layouts", str(photos), "--segmenter", str(model), "--out", str(tmp_path / "out"), "--shard", "2",
            "--batch", "2"]  # fmt: skip
    assert main(line) == 0
    pack = Pack(tmp_path / "out" / WHOLE)
    assert pack.meta.keys == [str(number) for number in range(5)], "COCO's photographs by their ids"
    assert pack.meta.splits == [split_of(key) for key in pack.meta.keys]
    assert set(pack.meta.sources) == {"pseudo"}
    assert pack.meta.modals.all()
    segmenter = load_segmenter(model)
    for number in (0, 4):
        alone = segment(load_photo(photos / f"{number:012d}.png"), segmenter)
        layers = pack[number].scene.layers
        assert [layer.name for layer in layers] == [layer.name for layer in alone]
        assert all(np.mean(one.mask != other.mask) < 0.002 for one, other in zip(layers, alone, strict=True))
    # a shard lost is made again, and the whole with it
    whole = (tmp_path / "out" / WHOLE).read_bytes()
    (tmp_path / "out" / "000001.parquet").unlink()
    (tmp_path / "out" / WHOLE).unlink()
    report = LayoutsJob(source=str(photos), segmenter=str(model), out=tmp_path / "out", shard=2, batch=2).run()
    assert (report.done, report.already) == (1, 2)
    assert (tmp_path / "out" / WHOLE).read_bytes() == whole


def test_training_takes_them(photos: Path, model: Path, tmp_path: Path) -> None:
    """What 'train latent' learns from: things of scenes of the train split."""
    from smartmask.io.package import BUNDLED_TEXT
    from smartmask.text.encoder import TextEncoder
    from smartmask.train.tasks.latent_pairs import LatentPairs

    LayoutsJob(source=str(photos), segmenter=str(model), out=tmp_path / "out").run()
    pairs = LatentPairs(Pack(tmp_path / "out" / WHOLE), TextEncoder.from_pretrained(BUNDLED_TEXT), 32)
    assert {split_of(pairs.pack.meta.keys[target.scene]) for target in pairs.targets} == {"train"}
    pair, key = pairs.pair(np.random.default_rng(0))
    assert pair.name in ("dog", "person")
    assert split_of(key.split()[0]) == "train"


def test_a_photo_that_shows_nothing_is_counted(photos: Path, model: Path, tmp_path: Path) -> None:
    report = LayoutsJob(source=str(photos), segmenter=str(model), out=tmp_path / "out", score=0.999999).run()
    assert report.counts["layouts"] + report.counts["empty"] == len(SIZES)
    assert report.counts["empty"] > 0
