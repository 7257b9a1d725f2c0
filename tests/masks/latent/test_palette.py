"""Colours of names: apart within a scene, far from white, and the same in whatever order they are asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent.palette import (
    COLOURS,
    FROM_WHITE,
    OUTSIDE_COLOUR,
    STEP,
    UNLABELED_COLOUR,
    WHITE,
    coloured,
    colours_of,
    preferred,
)
from smartmask.scene.view import OUTSIDE, UNLABELED
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_TEXT)
NAMES = TEXT.names()


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(((a[:, None].astype(float) - b[None]) ** 2).sum(-1))


def test_all_colours_are_apart_and_far_from_white() -> None:
    every = np.array([*COLOURS, UNLABELED_COLOUR, OUTSIDE_COLOUR])
    between = distances(every, every) + 1e9 * np.eye(len(every))
    assert between.min() >= STEP
    assert distances(every, np.array([WHITE])).min() >= FROM_WHITE
    assert len(COLOURS) == 119  # the docstring's number of names


@settings(max_examples=30)
@given(st.lists(st.sampled_from(NAMES), min_size=2, max_size=60, unique=True), st.randoms(use_true_random=False))
def test_names_of_a_scene_are_told_apart_in_any_order(names: list[str], chance: object) -> None:
    found = {name: tuple(colour) for name, colour in zip(names, colours_of(names, TEXT).tolist(), strict=True)}
    readings = {name: TEXT.understand(name).name for name in names}
    assert len(set(found.values())) == len(set(readings.values()))
    mixed = list(names)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert {n: tuple(c) for n, c in zip(mixed, colours_of(mixed, TEXT).tolist(), strict=True)} == found


def test_two_spellings_of_a_name_share_a_colour_and_unknown_names_do_not() -> None:
    dog, dogs, cat = colours_of(["dog", "dogs", "cat"], TEXT).tolist()
    assert dog == dogs != cat
    one, two = colours_of(["xqzzt", "wvvkp"], TEXT).tolist()
    assert one != two


def test_alike_names_prefer_alike_colours() -> None:
    """The point of colours from vectors: a name never seen looks like its kin."""
    groups = [["dog", "cat", "horse", "cow"], ["wall", "table", "desk", "cabinet"]]
    spots = [np.array([preferred(TEXT.encode(name)) for name in group]) for group in groups]
    within = np.mean([distances(group, group)[np.triu_indices(4, 1)].mean() for group in spots])
    assert within < 0.6 * distances(*spots).mean()


def test_more_names_than_colours_come_round() -> None:
    names = NAMES[:150]
    found = colours_of(names, TEXT)
    assert found.shape == (150, 3)
    assert len({tuple(colour) for colour in found.tolist()}) == len(COLOURS)


def test_a_map_is_coloured_by_its_names() -> None:
    top = np.array([[0, 1], [UNLABELED, OUTSIDE]])
    picture = coloured(top, ["dog", "sky"], TEXT)
    dog, sky = colours_of(["dog", "sky"], TEXT)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[dog.tolist(), sky.tolist()], [list(UNLABELED_COLOUR), list(OUTSIDE_COLOUR)]]
    assert coloured(np.full((2, 2), UNLABELED), [], TEXT).max() == 0


@pytest.mark.parametrize("value", [-50.0, 0.0, 50.0])
def test_preferences_lie_in_the_grid(value: float) -> None:
    spot = preferred(np.full(128, value, np.float32))
    assert spot.dtype.kind == "i"
    assert ((spot >= 0) & (spot <= 204)).all()
