"""Places as a whole: one box a seed, the same for ever; guides; sizes; files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from drawn import block

from smartmask.geometry import box_iou
from smartmask.guides import Blob, Point
from smartmask.masks.exemplar.place import Placed, Places, load_places
from smartmask.masks.exemplar.place.layout import Layout
from smartmask.masks.exemplar.place.model import BOXES, UNITS, closeness, misfit, to_pixels
from smartmask.masks.exemplar.strata import COUNT, FINE
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder


def test_a_seed_alone_gives_its_place(places: Places, meadow: Scene) -> None:
    together = places.propose(meadow, "dog", [], range(5, 21))
    alone = [places.propose(meadow, "dog", [], [seed])[0] for seed in range(5, 21)]
    assert together == alone


def test_neighbouring_seeds_cover_what_is_likely(places: Places, meadow: Scene) -> None:
    for start in (0, 3, 977):
        found = places.propose(meadow, "dog", [], range(start, start + COUNT))
        assert sorted(p.stratum for p in found) == list(range(COUNT))
        pairs = [box_iou(a.box, b.box) for i, a in enumerate(found) for b in found[:i]]
        assert np.mean(pairs) < 0.3, "no twins"
        assert max(p.score for p in found) <= 1
        assert min(p.score for p in found) > 0


def test_later_seeds_vary(places: Places, meadow: Scene) -> None:
    found = {p.box for p in places.propose(meadow, "dog", [], range(0, 400, COUNT))}
    assert len(found) > 2


def test_boxes_lie_in_the_scene(places: Places, meadow: Scene) -> None:
    for name in ("dog", "airplane", "xyzzy", "cup"):
        for placed in places.propose(meadow, name, [], range(COUNT)):
            x0, y0, x1, y1 = placed.box
            assert 0 <= x0 < x1 <= meadow.width
            assert 0 <= y0 < y1 <= meadow.height


def test_the_size_of_the_picture_does_not_matter(places: Places, meadow: Scene) -> None:
    large = Scene(480, 640, tuple(Layer(o.name, o.mask.repeat(4, 0).repeat(4, 1), o.thing) for o in meadow.layers))
    for one, two in zip(*(places.propose(s, "cow", [], range(4)) for s in (meadow, large)), strict=True):
        assert box_iou(tuple(4 * v for v in one.box), two.box) > 0.8  # type: ignore[arg-type]


@pytest.mark.parametrize("guides", [(Point(120, 90),), (Point(20, 100), Point(50, 90)), (Blob(80, 60, 6, 4),)])
def test_guides_are_held(places: Places, meadow: Scene, guides: tuple) -> None:
    for placed in places.propose(meadow, "dog", guides, range(COUNT)):
        x0, y0, x1, y1 = placed.box
        for guide in guides:
            a, b, c, d = guide.extent(meadow.height, meadow.width)
            assert x0 <= (a + c) / 2 <= x1
            assert y0 <= (b + d) / 2 <= y1


def test_a_point_outside_counts_as_on_the_border(places: Places, meadow: Scene) -> None:
    (placed,) = places.propose(meadow, "dog", [Point(170, 90)], [0])
    assert placed.box[2] > 150


def test_an_empty_scene_has_places(places: Places) -> None:
    found = places.propose(Scene.empty(90, 120), "person", [], range(COUNT))
    assert len({p.box for p in found}) == COUNT


def test_a_new_dog_is_as_large_as_the_one_beside_it(places: Places) -> None:
    """Six dogs in a row on a meadow: log heights of new ones, at their depth, are off by less than .35."""
    sky = block(240, 320, 0, 0, 320, 90)
    dogs = [Layer("dog", block(240, 320, 20 + 50 * i, 150, 56 + 50 * i, 182)) for i in range(0, 6, 2)]
    scene = Scene(240, 320, (Layer("sky", sky, False), Layer("grass", ~sky, False), *dogs))
    away = []
    for placed in places.propose(scene, "dog", [], range(4 * COUNT)):
        _, y0, _, y1 = placed.box
        away.append(abs(math.log((y1 - y0) / 32) - 1.0 * (y1 - 182) / 240))
    assert np.mean(away) < 0.35


def test_a_cat_at_a_point_is_no_larger_than_the_couch_tells(places: Places) -> None:
    """Pictures show cats on laps and beds, close by; on the floor before a couch, 24 pixels high, one is a cat."""
    wall, couch = block(96, 128, 0, 0, 128, 56), block(96, 128, 68, 44, 122, 68)
    room = Scene(96, 128, (Layer("wall", wall, False), Layer("floor", ~wall, False), Layer("couch", couch)))
    found = places.propose(room, "cat", [Point(30, 80)], range(8))
    heights = np.array([p.box[3] - p.box[1] for p in found])
    assert 10 < np.exp(np.log(heights).mean()) < 36


def test_things_do_not_stand_in_the_sky(places: Places, meadow: Scene) -> None:
    feet = [p.box[3] for p in places.propose(meadow, "cow", [], range(COUNT))]
    assert np.mean(np.array(feet) > 55) > 0.8


def test_fits_prefer_a_sane_box(places: Places, meadow: Scene) -> None:
    beside, huge, flying = places.fits(meadow, "dog", [(80, 62, 102, 80), (20, 0, 150, 118), (60, 2, 80, 16)])
    assert beside > huge
    assert beside > flying
    assert beside * UNITS == round(beside * UNITS)


def test_misfit_grows_with_distance(places: Places, meadow: Scene) -> None:
    layout, name = places.layout(meadow), places.names.find("dog")
    boxes = np.array([[0.5, 1 - h, 0.6, 1.0] for h in (0.2, 0.4, 0.8, 0.99)])
    values = misfit(layout, name, boxes)
    assert (np.diff(values) > 0).all()
    assert not misfit(Layout.of(Scene.empty(9, 9), places.names), name, boxes).any()


def test_closeness() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 0.1, 0.1], [0.5, 0.5, 1, 1]])
    near = closeness(boxes)
    assert near.dtype == np.int64
    assert (np.diag(near) >= 0.99 * FINE).all()
    assert near[0, 1] > 0.9 * FINE
    assert near[0, 3] < 0.1 * FINE
    assert near[2, 3] == 0


def test_saved_and_loaded_it_answers_the_same(places: Places, text: TextEncoder, meadow: Scene, tmp_path: Path) -> None:
    places.save(tmp_path / "place")
    again = load_places(tmp_path / "place", text)
    assert [p.name for p in tmp_path.iterdir()] == ["place"]
    for name in ("dog", "unicycle"):
        assert again.propose(meadow, name, [], range(COUNT)) == places.propose(meadow, name, [], range(COUNT))


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (BOXES, None, "does not exist"), (BOXES, b"no", "damaged"), ("config.json", None, "missing"),
        ("config.json", b"{", "not valid JSON"), ("config.json", b'{"shelves": 2}', "damaged"),
        ("model.safetensors", b"no", "damaged"),
    ],
)  # fmt: skip
def test_damaged_files(
    places: Places, text: TextEncoder, tmp_path: Path, file: str, content: bytes | None, words: str
) -> None:
    places.save(tmp_path / "place")
    path = tmp_path / "place" / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{file}.*{words}"):
        load_places(tmp_path / "place", text)


def test_boxes_without_their_names_are_refused(places: Places, text: TextEncoder, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    places.save(tmp_path / "place")
    found = load_file(tmp_path / "place" / BOXES)
    save_file(found | {"which": found["which"][:-1]}, tmp_path / "place" / BOXES)
    with pytest.raises(ValueError, match=f"{BOXES} is damaged"):
        load_places(tmp_path / "place", text)


def test_pixels(meadow: Scene) -> None:
    assert to_pixels(np.array([0, 0.5, 0.25, 1]), meadow) == (0, 60, 40, 120)
    assert Placed((0, 0, 1, 1), 3, 0, 0.5).units == 3
