"""The layout as the networks see it: what each channel says, and E_phi with eq. 5."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from drawn import block

from smartmask.data.view import OUTSIDE, UNLABELED, View
from smartmask.frame import MARGIN, Frame
from smartmask.guidance import ALPHA, KINDS, Blob, Box, MaskGuide, Point, Scribble
from smartmask.models.layout import CELLS, FLAGS, SCALARS, LayoutCrop, LayoutEncoder, render
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 64, 96
WHOLE = Frame(32, 32, 64)  # two pixels a cell, the left two thirds of the scene


def scene() -> Scene:
    """Sky over grass, a cat, and an unlabeled corner at the lower left."""
    corner = block(HEIGHT, WIDTH, 0, 48, 16, 64)
    cat = block(HEIGHT, WIDTH, 32, 16, 48, 48)
    sky = block(HEIGHT, WIDTH, 0, 0, WIDTH, 32)
    layers = (Layer("sky", sky, False), Layer("grass", ~sky & ~corner, False), Layer("cat", cat))
    return Scene(HEIGHT, WIDTH, layers)


def flag(crop: LayoutCrop, name: str) -> np.ndarray:
    return crop.flags[FLAGS.index(name)]


# --- rendering -------------------------------------------------------------------------------------


def test_shapes_and_types() -> None:
    crop = render(View.of(scene()), WHOLE, (10, 10, 20, 20), [])
    assert crop.ids.shape == (CELLS, CELLS)
    assert crop.ids.dtype == np.int64
    assert crop.flags.shape == (len(FLAGS), CELLS, CELLS)
    assert crop.flags.dtype == np.float32
    assert crop.flags.min() >= 0
    assert crop.flags.max() <= 1
    assert crop.scalars.shape == (SCALARS,)
    assert crop.scalars.dtype == np.float32


def test_each_cell_names_its_region() -> None:
    crop = render(View.of(scene()), WHOLE, (10, 10, 20, 20), [])
    expected = np.where(np.arange(CELLS)[:, None] < 16, 1, 2) * np.ones((1, CELLS), dtype=int)
    expected[8:24, 16:24] = 3
    expected[24:, :8] = 0
    np.testing.assert_array_equal(crop.ids, expected)
    np.testing.assert_array_equal(flag(crop, "thing"), expected == 3)
    np.testing.assert_array_equal(flag(crop, "unlabeled"), expected == 0)
    assert not flag(crop, "outside").any()


def test_beyond_the_photo_is_outside_and_not_unlabeled() -> None:
    """The frame's left half lies beyond the photo."""
    crop = render(View.of(scene()), Frame(0, 16, 32), (-8, 8, 8, 24), [])
    assert (flag(crop, "outside")[:, :16] == 1).all()
    assert (flag(crop, "outside")[:, 17:] == 0).all()
    assert not flag(crop, "unlabeled").any()
    assert (crop.ids[:, :16] == 0).all()
    assert (crop.ids[:, 17:] == 1).all()


def test_edges_lie_where_labels_change() -> None:
    edge = flag(render(View.of(scene()), WHOLE, (10, 10, 20, 20), []), "edge")
    assert (edge[16, :15] > 0).all()  # the horizon
    assert (edge[8:24, 16] > 0).all()  # the cat's left side
    assert not edge[2:7].any()
    assert not edge[10:15, 2:14].any()


def test_two_instances_of_a_name_have_an_edge_between_them() -> None:
    one, two = block(HEIGHT, WIDTH, 0, 0, 32, HEIGHT), block(HEIGHT, WIDTH, 32, 0, WIDTH, HEIGHT)
    crop = render(View.of(Scene(HEIGHT, WIDTH, (Layer("cat", one), Layer("cat", two)))), WHOLE, (1, 1, 9, 9), [])
    assert (flag(crop, "edge")[:, 16] > 0).all()


def test_what_stands_in_front() -> None:
    behind = render(View.of(scene(), 2), WHOLE, (10, 10, 20, 20), [])
    expected = np.zeros((CELLS, CELLS))
    expected[8:24, 16:24] = 1
    np.testing.assert_allclose(flag(behind, "front"), expected, atol=1e-6)
    assert not flag(render(View.of(scene()), WHOLE, (10, 10, 20, 20), []), "front").any()


def test_the_guide_and_the_box() -> None:
    box = (16.0, 16.0, 32.0, 48.0)
    expected = np.zeros((CELLS, CELLS))
    expected[8:24, 8:16] = 1
    guided = render(View.of(scene()), WHOLE, box, [Box(*box)])
    np.testing.assert_array_equal(flag(guided, "box"), expected)
    np.testing.assert_array_equal(flag(guided, "guide"), expected)
    free = render(View.of(scene()), WHOLE, box, [])
    np.testing.assert_array_equal(flag(free, "box"), expected)
    assert not flag(free, "guide").any()
    np.testing.assert_array_equal(guided.ids, free.ids)


@pytest.mark.parametrize(
    "guide",
    [Point(20, 30), Blob(20, 30, 6, 4), Scribble([(10, 10), (30, 40)], 4), MaskGuide(block(64, 96, 9, 9, 30, 40))],
)
def test_a_guide_is_drawn_in_the_frame(guide: Any) -> None:
    """Its channel is G at the cells' centres, give or take the cell's own extent."""
    crop = render(View.of(scene()), WHOLE, (10, 10, 40, 40), [guide])
    x, y = WHOLE.grid(CELLS)
    exact = guide.sample(x, y, HEIGHT, WIDTH)
    assert abs(flag(crop, "guide") - exact).mean() < 0.02
    assert flag(crop, "guide").max() > 0.5


def test_scalars() -> None:
    box = (16.0, 8.0, 48.0, 24.0)
    scalars = render(View.of(scene()), Frame.around(box), box, [Box(*box)]).scalars
    margin = (1 - 1 / MARGIN) / 2
    np.testing.assert_allclose(scalars[:4], (margin, 0.5 - 0.25 / MARGIN, 1 - margin, 0.5 + 0.25 / MARGIN), rtol=1e-5)
    np.testing.assert_allclose(scalars[4:8], (16 / 96, 8 / 64, 48 / 96, 24 / 64), rtol=1e-6)
    assert scalars[8] == pytest.approx(np.log(32 * 16 / (64 * 96)) / 4)
    assert scalars[9] == 1
    np.testing.assert_array_equal(scalars[10:], [kind == "box" for kind in KINDS])
    free = render(View.of(scene()), Frame.around(box), box, []).scalars
    assert free[9] == 0
    np.testing.assert_array_equal(free[10:], [kind == "none" for kind in KINDS])


@pytest.mark.parametrize("box", [(0.0, 0.0, 0.0, 0.0), (-900.0, -900.0, 900.0, 900.0), (400.0, 5.0, 400.1, 5.1)])
def test_odd_boxes_stay_finite(box: tuple[float, float, float, float]) -> None:
    crop = render(View.of(scene()), Frame.around(box), box, [])
    assert np.isfinite(crop.scalars).all()
    assert abs(crop.scalars).max() <= 3
    assert np.isfinite(crop.flags).all()


def test_a_view_without_names() -> None:
    top = np.full((8, 8), UNLABELED, dtype=np.int16)
    top[:4] = OUTSIDE
    crop = render(View(top, np.zeros((8, 8), dtype=bool), (), (), (0, 4, 8, 8)), Frame(4, 4, 8), (0, 0, 8, 8), [])
    assert not crop.ids.any()
    assert (flag(crop, "unlabeled")[17:] == 1).all()
    assert (flag(crop, "outside")[:15] == 1).all()
    assert not flag(crop, "thing").any()


# --- the frame of an object ------------------------------------------------------------------------


# --- E_phi -----------------------------------------------------------------------------------------


def encoder() -> LayoutEncoder:
    torch.manual_seed(0)
    network = LayoutEncoder(text_dim=16, width=24, patches=8).eval()
    with torch.no_grad():
        network.guide.normal_()
        network.unlabeled.normal_()
    return network


def inputs(count: int = 3, names: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, names + 1, (count, CELLS, CELLS), generator=generator)
    return (
        ids,
        torch.rand(count, len(FLAGS), CELLS, CELLS, generator=generator),
        torch.randn(names, 16, generator=generator),
    )


def cells_of(network: LayoutEncoder, *given: torch.Tensor) -> torch.Tensor:
    """The (B, channels, C, C) cells that enter the network's convolutions."""
    seen: list[torch.Tensor] = []
    handle = network.local.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        network(*given)
    handle.remove()
    return seen[0]


def test_tokens() -> None:
    with torch.no_grad():
        tokens = encoder()(*inputs())
    assert tokens.shape == (3, 64, 24)
    assert tokens.std() > 0


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_equation_5(amount: float) -> None:
    """e~ = e (1 - alpha G) + alpha G e_guide: a G of 1 moves the vector by alpha towards the guide's."""
    network, (ids, flags, names) = encoder(), inputs()
    flags[:, FLAGS.index("guide")] = amount
    cells = cells_of(network, ids, flags, names)
    vectors, passed = cells[:, : network.name_channels], cells[:, network.name_channels :]
    with torch.no_grad():
        table = torch.cat([network.unlabeled[None], network.name(names)])
        plain = table[ids].permute(0, 3, 1, 2)
        towards = network.guide[None, :, None, None] - plain
    torch.testing.assert_close(vectors - plain, ALPHA * amount * towards)
    torch.testing.assert_close(passed, flags)


def test_the_order_of_the_names_does_not_matter() -> None:
    network, (ids, flags, names) = encoder(), inputs()
    turned = torch.tensor([3, 0, 4, 1, 2])  # where each name goes
    shuffled = torch.empty_like(names)
    shuffled[turned] = names
    new_ids = torch.cat([torch.zeros(1, dtype=torch.long), turned + 1])[ids]
    with torch.no_grad():
        torch.testing.assert_close(network(new_ids, flags, shuffled), network(ids, flags, names))


def test_rows_do_not_mix() -> None:
    network, (ids, flags, names) = encoder(), inputs()
    with torch.no_grad():
        together = network(ids, flags, names)
        for row in range(3):
            torch.testing.assert_close(
                network(ids[row : row + 1], flags[row : row + 1], names)[0], together[row], atol=1e-4, rtol=0
            )
