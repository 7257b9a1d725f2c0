"""Training on shards: the streams, their resuming, and the two commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from brushes import coco_folder

from smartmask.data.pack import Pack
from smartmask.data.packing.index import TAR
from smartmask.data.packing.plan import Recipe
from smartmask.data.packing.run import pack_sources
from smartmask.data.shards.source import Shards
from smartmask.insertion.smartbrush.network import Parts
from smartmask.io.package import BUNDLED_TEXT
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import VocabularyWords
from smartmask.train.settings import InpaintSettings, LatentTrainSettings
from smartmask.train.tasks.inpaint import train_inpaint
from smartmask.train.tasks.inpaint_shards import ShardCropStream, dev_photos
from smartmask.train.tasks.latent import train_latent
from smartmask.train.tasks.latent_shards import ShardPairStream, dev_scenes

SIDE = 32


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED_TEXT)


@pytest.fixture(scope="module")
def layouts(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn pack as shards of at most 4 scenes."""
    out = tmp_path_factory.mktemp("layouts") / "shards"
    pack_sources([("pack", pack.path)], Recipe(TAR, unit=4), out)
    return out


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 train and 3 dev photographs."""
    sets, out = coco_folder(tmp_path_factory.mktemp("sets"), 12), tmp_path_factory.mktemp("photos") / "shards"
    pack_sources([("coco_instances", sets / "coco")], Recipe(TAR, None, photos=True, unit=4), out)
    return out


def latent_stream(layouts: Path, text: TextEncoder, **changes: Any) -> ShardPairStream:
    given = {"batch": 3, "lanes": 2, "seed": 5, **changes}
    return ShardPairStream(Shards.at(layouts, "train"), text, SIDE, VocabularyWords(text), **given)


def crop_stream(photos: Path, text: TextEncoder, **changes: Any) -> ShardCropStream:
    given = {"batch": 3, "lanes": 2, "seed": 5, **changes}
    return ShardCropStream(Shards.at(photos, "train"), SIDE, VocabularyWords(text), Parts(), **given)


STREAMS: dict[str, Callable[..., Any]] = {"layouts": latent_stream, "photos": crop_stream}


@pytest.mark.parametrize("name", STREAMS)
def test_a_sample_depends_on_its_number_alone(
    request: pytest.FixtureRequest, text: TextEncoder, name: str
) -> None:  # fmt: skip
    """The same, whoever takes it: one process, two, another batch, or workers that make batches ahead."""
    folder = request.getfixturevalue(name)
    one = STREAMS[name](folder, text)
    batches = [next(one) for _ in range(8)]
    ids = [found for batch in batches for found in batch.ids]
    late = STREAMS[name](folder, text, batch=6)
    late.load_state_dict({"position": 2})
    again = next(late)
    assert again.ids == ids[12:18]
    for key, value in again.tensors.items():
        assert torch.equal(value, torch.cat([batches[4].tensors[key], batches[5].tensors[key]])), key
    second = STREAMS[name](folder, text, workers=1)
    second.start(1, 2)
    assert [next(second).ids for _ in range(2)] == [batches[1].ids, batches[3].ids]
    second.close()


def test_each_photograph_comes_once_an_epoch(photos: Path, text: TextEncoder) -> None:
    stream = crop_stream(photos, text, batch=4, lanes=1)
    keys = [name.split()[0] for _ in range(6) for name in next(stream).ids]
    assert len({*keys[:12]}) == len({*keys[12:]}) == 12
    assert keys[:12] != keys[12:]
    assert len(dev_photos(photos)) == 3


def test_each_scene_gives_a_pair_of_its_own(layouts: Path, text: TextEncoder, pack: Pack) -> None:
    stream = latent_stream(layouts, text, lanes=1, batch=15)
    plain = [one for _ in range(8) for one in next(stream).ids if " with " not in one]
    counts = Counter(plain)
    train = {key for key, split, source in zip(pack.meta.keys, pack.meta.splits, pack.meta.sources, strict=True)
             if split == "train" and source != "shapes"}  # fmt: skip
    assert set(counts) == train
    assert max(counts.values()) < 5 * min(counts.values())
    dev = dev_scenes(layouts)
    assert dev is not None
    assert len(dev) == 4


def test_shards_that_cannot_be_trained_on(layouts: Path, photos: Path, text: TextEncoder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hold no photographs"):
        crop_stream(layouts, text)
    with pytest.raises(ValueError, match="is a command"):
        train_latent(LatentTrainSettings(data="pipe:true", out=tmp_path / "run"))
    with pytest.raises(ValueError, match="shards to be read in turn, not a pack"):
        Pack(layouts)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    from smartmask.masks.latent import presets

    monkeypatch.setitem(presets.PRESETS, "tiny", replace(presets.PRESETS["tiny"], side=SIDE))


@pytest.mark.usefixtures("small")
def test_the_latent_model_trains_on_shards_and_goes_on_to_the_same_bits(
    layouts: Path, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    def settings(out: str) -> LatentTrainSettings:
        return LatentTrainSettings(data=layouts, out=tmp_path / out, steps=4, batch=2, save_every=2)

    whole = train_latent(settings("whole"))
    stops_at(3)
    with pytest.raises(KeyboardInterrupt):
        train_latent(settings("parted"))
    stops_at(-1)
    parted = train_latent(settings("parted"))
    name = "unet/diffusion_pytorch_model.safetensors"
    assert (whole / name).read_bytes() == (parted / name).read_bytes()


def test_smartbrush_trains_on_shards(photos: Path, tmp_path: Path) -> None:
    settings = InpaintSettings(
        data=str(photos), out=tmp_path / "run", preset="tiny", steps=2, batch=2, workers=0, precision="no",
        sample_every=2,
    )  # fmt: skip
    assert (train_inpaint(settings) / "model_index.json").is_file()
    assert (tmp_path / "run" / "samples" / "step_000002.png").is_file()
