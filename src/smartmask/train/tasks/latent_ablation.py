"""The arms of the ablation that SmartMask's paper (arXiv 2312.05039) implies: one thing changed at a time.

Same pictures, steps, batches and seeds: what differs is the frame that the canvas shows, whether there are guides or
contexts, and the share of the training pictures (the paper's open question of how much data is needed). Shares are
nested, by a hash of the picture's key; development and test pictures are in none. Judging is ``evaluate``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smartmask.train.settings import LatentAblationSettings, LatentTrainSettings
from smartmask.train.tasks.latent import train_latent

WHOLE = "whole"  # the paper's way: what the others are compared with
OWN = ("arms", "frame", "guidance", "objects", "num_masks", "sampler_steps", "minutes")  # not of one arm's training


def arms(settings: LatentAblationSettings) -> dict[str, dict[str, Any]]:
    """``{arm: settings of its training that differ}``, those asked for. ValueError for an unknown one."""
    every: dict[str, dict[str, Any]] = {
        WHOLE: {},
        "frame": {"frame": settings.frame},
        "no-guides": {"without": ("guides",)},
        "no-context": {"without": ("context",)},
        "data-10": {"share": 10},
        "data-30": {"share": 30},
    }
    unknown = [name for name in settings.arm_names if name not in every]
    if unknown:
        raise ValueError(f"There is no arm '{', '.join(unknown)}'; use some of {', '.join(every)}.")
    return {name: changed for name, changed in every.items() if name in (settings.arm_names or every)}


def arm_settings(settings: LatentAblationSettings, name: str) -> LatentTrainSettings:
    """Of one arm's training, in a folder of its own."""
    common = settings.model_dump(exclude=set(OWN))
    return LatentTrainSettings.of(**{**common, **arms(settings)[name], "out": settings.out / name})


def train_arms(settings: LatentAblationSettings) -> Iterator[tuple[str, Path]]:
    """``(arm, folder of its model)``, one after the other, each trained when it is asked for.

    An arm whose run in ``out`` is complete is not trained again, one that was stopped goes on; ValueError if the run
    there has other settings.
    """
    for name in arms(settings):
        yield name, train_latent(arm_settings(settings, name))
