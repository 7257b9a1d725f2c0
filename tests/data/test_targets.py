"""Which objects are asked for, and that what must be hidden is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.data.pack import Pack
from smartmask.data.targets import (
    GUIDANCE,
    Protocol,
    Target,
    admitted,
    choose,
    find_targets,
    hidden_pixels,
    hide,
    make_case,
    object_flags,
)
from smartmask.geometry import box_mask, mask_box
from smartmask.guides import Box
from smartmask.scene import Layer, Scene


def test_only_large_things_of_the_split_and_sources_count(pack: Pack) -> None:
    targets = find_targets(pack, Protocol(limit=None))
    assert {t.name for t in targets} == {"ball", "bus"}
    assert len(targets) == 16  # eight pictures, two things each; pebbles are too small, stuff never counts
    for target in targets:
        assert pack.meta.splits[target.record] == "test"
        mask = pack[target.record].scene.layers[target.layer].mask
        assert target.box == mask_box(mask)
        assert target.area == pytest.approx(mask.mean(), rel=1e-6)
    assert {t.source for t in targets} == {"voc", "coco"}
    assert {t.source for t in find_targets(pack, Protocol(sources=("voc",)))} == {"voc"}
    with pytest.raises(ValueError, match="cocoa"):
        find_targets(pack, Protocol(sources=("cocoa",)))


def test_a_source_admits_its_kinds_but_not_its_neighbour() -> None:
    protocol = Protocol(sources=("coco",))
    assert protocol.family("coco_panoptic") == protocol.family("coco") == "coco"
    assert protocol.family("cocoa") is None


def test_the_choice_is_even_over_sources_stable_and_grows(pack: Pack) -> None:
    every = admitted(pack, Protocol(), "test")
    few, more = choose(every, 4, seed=0), choose(every[::-1], 8, seed=0)
    assert [t.source for t in few].count("voc") == 2
    assert {t.code for t in few} < {t.code for t in more}
    assert choose(every, 4, seed=1) != few


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"guidance": ("bax",)}, "bax"), ({"guidance": ()}, "box"), ({"num_masks": 1}, "1"), ({"limit": 0}, "0")],
)
def test_a_protocol_refuses_nonsense(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Protocol(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", GUIDANCE)
def test_no_layer_is_seen_inside_the_objects_box(pack: Pack, kind: str) -> None:
    protocol = Protocol(limit=None)
    for target in find_targets(pack, protocol):
        record = pack[target.record]
        case = make_case(record, target, kind, protocol)
        x0, y0, x1, y1 = target.box
        inside = box_mask((x0 - 2, y0 - 2, x1 + 2, y1 + 2), record.scene.height, record.scene.width)
        for layer in case.scene.layers:
            assert not (layer.mask & inside).any()
            assert layer.mask.any()
        assert case.scene.photo is None
        assert case.scene.caption is None
        np.testing.assert_array_equal(case.true, record.scene.layers[target.layer].mask)
        if kind == "none":
            assert case.guide is None
        else:
            assert case.guide is not None
            assert case.guide.kind == kind


def test_an_exact_box_hides_the_box_and_a_margin_only(pack: Pack) -> None:
    target = find_targets(pack, Protocol())[0]
    case = make_case(pack[target.record], target, "box", Protocol())
    assert isinstance(case.guide, Box)
    assert case.guide.extent(1, 1) == target.box
    x0, y0, x1, y1 = target.box
    grow = max(0.06 * max(x1 - x0, y1 - y0), 6)
    expected = box_mask((x0 - grow, y0 - grow, x1 + grow, y1 + grow), *case.true.shape)
    np.testing.assert_array_equal(case.hidden, expected)


def test_what_is_hidden_depends_on_the_box_alone() -> None:
    box = (40, 30, 100, 90)
    filled = box_mask(box, 120, 160)
    frame = filled & ~box_mask((41, 31, 99, 89), 120, 160)
    for kind in GUIDANCE:
        one, other = (hidden_pixels(m, kind, np.random.default_rng(7), Protocol()) for m in (filled, frame))
        np.testing.assert_array_equal(one, other)


def test_rough_guides_come_with_decoys(pack: Pack) -> None:
    target = next(t for t in find_targets(pack, Protocol(limit=None)) if t.area < 0.05)
    record = pack[target.record]
    bare, decoyed = Protocol(decoys=0), Protocol(decoys=3)
    areas = [make_case(record, target, "none", p).hidden.sum() for p in (bare, decoyed)]
    assert areas[1] > 1.5 * areas[0]


def test_cases_repeat_and_differ_between_seeds(pack: Pack) -> None:
    target = find_targets(pack, Protocol())[0]
    record = pack[target.record]
    first, again = (make_case(record, target, "none", Protocol()) for _ in range(2))
    np.testing.assert_array_equal(first.hidden, again.hidden)
    other = make_case(record, target, "none", Protocol(seed=1))
    assert (first.hidden != other.hidden).any()
    assert target.number(0) != target.number(1)


def test_hide_removes_layers_that_vanish() -> None:
    small, large = box_mask((10, 10, 20, 20), 50, 50), box_mask((0, 0, 50, 50), 50, 50)
    scene = Scene(50, 50, (Layer("grass", large, False), Layer("dog", small)), caption="a dog")
    seen = hide(scene, box_mask((5, 5, 25, 25), 50, 50))
    assert [layer.name for layer in seen.layers] == ["grass"]
    assert seen.caption is None


def test_flags_and_sizes() -> None:
    part = box_mask((10, 10, 30, 30), 100, 100)
    two = part | box_mask((60, 10, 80, 30), 100, 100)
    cut = box_mask((0, 50, 30, 70), 100, 100)
    near = box_mask((33, 50, 50, 70), 100, 100)
    scene = Scene(100, 100, (Layer("a", part), Layer("a", two), Layer("b", cut), Layer("c", near)))
    assert object_flags(scene.stack(1), 0) == ()
    assert "parts" in object_flags(scene, 1)
    assert object_flags(scene, 2) == ("cut", "touching")
    assert object_flags(scene, 3) == ("touching",)
    sizes = [Target(0, 0, "1", "voc", "a", area, (0, 0, 1, 1)).size for area in (0.01, 0.03, 0.2, 1.0)]
    assert sizes == ["1-3 %", "3-10 %", "10-30 %", "over 30 %"]


def test_short_names_admit_full_annotation_only() -> None:
    protocol = Protocol(sources=("voc", "coco"))
    admits = {
        s: protocol.family(s) for s in ("voc", "coco_panoptic", "coco_instances", "coco_more", "cocoa", "voc_more")
    }
    assert admits == {
        "voc": "voc", "coco_panoptic": "coco", "coco_instances": "coco", "coco_more": None, "cocoa": None,
        "voc_more": None,
    }  # fmt: skip
    assert Protocol(sources=("coco_more",)).family("coco_more") == "coco_more"
