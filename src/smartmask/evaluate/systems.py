"""Systems by name: the pipeline and the baselines it is measured beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smartmask.evaluate.baselines import BASELINES, SPECIAL, ShapeBank, System

PIPELINE = "pipeline"
KNOWN = (PIPELINE, *BASELINES)


def system_names(asked: Sequence[str] | None, guidance: Sequence[str]) -> tuple[str, ...]:
    """The names asked for, or all that fit the kinds of guidance. ValueError for an unknown name or none."""
    if asked is None:
        return tuple(name for name in KNOWN if SPECIAL.get(name, guidance[0]) in guidance)
    unknown = [name for name in asked if name not in KNOWN]
    if unknown or not asked:
        raise ValueError(f"There is no system '{', '.join(unknown)}'; use some of {', '.join(KNOWN)}.")
    return tuple(asked)


def pipeline_system(weights: Path | None, steps: int | None = None) -> System:
    """The pipeline of a folder of weights, or the bundled one."""
    from smartmask.evaluate.benchmark import PipelineSystem
    from smartmask.pipelines.mask import SmartMaskPipeline

    settings: dict[str, Any] = {} if steps is None else {"num_inference_steps": steps}
    return PipelineSystem(SmartMaskPipeline.from_pretrained(weights), **settings)


def make_systems(names: Sequence[str], bank: ShapeBank, pipeline: System | None) -> dict[str, System]:
    """{name: system} in the order of the names; ``pipeline`` answers under its own name."""
    return {name: pipeline if pipeline and name == PIPELINE else BASELINES[name](bank) for name in names}
