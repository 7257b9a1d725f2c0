"""The mask network: shapes, null texts, and rows of a batch that do not see each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smartmask.frame import BAND
from smartmask.models.layout import CELLS, FLAGS, SCALARS
from smartmask.models.presets import SHAPE_PRESETS
from smartmask.models.shape import MASKS, Condition, ShapeConfig, ShapeNetwork, _time_features


def network(config: ShapeConfig = SHAPE_PRESETS["tiny"], seed: int = 0) -> ShapeNetwork:
    """A network none of whose weights is zero, so that everything in it matters."""
    torch.manual_seed(seed)
    built = ShapeNetwork(config).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1)
    return built


def inputs(count: int = 3) -> tuple[torch.Tensor, torch.Tensor, Condition]:
    """Noisy masks, times and a condition of ``count`` samples."""
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    condition = Condition(
        ids=torch.randint(0, 5, (count, CELLS, CELLS), generator=generator),
        flags=torch.rand(count, len(FLAGS), CELLS, CELLS, generator=generator),
        scalars=normal(count, SCALARS), names=normal(4, 128), object=normal(count, 128), context=normal(count, 128),
    )  # fmt: skip
    return normal(count, MASKS, BAND, BAND), torch.rand(count, generator=generator), condition


def rows(condition: Condition, at: slice) -> Condition:
    per_sample = ("ids", "flags", "scalars", "object", "context")
    return replace(condition, **{name: getattr(condition, name)[at] for name in per_sample})


@torch.no_grad()
def test_masks_in_masks_out() -> None:
    noisy, time, condition = inputs()
    clean = network()(noisy, time, condition)
    assert clean.shape == (3, MASKS, BAND, BAND)
    assert clean.isfinite().all()
    assert clean.std() > 0


@torch.no_grad()
def test_an_untrained_network_predicts_nothing() -> None:
    """The head starts at zero, and shut gates leave the stream of each block as it is."""
    built = ShapeNetwork(SHAPE_PRESETS["tiny"])
    noisy, time, condition = inputs()
    assert not built(noisy, time, condition).any()
    x = torch.randn(2, 5, 32)
    assert torch.equal(built.blocks[0](x, built.modulate(torch.randn(2, 32)).view(2, 6, -1)), x)


@torch.no_grad()
def test_rows_do_not_mix() -> None:
    built, (noisy, time, condition) = network(), inputs(4)
    together = built(noisy, time, condition)
    for row in range(4):
        at = slice(row, row + 1)
        torch.testing.assert_close(built(noisy[at], time[at], rows(condition, at))[0], together[row], atol=1e-4, rtol=0)
    changed = noisy.clone()
    changed[1] += 1
    again = built(changed, time, condition)
    torch.testing.assert_close(again[[0, 2, 3]], together[[0, 2, 3]], atol=1e-4, rtol=0)
    assert (again[1] - together[1]).abs().max() > 1e-2


@torch.no_grad()
@pytest.mark.parametrize("what", ["ids", "flags", "scalars", "names", "object", "context"])
def test_the_network_listens_to(what: str) -> None:
    built, (noisy, time, condition) = network(), inputs()
    value = getattr(condition, what)
    changed = replace(condition, **{what: (value + 1) % 5 if what == "ids" else value + 1})
    assert (built(noisy, time, changed) - built(noisy, time, condition)).abs().max() > 1e-4
    assert (built(noisy, 1 - time, condition) - built(noisy, time, condition)).abs().max() > 1e-4


@torch.no_grad()
def test_a_null_text_is_not_read() -> None:
    built, (noisy, time, condition) = network(), inputs()
    other = replace(condition, object=condition.object + 1)
    elsewhere = replace(condition, context=condition.context + 1)
    yes, no = torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)
    plain = built(noisy, time, condition)
    assert torch.equal(built(noisy, time, condition, yes, yes), plain)
    without_object = built(noisy, time, condition, no, yes)
    assert torch.equal(built(noisy, time, other, no, yes), without_object)
    assert not torch.equal(built(noisy, time, elsewhere, no, yes), without_object)
    without_context = built(noisy, time, condition, yes, no)
    assert torch.equal(built(noisy, time, elsewhere, yes, no), without_context)
    assert not torch.equal(built(noisy, time, other, yes, no), without_context)
    for one, two in ((plain, without_object), (plain, without_context), (without_object, without_context)):
        assert (one - two).abs().max() > 1e-4


@torch.no_grad()
def test_texts_are_dropped_row_by_row() -> None:
    built, (noisy, time, condition) = network(), inputs()
    keep = torch.tensor([True, False, True])
    mixed = built(noisy, time, condition, keep, torch.ones(3, dtype=torch.bool))
    none = built(noisy, time, condition, torch.zeros(3, dtype=torch.bool), None)
    torch.testing.assert_close(mixed[1], none[1])
    torch.testing.assert_close(mixed[[0, 2]], built(noisy, time, condition)[[0, 2]])


def test_null_texts_learn() -> None:
    built, (noisy, time, condition) = network(), inputs()
    no = torch.zeros(3, dtype=torch.bool)
    built(noisy, time, condition, no, no).square().mean().backward()
    for parameter in (built.null_object, built.null_context):
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
    assert not built.object.weight.grad.any()


def test_patches_there_and_back() -> None:
    built = ShapeNetwork(SHAPE_PRESETS["tiny"])
    masks = torch.randn(2, MASKS, BAND, BAND)
    patches = built._to_patches(masks)
    assert patches.shape == (2, 64, MASKS * 81)
    assert torch.equal(built._to_masks(patches), masks)
    one = torch.zeros(1, MASKS, BAND, BAND)
    one[0, :, :9, 9:18] = 1  # the second patch of the first row
    assert built._to_patches(one)[0].sum(1).nonzero().flatten().tolist() == [1]


def test_times_are_told_apart() -> None:
    features = _time_features(torch.linspace(0, 1, 50))
    assert features.shape == (50, 128)
    assert features.abs().max() <= 1
    distance = torch.cdist(features, features) + 9 * torch.eye(50)
    assert distance.min() > 0.5


def test_patches_must_fit() -> None:
    with pytest.raises(ValueError, match="patches is 7, which does not divide the mask frame's 72 samples"):
        ShapeNetwork(ShapeConfig(width=8, depth=1, heads=1, patches=7))
