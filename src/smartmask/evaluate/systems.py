"""Systems by name: the pipeline and the baselines it is measured beside.

A *system* is any callable ``(scene, name, guide, n, seed) -> Prediction`` (see baselines.py), so a pipeline, a baseline
and a test's oracle are measured by the same lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import Outlines, ShapeBank
from smartmask.data.targets import Protocol
from smartmask.evaluate.baselines import BASELINES, SPECIAL, Prediction, System
from smartmask.evaluate.memories import memory_of, read_outlines, train_bank, whole_outlines
from smartmask.evaluate.protocol import ObjectSettings
from smartmask.guides import Guide
from smartmask.scene import Scene

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline

PIPELINE = "pipeline"
KNOWN = (PIPELINE, *BASELINES)


class PipelineSystem:
    """A SmartMaskPipeline as a system. Its context text is composed from what it may see."""

    def __init__(self, pipe: Any, **settings: Any) -> None:
        self.pipe, self.settings = pipe, settings

    def __call__(self, scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        out = self.pipe(scene, prompt=name, guidance=guide, num_masks=n, generator=seed, **self.settings)
        first = [int(s) for s in out.seeds].index(seed)
        return Prediction(np.asarray(out.masks), np.asarray(out.scores), first, getattr(out, "boxes", None))


@dataclass(frozen=True, eq=False)
class Asked:
    """The systems of a run by name, what the baselines know, and what a report says of it.

    pipe: the SmartMaskPipeline behind the system PIPELINE; None where it is not asked.
    """

    systems: Mapping[str, System]
    bank: ShapeBank
    about: dict[str, Any]
    pipe: Any = None


def system_names(asked: Sequence[str] | None, guidance: Sequence[str]) -> tuple[str, ...]:
    """The names asked for, or all that fit the kinds of guidance. ValueError for an unknown name or none."""
    if asked is None:
        return tuple(name for name in KNOWN if SPECIAL.get(name, guidance[0]) in guidance)
    unknown = [name for name in asked if name not in KNOWN]
    if unknown or not asked:
        raise ValueError(f"There is no system '{', '.join(unknown)}'; use some of {', '.join(KNOWN)}.")
    return tuple(asked)


def assemble(names: Sequence[str], pack: Pack, protocol: Protocol, settings: ObjectSettings, **more: Any) -> Asked:
    """The systems of these names; ``more`` goes to each call of the pipeline.

    The baselines remember the settings' memory, else the pipeline's own, else whole objects of the train split.
    """
    weights, licences = settings.weights, settings.licences
    pipe = load_pipeline(weights, licences) if PIPELINE in names else None
    bank = train_bank(pack, protocol, baseline_outlines(pack, protocol, pipe, settings.memory, licences))
    systems = {name: PipelineSystem(pipe, **more) if name == PIPELINE else BASELINES[name](bank) for name in names}
    about = {
        "weights": None if pipe is None else str(weights or "bundled"),
        "memory": f"{len(bank.outlines)} outlines, {bank.outlines.about}",
        "licences": licences,
    }
    return Asked(systems, bank, about, pipe)


def baseline_outlines(pack: Pack, protocol: Protocol, pipe: Any, memory: Path | None, licences: str | None) -> Outlines:
    """What the baselines remember: a file, else the pipeline's own memory, else whole objects of the train split.

    licences: a tier, such as "open"; None for all. Raises ValueError for a file that is no memory, or an unknown tier.
    """
    if memory is not None:
        return read_outlines(memory, licences)
    own = memory_of(pipe)
    if own is None and licences not in (None, "all"):
        raise ValueError(f"The pack's own objects have no licence tier '{licences}'; give a memory, or leave it out.")
    return whole_outlines(pack, protocol, "train") if own is None else own


def load_pipeline(weights: Path | None = None, licences: str | None = None) -> SmartMaskPipeline:
    """The pipeline of a folder of weights, or the bundled one, without outlines of the user's own.

    licences: the tier of outlines that it may use; None for all. ValueError for an unknown one.
    """
    from smartmask.masks.pipeline import SmartMaskPipeline

    with TemporaryDirectory() as nothing:  # figures must not hang on what somebody has added on this machine
        return SmartMaskPipeline.from_pretrained(weights, licences=licences or "all", memory=nothing)
