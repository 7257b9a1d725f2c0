"""Wherever seeds are counted up from the user's: the largest that works works, one more is told by its own number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from smartmask import Box, Scene, SmartMaskPipeline
from smartmask.insertion.lay import ObjectRequest, lay
from smartmask.io.checks import MAX_MASKS, MAX_SEED
from smartmask.plan.language.phrases import parse
from smartmask.plan.layouts.pipeline import SEEDS, draw_layout
from smartmask.plan.layouts.several import TRIES, lay_several

SCENE = Scene.empty(32, 48)
BOX = Box(4, 4, 30, 28)


@pytest.fixture(scope="module")
def pipe() -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained()


def masks(pipe: SmartMaskPipeline, seed: int) -> Any:
    return pipe(SCENE, "dog", guidance=BOX, num_masks=3, generator=seed)


def diverse(pipe: SmartMaskPipeline, seed: int) -> Any:
    return pipe(SCENE, "dog", guidance=BOX, num_masks=3, generator=seed, diverse=True)


def two(pipe: SmartMaskPipeline, seed: int) -> Any:
    return lay(
        SCENE, [ObjectRequest("dog", BOX), ObjectRequest("cat", BOX)], num_masks=2, pipeline=pipe, generator=seed
    )


def own(pipe: SmartMaskPipeline, seed: int) -> Any:
    return lay(SCENE, [ObjectRequest("dog", BOX, seed=seed)], num_masks=2, pipeline=pipe)


def phrase(pipe: SmartMaskPipeline, seed: int) -> Any:
    return lay_several(SCENE, parse("a dog and a cat", pipe.text), pipe, num_masks=1, generator=seed)


def layout(pipe: SmartMaskPipeline, seed: int) -> Any:
    return draw_layout("a dog on grass", 32, 48, pipe, generator=seed, num_masks=1)


@pytest.mark.parametrize(
    ("call", "added"),
    [
        (masks, 2),
        (diverse, 11),
        (two, MAX_MASKS + 1),
        (own, 1),
        (phrase, 50 * (TRIES - 1) + 2 * MAX_MASKS),
        (layout, SEEDS),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_largest_seed(pipe: SmartMaskPipeline, call: Callable[..., Any], added: int) -> None:
    assert call(pipe, MAX_SEED - added) is not None
    assert call(pipe, np.uint64(7)) is not None
    for seed in (MAX_SEED - added + 1, MAX_SEED):
        with pytest.raises(ValueError, match=f"seed is {seed}, .* must be from 0 to {MAX_SEED - added}"):
            call(pipe, seed)
    for wrong in (True, 3.0, "7", -1, MAX_SEED + 1, 10**30):
        with pytest.raises(ValueError, match=f"seed is {wrong!r}"):
            call(pipe, wrong)
