"""A small pack of drawn scenes to train on: things on stuff, one in front of the other, in train and dev pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import block, ellipse, lumpy

from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.io.package import BUNDLED_TEXT
from smartmask.scene import Layer, Scene
from smartmask.train.trainer import Trainer

HEIGHT, WIDTH = 96, 128
TEXT = BUNDLED_TEXT


def drawn_scene(rng: np.random.Generator, modal: bool) -> Scene:
    """A ball that stands alone on the left, a dog before a cat on the right, sky and grass behind them."""
    sky = block(HEIGHT, WIDTH, 0, 0, WIDTH, int(rng.integers(35, 60)))
    ball = ellipse(HEIGHT, WIDTH, rng.uniform(20, 35), rng.uniform(40, 70), rng.uniform(8, 15), rng.uniform(8, 15))
    cat = lumpy(HEIGHT, WIDTH, (60, 15, 60 + rng.uniform(25, 40), 15 + rng.uniform(30, 45)), rng)
    dog = lumpy(HEIGHT, WIDTH, (75, 30, 75 + rng.uniform(25, 40), 30 + rng.uniform(30, 50)), rng)
    layers = (Layer("sky", sky, False), Layer("grass", ~sky, False), Layer("ball", ball), Layer("cat", cat),
              Layer("dog", dog))  # fmt: skip
    scene = Scene(HEIGHT, WIDTH, layers)
    if modal:
        seen = (Layer(layer.name, scene.visible(i), layer.thing) for i, layer in enumerate(layers))
        scene = Scene(HEIGHT, WIDTH, tuple(seen))
    return scene


def keys_of(split: str, count: int) -> list[str]:
    return [key for key in map(str, range(1, 500)) if split_of(key) == split][:count]


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """12 train and 4 dev scenes, visible parts but for each third, and a silhouette of each kind of source."""
    rng = np.random.default_rng(0)
    records = []
    for number, key in enumerate(keys_of("train", 12) + keys_of("dev", 4)):
        modal = number % 3 > 0
        source = "voc" if number % 2 else "coco_panoptic"
        captions = ("a dog and a cat play ball",) if number % 4 == 0 else ()
        records.append(Record(key, source, drawn_scene(rng, modal), captions, modal, name=f"picture {key}"))
    for key in keys_of("train", 3):
        silhouette = Scene(64, 64, (Layer("hammer", lumpy(64, 64, (6, 6, 58, 50), rng)),))
        records.append(Record(key, "shapes", silhouette, name=f"shape {key}"))
    path = tmp_path_factory.mktemp("pack") / "layouts.parquet"
    write_pack(records, path)
    return Pack(path)


@pytest.fixture
def stops_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the step after which a run is interrupted, as by Ctrl-C."""
    tell, last = Trainer._tell, -1

    def interrupted(self: Trainer, bar: Any) -> None:
        tell(self, bar)
        if self.step == last:
            raise KeyboardInterrupt

    def stop(step: int) -> None:
        nonlocal last
        last = step

    monkeypatch.setattr(Trainer, "_tell", interrupted)
    return stop


@pytest.fixture(scope="session")
def text_folder() -> Path:
    """The bundled vocabulary."""
    return TEXT
