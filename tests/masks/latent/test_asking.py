"""What requests do besides guide and texts: frames, a second look, variations of a mask, where the object is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smartmask.geometry import box_mask, mask_iou
from smartmask.guides import Box, Guide, MaskGuide, Point, Scribble
from smartmask.masks.latent.asking import as_pictures, ask, frame_of, tells_place
from smartmask.masks.latent.layout import Canvas
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.masks.latent.parts import LatentParts
from smartmask.masks.model import MaskRequest
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder

HEIGHT, WIDTH = 200, 300
GRASS = Layer("grass", box_mask((0, 0, WIDTH, HEIGHT), HEIGHT, WIDTH), False)
SCENE = Scene(HEIGHT, WIDTH, (GRASS,))
CPU = torch.device("cpu")


def request(**changes: Any) -> MaskRequest:
    return MaskRequest.of(**{"object": "dog", "steps": 4, **changes})


class Drawer(torch.nn.Module):
    """A network that knows what to draw: the picture that ``drawn`` makes of the layout it sees, as the clean one."""

    def __init__(self, parts: LatentParts, drawn: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.parts, self.drawn, self.unet = parts, drawn, torch.nn.Linear(1, 1)
        self.seen: list[np.ndarray] = []

    def forward(self, noisy: torch.Tensor, layout: torch.Tensor, *others: Any) -> torch.Tensor:
        pixels = (self.parts.codec.decode(layout) + 1) * 127.5
        pictures = [picture.permute(1, 2, 0).numpy() for picture in pixels]
        self.seen.append(pictures[0])
        made = np.stack([self.drawn(picture) for picture in pictures])
        return self.parts.codec.encode(as_pictures(torch.from_numpy(made)))


def drawer(model: SmartMaskLatentModel, frame: float, drawn: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A model that sees frames and draws what ``drawn`` says."""
    settings = replace(model.parts.settings, frame=frame)
    made = replace(model.parts, settings=settings, network=Drawer(model.parts, drawn))  # type: ignore[arg-type]
    return SmartMaskLatentModel(made)


def bright(picture: np.ndarray) -> np.ndarray:
    """White where a guide has lightened the one colour of the grass, which is the darkest; else as it is."""
    dark = picture.reshape(-1, 3).sum(1).min()
    drawn = picture.copy()
    drawn[picture.sum(-1) > dark + 60] = 255
    return drawn


# --- frames ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guides", "wanted"),
    [
        ((Box(100, 50, 140, 70),), (60, 0, 180, 120)),  # 3 times 40 pixels, round the middle
        ((Box(0, 180, 40, 220),), (0, 80, 120, 200)),  # moved into the scene; what is beyond the border is not there
        ((MaskGuide(box_mask((10, 10, 30, 20), HEIGHT, WIDTH)),), (0, 0, 60, 60)),
        ((Point(50, 50),), None),  # tells no size
        ((Point(50, 50), Box(100, 50, 140, 70)), (60, 0, 180, 120)),
        ((Box(0, 0, 150, 100),), None),  # three times it is the scene
        ((), None),
    ],
)
def test_the_frame_is_round_what_tells_a_size(guides: tuple[Guide, ...], wanted: Any) -> None:
    found = frame_of(SCENE, request(guides=guides), 3.0)
    assert found == (None if wanted is None else pytest.approx(wanted))
    assert frame_of(SCENE, request(guides=guides), 0.0) is None


def test_a_stroke_and_a_mask_to_vary_have_frames() -> None:
    stroke = frame_of(SCENE, request(guides=(Scribble([(100, 100), (120, 110)]),)), 3.0)
    assert stroke is not None
    assert stroke[0] < 100 < 120 < stroke[2] < 200
    like = box_mask((100, 50, 140, 70), HEIGHT, WIDTH)
    assert frame_of(SCENE, request(like=like), 3.0) == (60, 0, 180, 120)
    assert tells_place(request(like=like))
    assert not tells_place(request(guides=(Point(3, 3),)))


@pytest.mark.parametrize(("frame", "least"), [(0.0, 0.5), (3.0, 0.85)])
def test_a_small_thing_is_finer_in_a_frame(model: SmartMaskLatentModel, frame: float, least: float) -> None:
    """An ellipse of 18 pixels in a scene of 300, on a canvas of 64 cells: the same drawing hand, with and without."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    true = ((x - 101) / 9) ** 2 + ((y - 53) / 5) ** 2 <= 1
    made = drawer(model, frame, bright)
    found = made.suggest(SCENE, request(guides=(MaskGuide(true),)), (0,))[0]
    overlap = mask_iou(found.mask, true)
    assert overlap > least
    assert ("frame" in found.why) == bool(frame)
    if not frame:
        assert overlap < 0.85


def test_without_a_guide_the_second_look_is_at_a_frame_round_the_first(model: SmartMaskLatentModel) -> None:
    """The first look draws a block somewhere; the second sees it as a guide, and what it draws there counts."""
    block = np.zeros((64, 64), bool)
    block[30:36, 20:26] = True

    def hand(picture: np.ndarray) -> np.ndarray:
        lightened = bright(picture)
        if (lightened == 255).all(-1).any():
            return lightened
        lightened[block] = 255
        return lightened

    made, seen = drawer(model, 4.0, hand), []
    found = made.suggest(SCENE, request(), (0, 1), lambda done, every: seen.append((done, every)))
    network = made.parts.network
    assert seen == [(done, 16) for done in range(1, 17)]  # two seeds, two looks of four steps
    first = Canvas.of(SCENE, 64).back(block.astype(np.float32)) >= 0.5
    for one in found:
        assert mask_iou(one.mask, first) > 0.7
        x0, y0, x1, y1 = one.why["frame"]
        assert x1 - x0 == pytest.approx(y1 - y0)
        assert x1 - x0 < 0.6 * WIDTH
    shown = np.array([(picture.reshape(-1, 3).sum(1) > picture.reshape(-1, 3).sum(1).min() + 60).mean()
                      for picture in network.seen])  # fmt: skip
    assert not shown[:4].any()  # no guide
    assert (shown[4:8] > 0.04).all()  # the first look's mask, a sixteenth of the frame


def test_what_fills_the_scene_is_not_looked_at_again(model: SmartMaskLatentModel) -> None:
    def everything(picture: np.ndarray) -> np.ndarray:
        return np.full_like(picture, 255)

    made, seen = drawer(model, 3.0, everything), []
    found = made.suggest(SCENE, request(), (0,), lambda done, every: seen.append((done, every)))[0]
    assert found.mask.mean() > 0.9
    assert "frame" not in found.why
    assert seen[-1] == (8, 8)
    assert len(made.parts.network.seen) == 4


# --- variations and where it is not --------------------------------------------------------------------


def test_the_mask_to_vary_is_where_the_drawing_starts(text: TextEncoder, model: SmartMaskLatentModel) -> None:
    like = box_mask((100, 50, 180, 130), HEIGHT, WIDTH)
    canvas = Canvas.of(SCENE, 64)
    near, far = (
        ask(model.parts, SCENE, request(like=like, like_distance=distance), canvas, (), CPU).known
        for distance in (0.0, 1.0)
    )
    assert near.strength < far.strength < 1
    assert near.start is not None
    picture = ((model.parts.codec.decode(near.start) + 1) * 127.5)[0].permute(1, 2, 0).numpy()
    white = canvas.back((picture == 255).all(-1).astype(np.float32)) >= 0.5
    assert mask_iou(white, like) > 0.9
    drawn = [
        model.suggest(SCENE, request(like=like, like_distance=distance, steps=10), (0,))[0].mask for distance in (0, 1)
    ]
    assert not np.array_equal(*drawn)


@pytest.mark.parametrize("frame", [0.0, 3.0])
def test_no_pixel_lies_where_the_object_is_not(model: SmartMaskLatentModel, frame: float) -> None:
    """Although the network would fill all of its canvas."""
    bar = Box(110, 0, 150, HEIGHT)

    def everything(picture: np.ndarray) -> np.ndarray:
        return np.full_like(picture, 255)

    made = drawer(model, frame, everything)
    guides = (Box(100, 50, 180, 110),) if frame else ()
    found = made.suggest(SCENE, request(not_here=(bar,), guides=guides), (0,))[0].mask
    assert found.sum() > 1000
    assert not found[:, 110:150].any()
    whole = made.suggest(SCENE, request(not_here=(Box(0, 0, WIDTH, HEIGHT),), guides=guides), (0,))[0]
    assert (whole.mask.sum(), whole.score) == (1, 0.0)


def test_the_network_is_shown_that_nothing_is_there(model: SmartMaskLatentModel) -> None:
    bar = Box(0, 0, WIDTH / 2, HEIGHT)
    asked = ask(model.parts, SCENE, request(not_here=(bar,)), Canvas.of(SCENE, 64), (), CPU)
    assert asked.known.stays is not None
    assert asked.known.stays.shape == (1, 1, 16, 16)
    assert asked.known.stays[0, 0, :, :8].float().mean() > 0.5
    assert not asked.known.stays[0, 0, :, 8:].any()
    assert asked.known.clean is not None
    assert torch.equal(asked.known.clean, asked.layout)  # S_k without a guide
    plain, barred = (model.suggest(SCENE, request(not_here=bars), (0,))[0].mask for bars in ((), (bar,)))
    assert not np.array_equal(plain[:, WIDTH // 2 :], barred[:, WIDTH // 2 :])  # the rest is drawn otherwise, too


def test_batches_of_several_second_looks_are_each_their_own(model: SmartMaskLatentModel) -> None:
    framed = replace(model.parts, settings=replace(model.parts.settings, frame=3.0))
    one, two = SmartMaskLatentModel(framed), SmartMaskLatentModel(framed, at_once=2)
    bars = (Box(0, 0, 40, HEIGHT),)
    alone, beside = (made.suggest(SCENE, request(not_here=bars, guides=(Point(150, 100),)), (3, 4, 5))
                     for made in (one, two))  # fmt: skip
    for a, b in zip(alone, beside, strict=True):
        assert a.seed == b.seed
        assert np.mean(a.mask != b.mask) < 0.02
