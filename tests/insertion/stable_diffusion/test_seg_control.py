"""Layouts in ADE20K's colours: every COCO name by eye, other label sets, and what resembles nothing."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.insertion.stable_diffusion.ade20k import ADE20K
from smartmask.insertion.stable_diffusion.seg_control import (
    TAKES_IN,
    UNKNOWN,
    ade20k_class,
    ade20k_colour,
    seg_control_image,
)
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import COCO_PANOPTIC

# Checked by eye, one by one; names that are a class of ADE20K are not listed, they are tested to be themselves.
EXPECTED: dict[str | None, str] = {
    "animal": "bird cat dog horse sheep cow elephant bear zebra giraffe",
    "plaything": (
        "frisbee,skis,snowboard,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,teddy bear"
    ),
    "food": "banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,fruit,food-other-merged",
    "bag": "backpack,handbag,suitcase",
    "minibike": "motorcycle",
    "bus": "train,bus",
    "signboard": "stop sign",
    "pole": "parking meter",
    "canopy": "umbrella",
    "apparel": "tie",
    "ball": "sports ball",
    "glass": "wine glass,cup",
    "pot": "bowl",
    "sofa": "couch",
    "plant": "potted plant",
    "table": "dining table,table-merged",
    "television receiver": "tv",
    "computer": "laptop,keyboard",
    "oven": "oven,toaster",
    "poster": "banner",
    "box": "cardboard",
    "door": "door-stuff",
    "floor": "floor-wood,floor-other-merged,platform",
    "earth": "gravel,snow,dirt-merged",
    "mirror": "mirror-stuff",
    "fence": "net,fence-merged",
    "field": "playingfield",
    "dirt track": "railroad",
    "building": "roof,building-other-merged",
    "wall": "wall-brick,wall-stone,wall-tile,wall-wood,wall-other-merged",
    "water": "water-other",
    "blind": "window-blind",
    "windowpane": "window-other",
    "sidewalk": "pavement-merged",
    None: "fire hydrant,fork,knife,spoon,mouse,remote,cell phone,scissors,hair drier,toothbrush,paper-merged",
}
BY_NAME = {
    name: cls
    for cls, names in EXPECTED.items()
    for name in (names.split(",") if "," in names or cls != "animal" else names.split())
}
CLASSES = {name for name, _ in ADE20K}


def test_the_palette_is_whole() -> None:
    assert len(ADE20K) == len(CLASSES) == 150
    colours = [colour for _, colour in ADE20K]
    assert len(set(colours)) == 149
    assert dict(ADE20K)["road"] == dict(ADE20K)["skyscraper"] == (140, 140, 140)
    assert UNKNOWN not in colours
    assert all(0 <= value <= 255 for colour in colours for value in colour)
    assert set(TAKES_IN) <= CLASSES


@pytest.mark.parametrize("name", [name for _, name, _ in COCO_PANOPTIC])
def test_coco_names(name: str) -> None:
    plain = name.removesuffix("-merged").removesuffix("-other")
    expected = BY_NAME.get(name, plain if plain in CLASSES else "not listed")
    assert ade20k_class(name) == expected


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_classes_are_themselves(name: str) -> None:
    assert ade20k_class(name) == name
    assert ade20k_colour(name) == dict(ADE20K)[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("woman", "person"), ("taxi", "car"), ("yacht", "boat"), ("carSide", "car"), ("Roads", "road"),
        ("dining_table", "table"), ("rabbit", "animal"), ("a small brown dog", "animal"), ("trash can", "ashcan"),
        ("sword", None), ("zzzqx", None), ("   ", None),
    ],
)  # fmt: skip
def test_other_names(name: str, expected: str | None) -> None:
    assert ade20k_class(name) == expected


def test_what_is_visible_is_drawn() -> None:
    sky, dog, odd = np.zeros((3, 6, 8), dtype=bool)
    sky[:4], dog[2:5, 2:6], odd[2:4, 4:8] = True, True, True
    layers = (Layer("sky-other-merged", sky, thing=False), Layer("dog", dog), Layer("sword", odd))
    picture = seg_control_image(Scene(6, 8, layers))
    assert picture.shape == (6, 8, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[0, 0]) == (6, 230, 230)
    assert tuple(picture[2, 2]) == dict(ADE20K)["animal"]
    assert tuple(picture[2, 5]) == UNKNOWN, "in front of the dog stands what no class means"
    assert tuple(picture[5, 7]) == UNKNOWN, "nothing is labeled there"


def test_an_empty_scene_is_black() -> None:
    assert not seg_control_image(Scene.empty(3, 4)).any()
