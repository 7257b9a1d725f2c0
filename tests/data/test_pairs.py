"""Training pairs: S_k without the object, what is hidden, what is known, and one warp for everything."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from drawn import block, ellipse, lumpy, random_box, traced_scene
from scipy.stats import binomtest

from smartmask.data.pairs import CANVAS, CANVAS_MARGIN, PLAIN, Pair, PairConfig, context_of, is_target, make_pair
from smartmask.geometry import box_mask, mask_box, mask_iou
from smartmask.guides import KINDS
from smartmask.scene import Layer, Scene
from smartmask.scene.view import OUTSIDE, UNLABELED

HEIGHT, WIDTH = 100, 140
SKY, GRASS = block(HEIGHT, WIDTH, 0, 0, WIDTH, 50), block(HEIGHT, WIDTH, 0, 50, WIDTH, HEIGHT)
DOG = ellipse(HEIGHT, WIDTH, 60, 55, 25, 18)
BALL = ellipse(HEIGHT, WIDTH, 80, 65, 14, 14)


def whole_scene() -> Scene:
    """Amodal: the sky and grass go on behind the dog, the dog behind the ball."""
    layers = (Layer("sky", SKY, False), Layer("grass", GRASS, False), Layer("dog", DOG), Layer("ball", BALL))
    return Scene(HEIGHT, WIDTH, layers)


def seen_scene() -> Scene:
    """The same as an annotation of visible parts."""
    scene = whole_scene()
    layers = (Layer(layer.name, scene.visible(i), layer.thing) for i, layer in enumerate(scene.layers))
    return Scene(HEIGHT, WIDTH, tuple(layers))


def same(a: Pair, b: Pair) -> bool:
    """Whether all arrays, texts and guides of two pairs are equal."""
    for name in (field.name for field in fields(Pair)):
        one, two = getattr(a, name), getattr(b, name)
        if name == "view":
            if not (np.array_equal(one.top, two.top) and np.array_equal(one.front, two.front)):
                return False
            one, two = (one.names, one.things, one.photo), (two.names, two.things, two.photo)
        elif name == "guides":
            one, two = repr(one), repr(two)
        if not np.array_equal(one, two) if isinstance(one, np.ndarray) else one != two:
            return False
    return True


# --- what the model sees ---------------------------------------------------------------------------


def test_the_layout_lacks_the_object_and_shows_what_is_behind_it() -> None:
    pair = make_pair(whole_scene(), 2, np.random.default_rng(0), modal=False, config=PLAIN, kind="box")
    assert pair.view.names == ("sky", "grass", "ball")
    assert pair.view.things == (False, False, True)
    assert (pair.name, pair.order, pair.kind) == ("dog", 2, "box")
    assert not pair.hidden.any()
    assert set(np.unique(pair.view.top)) == {OUTSIDE, 0, 1, 2}
    seen, covered = pair.view.top[pair.visible], pair.view.top[pair.amodal & ~pair.visible]
    assert np.isin(seen, (0, 1)).mean() > 0.99  # sky and grass, where the dog stood
    assert (covered == 2).mean() > 0.99


def test_visible_is_amodal_minus_what_stands_in_front() -> None:
    pair = make_pair(whole_scene(), 2, np.random.default_rng(0), modal=False, config=PLAIN, kind="box")
    assert mask_iou(pair.view.front, pair.view.top == 2) > 0.97
    assert np.array_equal(pair.visible, pair.amodal & ~pair.view.front)
    assert 0 < pair.visible.sum() < pair.amodal.sum()
    assert pair.known.all()
    in_front = make_pair(whole_scene(), 3, np.random.default_rng(0), modal=False, config=PLAIN, kind="box")
    assert not in_front.view.front.any()
    assert np.array_equal(in_front.visible, in_front.amodal)


def test_of_visible_parts_the_region_round_the_object_is_hidden() -> None:
    for seed in range(10):
        pair = make_pair(seen_scene(), 2, np.random.default_rng(seed), config=PLAIN, kind="box")
        assert pair.hidden[box_mask(pair.box, CANVAS, CANVAS)].all()
        assert (pair.view.top[pair.hidden & (pair.view.top != OUTSIDE)] == UNLABELED).all()
        assert (pair.view.top[~pair.hidden] != UNLABELED).all()
        assert not pair.view.front.any()  # nobody knows what stood in front
        assert np.array_equal(pair.visible, pair.amodal)


def test_what_is_hidden_does_not_depend_on_the_shape() -> None:
    """Two objects of one box, all else equal: the model sees the very same layout."""
    background = seen_scene().remove(3).remove(2)
    whole = block(HEIGHT, WIDTH, 40, 30, 90, 80)
    one, two = whole & ~block(HEIGHT, WIDTH, 40, 30, 70, 60), whole & ~block(HEIGHT, WIDTH, 55, 40, 90, 80)
    assert mask_box(one) == mask_box(two)
    for seed in range(10):
        pairs = [
            make_pair(background.insert(mask, "dog", 1), 1, np.random.default_rng(seed), config=PLAIN, kind="none")
            for mask in (one, two)
        ]
        assert mask_iou(pairs[0].amodal, pairs[1].amodal) < 0.6
        assert pairs[0].hidden.any()
        assert np.array_equal(pairs[0].hidden, pairs[1].hidden)
        assert np.array_equal(pairs[0].view.top, pairs[1].view.top)


def test_where_the_amodal_mask_is_not_known() -> None:
    """On other things it may go on behind them; on stuff and nothing it does not."""
    pair = make_pair(seen_scene(), 2, np.random.default_rng(0), config=PLAIN, kind="box")
    ball = make_pair(seen_scene(), 2, np.random.default_rng(0), modal=False, config=PLAIN, kind="box").view.top == 2
    assert (~pair.known).mean() > 0.02
    assert np.array_equal(~pair.known, ball & ~pair.amodal)


# --- the canvas ------------------------------------------------------------------------------------


def test_the_object_stands_in_the_middle_of_the_canvas() -> None:
    pair = make_pair(whole_scene(), 2, np.random.default_rng(0), modal=False, config=PLAIN, kind="box")
    assert pair.amodal.shape == (CANVAS, CANVAS)
    x0, y0, x1, y1 = pair.box
    assert (x0 + x1) / 2 == pytest.approx(CANVAS / 2, abs=1)
    assert (y0 + y1) / 2 == pytest.approx(CANVAS / 2, abs=1)
    assert x1 - x0 == pytest.approx(CANVAS / CANVAS_MARGIN, abs=2)
    scale = 50 * CANVAS_MARGIN / CANVAS
    assert pair.amodal.sum() * scale**2 == pytest.approx(DOG.sum(), rel=0.03)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_the_photo_is_where_the_layout_is(flip: float) -> None:
    config = replace(PLAIN, flip=flip)
    for mask in (DOG, ellipse(HEIGHT, WIDTH, 20, 85, 15, 12)):
        pair = make_pair(Scene(HEIGHT, WIDTH, (Layer("dog", mask),)), 0, np.random.default_rng(0), config=config)
        inside = box_mask(pair.view.photo, CANVAS, CANVAS)
        assert (inside == (pair.view.top != OUTSIDE)).mean() > 0.99
        assert (pair.view.top == OUTSIDE).any()


def test_a_flip_mirrors_everything() -> None:
    scene = whole_scene()
    plain = make_pair(scene, 2, np.random.default_rng(0), modal=False, config=PLAIN, kind="none")
    turned = make_pair(scene, 2, np.random.default_rng(0), modal=False, config=replace(PLAIN, flip=1), kind="none")
    assert mask_iou(turned.amodal, plain.amodal[:, ::-1]) > 0.98
    assert mask_iou(turned.visible, plain.visible[:, ::-1]) > 0.98
    assert (turned.view.top == plain.view.top[:, ::-1]).mean() > 0.98
    x0, y0, x1, y1 = plain.view.photo
    np.testing.assert_allclose(turned.view.photo, (CANVAS - x1, y0, CANVAS - x0, y1))


def test_masks_and_layout_are_warped_together() -> None:
    """With every augmentation of shape, an object under a layer of the same mask stays under it."""
    twin = Scene(HEIGHT, WIDTH, (Layer("grass", GRASS | SKY, False), Layer("rug", DOG, False), Layer("dog", DOG)))
    config = PairConfig(truncate=0, decoys=0, degrade=0)
    shapes = []
    for seed in range(12):
        pair = make_pair(twin, 2, np.random.default_rng(seed), modal=False, config=config, kind="none")
        assert mask_iou(pair.amodal, pair.view.top == 1) > 0.97
        shapes.append(mask_iou(pair.amodal, pair.amodal[:, ::-1]))
    assert len(set(shapes)) > 8


def test_truncation_cuts_the_object_with_the_photo() -> None:
    config = replace(PLAIN, truncate=1)
    whole = make_pair(whole_scene(), 2, np.random.default_rng(0), modal=False, config=PLAIN, kind="box")
    shares, sides = [], set()
    for seed in range(40):
        pair = make_pair(whole_scene(), 2, np.random.default_rng(seed), modal=False, config=config, kind="box")
        assert (pair.view.top[pair.amodal] != OUTSIDE).all()
        assert not pair.amodal[~box_mask(pair.view.photo, CANVAS, CANVAS)].any()
        assert not (pair.amodal & ~whole.amodal).any()
        flush = [abs(a - b) < 1 for a, b in zip(pair.box, pair.view.photo, strict=True)]
        assert sum(flush) == 1
        sides.add(flush.index(True))
        side = flush.index(True) % 2
        shares.append((pair.box[side + 2] - pair.box[side]) / (whole.box[side + 2] - whole.box[side]))
    assert sides == {0, 1, 2, 3}
    assert min(shares) > 0.47
    assert max(shares) < 0.93


def test_composed_scenes_are_not_truncated() -> None:
    config = replace(PLAIN, truncate=1)
    pair = make_pair(whole_scene(), 2, np.random.default_rng(0), modal=False, config=config, composed=True)
    assert pair.composed
    assert pair.amodal.sum() == make_pair(whole_scene(), 2, np.random.default_rng(0), config=PLAIN).amodal.sum()


# --- guide and text --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_forced_kind(kind: str) -> None:
    pair = make_pair(seen_scene(), 2, np.random.default_rng(0), kind=kind)
    assert pair.kind == kind
    assert [guide.kind for guide in pair.guides] == ([] if kind == "none" else [kind])


def test_kinds_are_drawn_as_the_recipe_says() -> None:
    config = replace(PLAIN, kinds={"box": 3.0, "none": 1.0})
    rng = np.random.default_rng(0)
    kinds = [make_pair(seen_scene(), 2, rng, config=config).kind for _ in range(300)]
    assert set(kinds) == {"box", "none"}
    assert np.mean([kind == "box" for kind in kinds]) == pytest.approx(0.75, abs=0.08)
    assert set(PairConfig().kinds) == set(KINDS)


def test_the_context_names_the_object_half_of_the_time() -> None:
    rng = np.random.default_rng(0)
    contexts = [make_pair(seen_scene(), 2, rng, config=PLAIN, kind="none").context for _ in range(200)]
    assert set(contexts) == {"a scene with sky, grass, dog, ball", "a scene with sky, grass, ball"}
    named = binomtest(sum("dog" in context for context in contexts), 200).proportion_ci(0.99)
    assert named.low < 0.5 < named.high


def test_context_of_a_scene() -> None:
    scene = whole_scene()
    assert context_of(replace(scene, caption="a dog plays")) == "a dog plays"
    assert context_of(replace(scene, caption="a dog plays"), "dog", "a ball rolls") == "a ball rolls"
    assert context_of(scene.insert(DOG, "dog")) == "a scene with sky, grass, dog, ball"
    assert context_of(scene.insert(DOG, "dog"), without="dog") == "a scene with sky, grass, ball"
    assert context_of(Scene.empty(4, 4)) == ""
    assert context_of(Scene(HEIGHT, WIDTH, (Layer("dog", DOG),)), without="dog") == ""


# --- the whole -------------------------------------------------------------------------------------


def test_a_pair_is_a_function_of_the_generator() -> None:
    for seed in range(8):
        scene, index = traced_scene(np.random.default_rng(seed))
        one, two, other = (make_pair(scene, index, np.random.default_rng(s)) for s in (seed, seed, seed + 1))
        assert same(one, two)
        assert not same(one, other)


def test_every_pair_is_sound() -> None:
    """Over random scenes and all augmentations: shapes, types, and masks that agree with the view."""
    rng = np.random.default_rng(1)
    kinds = set()
    for number in range(60):
        scene, index = traced_scene(rng, side=80)
        if number % 3 == 0:
            scene, index = scene.insert(lumpy(80, 80, random_box(rng, 80, 80), rng), "rug", 2), 2
        pair = make_pair(scene, index, rng, modal=number % 2 == 0)
        view = pair.view
        assert view.top.dtype == np.int16
        assert view.top.max() < len(view.names) == len(view.things) == 4 + (number % 3 == 0)
        for mask in (pair.amodal, pair.visible, pair.known, pair.hidden, view.front):
            assert mask.shape == (CANVAS, CANVAS)
            assert mask.dtype == np.bool_
        assert pair.amodal.any()
        assert pair.box == mask_box(pair.amodal)
        assert not (pair.visible & ~pair.amodal).any()
        assert pair.known[pair.amodal].all()
        assert not (view.front & (view.top < 0)).any()
        assert scene.layers[index].name == pair.name
        kinds.add(pair.kind)
    assert len(kinds) > 4


def test_an_empty_layer() -> None:
    scene = Scene(HEIGHT, WIDTH, (Layer("dog", np.zeros((HEIGHT, WIDTH), dtype=bool)),))
    with pytest.raises(ValueError, match=r"Layer 0 \('dog'\) is empty"):
        make_pair(scene, 0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("mask", "thing", "expected"),
    [
        (DOG, True, True),
        (DOG, False, False),
        (np.zeros((HEIGHT, WIDTH), dtype=bool), True, False),
        (block(HEIGHT, WIDTH, 3, 3, 16, 16), True, False),  # 13 pixels are too few
        (block(HEIGHT, WIDTH, 3, 3, 17, 7), True, True),
        (block(HEIGHT, WIDTH, 3, 3, 30, 4), True, False),  # under 0.3 % of the picture
        (block(HEIGHT, WIDTH, 3, 3, 20, 20) | block(HEIGHT, WIDTH, 40, 3, 52, 20), True, True),
        (np.indices((HEIGHT, WIDTH)).sum(0) % 8 < 3, True, False),  # stripes: nothing is the main part
    ],
)
def test_what_is_worth_drawing(mask: np.ndarray, thing: bool, expected: bool) -> None:
    assert is_target(Scene(HEIGHT, WIDTH, (Layer("dog", mask, thing),)), 0) is expected
