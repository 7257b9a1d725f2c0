"""Where, how big, in front of what: the box's distribution, drawing from it, and the order's odds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from drawn import block
from hypothesis import given
from hypothesis import strategies as st

from smartmask.data.view import View
from smartmask.geometry import BoxXYXY
from smartmask.guidance import Point
from smartmask.models.layout import CELLS, FLAGS
from smartmask.models.placement import (
    BOX,
    PAIR,
    UNIFORMS,
    OrderConfig,
    OrderNetwork,
    PlacementConfig,
    PlacementNetwork,
    _nucleus,
    likely_order,
    overlaps,
    pair_features,
    render_scene,
    scene_frame,
)
from smartmask.scene import Layer, Scene

CONFIG = PlacementConfig(width=16, depth=1, heads=2, cells=8, mixture=3, text_dim=12)


def network(seed: int = 0) -> PlacementNetwork:
    torch.manual_seed(seed)
    return PlacementNetwork(CONFIG).eval()


def uniforms(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, UNIFORMS, generator=torch.Generator().manual_seed(seed))


def inputs(count: int = 3, outside: slice | None = None) -> tuple[torch.Tensor, ...]:
    """ids, flags, names, object and context of ``count`` scenes; ``outside``: the rows of cells beyond the photo."""
    generator = torch.Generator().manual_seed(1)
    flags = torch.rand(count, len(FLAGS), CELLS, CELLS, generator=generator)
    flags[:, FLAGS.index("outside")] = 0
    if outside is not None:
        flags[:, FLAGS.index("outside"), outside] = 1
    ids = torch.randint(0, 5, (count, CELLS, CELLS), generator=generator)
    names, *texts = (torch.randn(n, 12, generator=generator) for n in (4, count, count))
    return ids, flags, names, *texts


# --- the network -----------------------------------------------------------------------------------


@torch.no_grad()
def test_centres_are_a_distribution_and_rows_do_not_mix() -> None:
    built, (ids, flags, names, object_, context) = network(), inputs()
    centres, features = built(ids, flags, names, object_, context)
    assert centres.shape == (3, 64)
    assert features.shape == (3, 64, 32)
    torch.testing.assert_close(centres.exp().sum(1), torch.ones(3))
    for row in range(3):
        at = slice(row, row + 1)
        alone, own = built(ids[at], flags[at], names, object_[at], context[at])
        torch.testing.assert_close(alone[0], centres[row], atol=1e-4, rtol=0)
        torch.testing.assert_close(own[0], features[row], atol=1e-4, rtol=0)


@torch.no_grad()
def test_texts_and_layout_matter() -> None:
    built, given_ = network(), inputs()
    plain = built(*given_)[0]
    for changed in range(5):
        other = [value if i != changed else (value + 1) % 5 for i, value in enumerate(given_)]
        assert (built(*other)[0] - plain).abs().max() > 1e-4


@torch.no_grad()
def test_no_centre_lies_beyond_the_photo() -> None:
    """Of a wide photo the frame's first and last quarter are outside."""
    flags = inputs(1, slice(0, 8))[1] + inputs(1, slice(24, 32))[1]
    ids, _, names, object_, context = inputs(1)
    built = network()
    centres, features = built(ids, flags.clamp(max=1), names, object_, context)
    rows = centres[0].exp().view(8, 8).sum(1)
    assert rows[[0, 1, 6, 7]].sum() == 0
    assert rows[2:6].min() > 0
    with_zero = uniforms(400)
    with_zero[0] = 0  # torch.rand may give exactly 0
    _, density = built.place(centres[0], features[0], with_zero)
    assert density.min() > -100  # a cell outside has a log probability of -10,000


def mixture_of(built: PlacementNetwork, features: torch.Tensor) -> torch.distributions.Distribution:
    weights, means, deviations = built.mixture(features)
    components = torch.distributions.Independent(torch.distributions.Normal(means, deviations.exp()), 1)
    return torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=weights), components)


@torch.no_grad()
def test_the_density_is_that_of_a_mixture_of_gaussians() -> None:
    built, features, boxes = network(), torch.randn(50, 32) * 3, torch.randn(50, BOX)
    torch.testing.assert_close(
        built.log_density(features, boxes), mixture_of(built, features).log_prob(boxes), rtol=1e-4, atol=1e-4
    )


@torch.no_grad()
def test_the_density_integrates_to_1() -> None:
    """By importance sampling from a wider Gaussian."""
    built, features = network(), torch.randn(1, 32)
    mixture = mixture_of(built, features)
    torch.manual_seed(0)
    wide = torch.distributions.Normal(mixture.mean, 1.5 * mixture.stddev)
    points = wide.sample((60_000,))[:, 0]
    density = built.log_density(features.expand(len(points), -1), points)
    assert (density - wide.log_prob(points).sum(-1)).exp().mean().item() == pytest.approx(1, abs=0.03)


# --- drawing boxes ---------------------------------------------------------------------------------


def peaked(cell: int, share: float = 0.99) -> torch.Tensor:
    """(64,) log-probabilities of centres with nearly all on one cell."""
    log = torch.full((64,), math.log((1 - share) / 63))
    log[cell] = math.log(share)
    return log


def narrow(width: float, height: float) -> PlacementNetwork:
    """A network whose boxes are ``width`` x ``height`` of the frame, the centre in the middle of its cell."""
    built = network()
    with torch.no_grad():
        last = built.size[-1]
        last.weight.zero_()
        last.bias.zero_()
        bias = last.bias.view(CONFIG.mixture, 1 + 2 * BOX)
        bias[:, 3], bias[:, 4], bias[:, 1 + BOX :] = math.log(width), math.log(height), -3
    return built


@pytest.mark.parametrize("cell", [0, 7, 27, 63])
def test_boxes_follow_the_heatmap_and_the_sizes(cell: int) -> None:
    boxes, _ = narrow(0.25, 0.5).place(peaked(cell), torch.zeros(64, 32), uniforms(200))
    assert boxes.shape == (200, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    np.testing.assert_allclose(centres, [[(cell % 8 + 0.5) / 8, (cell // 8 + 0.5) / 8]] * 200, atol=0.25 / 8)
    assert np.median(boxes[:, 2] - boxes[:, 0]) == pytest.approx(0.25, rel=0.05)
    assert np.median(boxes[:, 3] - boxes[:, 1]) == pytest.approx(0.5, rel=0.05)


def test_two_peaks_share_the_boxes() -> None:
    log = torch.full((64,), -20.0)
    log[9], log[54] = math.log(0.3), math.log(0.7)
    boxes, _ = narrow(0.1, 0.1).place(log, torch.zeros(64, 32), uniforms(1000))
    left = (boxes[:, 0] + boxes[:, 2]) / 2 < 0.5
    assert left.mean() == pytest.approx(0.3, abs=0.05)


@torch.no_grad()
def test_a_box_is_a_function_of_its_own_uniform_numbers() -> None:
    built = network()
    centres, features = (value[0] for value in built(*inputs(1)))
    rows = uniforms(20)
    boxes, density = built.place(centres, features, rows)
    again, _ = built.place(centres, features, rows)
    assert np.array_equal(boxes, again)
    for row in (0, 7, 19):
        alone, own = built.place(centres, features, rows[row : row + 1])
        np.testing.assert_allclose(alone[0], boxes[row], atol=1e-6)
        assert own[0] == pytest.approx(density[row], abs=1e-4)
    assert len(np.unique(boxes.round(6), axis=0)) == 20


@torch.no_grad()
def test_deviates_are_normal_and_the_density_belongs_to_the_box() -> None:
    """One Gaussian with full spread: what is drawn has its mean and deviation."""
    built = narrow(0.3, 0.3)
    rows = uniforms(4000)
    boxes, density = built.place(peaked(27, 1 - 1e-9), torch.zeros(64, 32), rows, spread=1.0)
    offset = (boxes[:, 0] + boxes[:, 2]) / 2 * 8 - 3.5
    assert offset.mean() == pytest.approx(0, abs=0.003)
    assert offset.std() == pytest.approx(math.exp(-3), rel=0.05)
    calmer, _ = built.place(peaked(27, 1 - 1e-9), torch.zeros(64, 32), rows, spread=0.5)
    assert ((calmer[:, 0] + calmer[:, 2]) / 2 * 8 - 3.5).std() == pytest.approx(0.5 * math.exp(-3), rel=0.05)
    sizes = np.log(boxes[:, 2:] - boxes[:, :2])
    drawn = np.stack([offset, (boxes[:, 1] + boxes[:, 3]) / 2 * 8 - 3.5, sizes[:, 0], sizes[:, 1]], axis=1)
    expected = built.log_density(torch.zeros(4000, 32), torch.from_numpy(drawn).float())
    np.testing.assert_allclose(density, expected.numpy(), atol=0.01)


def test_extreme_uniform_numbers() -> None:
    rows = torch.zeros(2, UNIFORMS)
    rows[1] = 1 - 2**-24  # the largest that torch.rand gives
    boxes, density = network().place(peaked(0), torch.zeros(64, 32), rows)
    assert np.isfinite(boxes).all()
    assert np.isfinite(density).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_the_nucleus_keeps_the_likely() -> None:
    shares = torch.tensor([0.02, 0.5, 0.3, 0.15, 0.03])
    assert _nucleus(shares, 0.95).nonzero().flatten().tolist() == [1, 2, 3]
    assert _nucleus(shares, 0.81).nonzero().flatten().tolist() == [1, 2, 3]
    assert _nucleus(shares, 0.4).nonzero().flatten().tolist() == [1]
    torch.testing.assert_close(_nucleus(shares, 0.7), torch.tensor([0, 0.5, 0.3, 0, 0]))
    assert _nucleus(torch.full((64,), 1 / 64), 0.95).count_nonzero() in (61, 62)


# --- the whole scene -------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(60, 100), (100, 60), (8, 8)])
def test_the_frame_holds_the_whole_photo(height: int, width: int) -> None:
    view = View.of(Scene(height, width, (Layer("sky", np.ones((height, width), dtype=bool), False),)))
    frame = scene_frame(view)
    assert (frame.cx, frame.cy, frame.side) == (width / 2, height / 2, max(height, width))
    crop = render_scene(view, (Point(width * 0.75, height * 0.25),))
    inside = crop.flags[FLAGS.index("outside")] < 0.5
    assert inside.mean() == pytest.approx(min(height, width) / max(height, width), abs=0.08)
    assert (crop.ids[inside] == 1).all()
    assert not crop.flags[FLAGS.index("box")].any()
    row, col = np.unravel_index(crop.flags[FLAGS.index("guide")].argmax(), (CELLS, CELLS))
    assert (col + 0.5) / CELLS == pytest.approx(0.5 + 0.25 * width / frame.side, abs=1 / CELLS)
    assert (row + 0.5) / CELLS == pytest.approx(0.5 - 0.25 * height / frame.side, abs=1 / CELLS)


# --- order -----------------------------------------------------------------------------------------

sides = st.floats(0.5, 90)


@st.composite
def boxes(draw: st.DrawFn) -> BoxXYXY:
    x, y = draw(st.floats(-20, 90)), draw(st.floats(-20, 90))
    return x, y, x + draw(sides), y + draw(sides)


@given(boxes(), boxes())
def test_pair_features_turn_round_with_the_pair(one: BoxXYXY, two: BoxXYXY) -> None:
    forth, back = pair_features(one, two, 100, 80), pair_features(two, one, 100, 80)
    assert forth.shape == (PAIR,)
    assert forth.dtype == np.float32
    assert np.isfinite(forth).all()
    assert abs(forth).max() <= 4
    np.testing.assert_allclose(forth[[0, 1, 4, 5]], -back[[0, 1, 4, 5]], atol=1e-5)  # lower, higher, wider, taller
    np.testing.assert_allclose(forth[[6, 7, 8, 9]], back[[7, 6, 9, 8]], atol=1e-5)  # shares and heights swap
    assert bool(forth[6] > 0) == (
        min(one[2], two[2]) > max(one[0], two[0]) and min(one[3], two[3]) > max(one[1], two[1])
    )


@pytest.mark.parametrize(
    ("two", "expected"),
    [
        ((0, 0, 10, 10), True),
        ((5, 5, 15, 15), True),
        ((9, 0, 19, 10), True),  # a tenth
        ((9.8, 0, 19.8, 10), False),  # a fiftieth
        ((10, 0, 20, 10), False),
        ((30, 30, 40, 40), False),
        ((9.8, 0, 10.0, 1), True),  # wholly inside
        ((-100, -100, 100, 100), True),
    ],
)
def test_overlaps(two: BoxXYXY, expected: bool) -> None:
    assert overlaps((0, 0, 10, 10), two) is expected
    assert overlaps(two, (0, 0, 10, 10)) is expected


@torch.no_grad()
def test_the_order_network_gives_one_logit_a_pair() -> None:
    torch.manual_seed(0)
    built = OrderNetwork(OrderConfig(width=8, text_dim=12)).eval()
    new, other, pair = torch.randn(5, 12), torch.randn(5, 12), torch.randn(5, PAIR)
    logits = built(new, other, pair)
    assert logits.shape == (5,)
    torch.testing.assert_close(built(new[2:3], other[2:3], pair[2:3]), logits[2:3])
    for changed in ((new + 1, other, pair), (new, other + 1, pair), (new, other, pair + 1)):
        assert (built(*changed) - logits).abs().max() > 1e-4


class Odds(OrderNetwork):
    """Answers with the number that each name's vector holds."""

    def __init__(self) -> None:
        super().__init__(OrderConfig(width=2, text_dim=1))

    def forward(self, new: torch.Tensor, other: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        assert new.shape == other.shape == (len(pair), 1)
        return other[:, 0]


BOX_OF_NEW = (10.0, 10.0, 40.0, 40.0)


def order_of(*layers: tuple[str, float]) -> int:
    """Layers back to front: "near" or "far" things or "stuff", each with the logit that the new one is in front."""
    masks = {
        "near": block(60, 60, 15, 15, 35, 45),
        "far": block(60, 60, 50, 50, 58, 58),
        "stuff": block(60, 60, 0, 0, 60, 60),
    }
    scene = Scene(60, 60, tuple(Layer(kind, masks[kind], kind != "stuff") for kind, _ in layers))
    vectors = np.array([[logit] for _, logit in layers] or [[0.0]], dtype=np.float32)
    return likely_order(Odds(), scene, vectors, np.zeros(1, dtype=np.float32), BOX_OF_NEW)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([], 0),
        ([("stuff", -9), ("far", -9)], 2),  # nothing to be behind of
        ([("stuff", -9), ("near", 2)], 2),
        ([("stuff", 9), ("near", -2)], 1),  # behind the thing, in front of stuff
        ([("near", 2), ("near", -1)], 1),
        ([("near", -1), ("near", 2)], 2),  # being in front of the second outweighs it
        ([("near", -2), ("near", 1)], 0),
        ([("near", -1), ("near", 1)], 2),  # equal: the front-most
        ([("near", 0)], 1),
        ([("near", 3), ("near", 3), ("far", -9)], 3),
    ],
)
def test_the_likely_order(layers: list[tuple[str, float]], expected: int) -> None:
    assert order_of(*layers) == expected


@given(st.lists(st.tuples(st.sampled_from(["near", "far", "stuff"]), st.integers(-3, 3)), max_size=6))
def test_no_other_order_is_likelier(layers: list[tuple[str, int]]) -> None:
    """Against all orders: in front of each near thing behind it, behind each in front."""

    def odds(order: int) -> int:
        return sum(logit if i < order else -logit for i, (kind, logit) in enumerate(layers) if kind == "near")

    order = order_of(*layers)
    assert 0 <= order <= len(layers)
    assert odds(order) == max(odds(each) for each in range(len(layers) + 1))
