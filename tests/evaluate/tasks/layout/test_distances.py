"""Features and distances of layouts: answers known beforehand, and the report of a small pack."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from smartmask.cli.main import main
from smartmask.data.pack import write_pack
from smartmask.data.plans import NAMES, PlanScene
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.evaluate.tasks.layout.distances import (
    GRID,
    MOST_THINGS,
    UNNAMED,
    LayoutFeatures,
    Reading,
    as_ellipses,
    asked,
    compare,
    ellipse_mask,
    most_alike,
    name_map,
)
from smartmask.io.package import BUNDLED_MASKS
from smartmask.metrics.sets import REAL
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
SKY, GRASS, DOG = (NAMES.index(name) for name in ("sky", "grass", "dog"))


def field(sky: float = 0.5, left: int = 20) -> Scene:
    """Sky over grass, a dog on the grass, a strip of something unknown at the right border."""
    masks = np.zeros((4, 128, 128), bool)
    horizon = int(128 * sky)
    masks[0, :horizon], masks[1, horizon:] = True, True
    masks[2, 80:112, left : left + 32] = True
    masks[3, :, 126:] = True
    names = ("sky-other-merged", "grass-merged", "dog", "frobnicator")
    return Scene(128, 128, tuple(Layer(n, m, n == "dog") for n, m in zip(names, masks, strict=True)))


def test_maps_name_what_is_seen() -> None:
    names = name_map(field())
    assert names.shape == (GRID, GRID)
    assert (names[0, 0], names[-1, 0], names[45, 15], names[0, -1]) == (SKY, GRASS, DOG, UNNAMED)
    assert set(np.unique(name_map(field(), ["dog"]))) == {DOG, UNNAMED}
    assert (name_map(Scene.empty(10, 20)) == UNNAMED).all()


def test_readings_hold_silhouettes_of_what_is_asked_for() -> None:
    found = Reading.of(field(), ("sky", "dog"))
    assert found.shapes.shape == (1, 64, 64)
    assert (found.shapes[0, 8:56, 8:56] > 200).all(), "a square dog"
    assert set(np.unique(found.names)) == {SKY, DOG, UNNAMED}
    assert Reading.of(field(), ("sky",)).shapes.shape == (0, 64, 64)


def test_ellipses_fill_their_boxes() -> None:
    mask = ellipse_mask((10.0, 20.0, 50.0, 40.0), 60, 80)
    rows, cols = np.nonzero(mask)
    assert (rows.min(), rows.max() + 1, cols.min(), cols.max() + 1) == (20, 40, 10, 50)
    assert mask.sum() == pytest.approx(np.pi / 4 * 40 * 20, rel=0.02)


def plan(*names: str, sizes: tuple[float, ...] = ()) -> PlanScene:
    boxes = np.zeros((len(names), 4), np.float32)
    boxes[:, 2:] = np.array(sizes or (0.5,) * len(names))[:, None]
    return PlanScene("1", names, boxes, "panoptic")


def test_requests_hold_the_scenes_names() -> None:
    request = asked(plan("sky", "grass", "dog", "dog", "table"))
    assert [item.name for item in request.surfaces] == ["sky", "grass"]
    assert [item.key for item in request.things] == ["dog", "dog 2", "table"]
    many = plan(*["cup"] * 30, "dog", sizes=(*(0.1 + 0.001 * i for i in range(30)), 0.9))
    things = asked(many).things
    assert len(things) == MOST_THINGS
    assert things[-1].name == "dog", "the largest stay"


def test_the_most_alike_scene() -> None:
    rng = np.random.default_rng(0)
    others = [plan("sky", "dog", "dog"), plan("sky", "dog"), plan("sky", "grass", "dog")]
    assert most_alike(plan("sky", "dog"), others, rng) is others[1]
    assert {id(most_alike(plan("cat"), others, rng)) for _ in range(40)} == {id(o) for o in others}, "ties are drawn"


def test_distances_tell_layouts_apart() -> None:
    """Like layouts are at the floor; layouts upside down, and such with a higher horizon, are far from it."""
    rng = np.random.default_rng(0)

    def some(count: int, low: float, high: float) -> list[Reading]:
        scenes = (field(rng.uniform(low, high), int(rng.integers(0, 90))) for _ in range(count))
        return [Reading.of(scene, ("sky", "grass", "dog")) for scene in scenes]

    features = LayoutFeatures.fit(some(40, 0.2, 0.6), TEXT)
    systems = {REAL: some(60, 0.2, 0.6), "alike": some(60, 0.2, 0.6), "high": some(60, 0.1, 0.2)}
    systems["turned"] = [Reading(one.names[::-1], one.shapes) for one in systems["alike"]]
    corner = np.tril(np.full((64, 64), 255, np.uint8))
    systems["corners"] = [Reading(one.names, np.stack([np.roll(corner, i)])) for i, one in enumerate(systems["alike"])]
    found = compare(systems, features)
    for kind in ("area", "adjacency", "places"):
        over = {name: found[kind][name]["frechet_over_floor"] for name in systems}
        assert over["alike"] < 2, kind
    for kind, name in product(("area", "adjacency", "places"), ("corners",)):
        assert found[kind][name] == found[kind]["alike"], "outlines are a matter of their own"
    assert found["outlines"]["turned"] == found["outlines"]["alike"]
    assert found["outlines"]["corners"]["frechet"][0] > 100 * found["outlines"]["alike"]["frechet"][0]
    assert found["area"]["high"]["frechet_over_floor"] > 5
    assert found["area"]["turned"]["frechet_over_floor"] < 2, "areas know no direction"
    assert found["adjacency"]["turned"]["frechet_over_floor"] > 5
    assert found["places"]["turned"]["frechet_over_floor"] > 5


@pytest.mark.slow
def test_the_command(tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {split: [k for k in map(str, range(1, 200)) if split_of(k) == split][:8] for split in ("train", "test")}
    records = [
        Record(key, "coco_panoptic", field(0.2 + 0.05 * i, 9 * i), ())
        for some in keys.values()
        for i, key in enumerate(some)
    ]
    write_pack(records, tmp_path / "pack.parquet")
    command = ["eval", "layout", "--pack", str(tmp_path / "pack.parquet"), "--weights", str(tiny_weights)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert "| panoptic | 8 | area | retrieved |" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "layout.json").read_text())
    found = report["distances"]["panoptic"]
    assert set(found["features"]) == {"area", "adjacency", "places", "outlines"}
    assert all(len(found["features"]["area"][s]["frechet"]) == 3 for s in ("real", "drawn", "ellipses", "retrieved"))
    assert report["ten_objects"]["objects"] == 10
    assert report["ten_objects"]["seconds"] > 0
    assert main([*command, "--split", "dev"]) == 2
    assert "dev split" in capsys.readouterr().err


def test_nothing_to_measure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "layout"]) == 2
    assert "--data" in capsys.readouterr().err


@pytest.mark.slow
def test_ellipses_of_a_layout(tiny_weights: Path) -> None:
    from smartmask.masks.pipeline import SmartMaskPipeline
    from smartmask.plan.layouts.pipeline import draw_layout
    from smartmask.plan.layouts.stuff import load_field

    pipeline = SmartMaskPipeline.from_pretrained(tiny_weights)
    layout = draw_layout(asked(plan("sky", "grass", "dog")), 72, 96, pipeline, load_field(), num_masks=1)
    drawn, ellipses = layout.scene(), as_ellipses(layout)
    assert [layer.name for layer in drawn.layers] == [layer.name for layer in ellipses.layers]
    for mine, theirs in zip(drawn.layers, ellipses.layers, strict=True):
        assert np.array_equal(mine.mask, theirs.mask) == (not mine.thing)
