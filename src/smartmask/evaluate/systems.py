"""Systems by name: the pipeline and the baselines it is measured beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from smartmask.data.pack import Pack
from smartmask.data.shapes import Outlines, ShapeBank
from smartmask.data.targets import Protocol
from smartmask.evaluate.baselines import BASELINES, SPECIAL, System
from smartmask.evaluate.memories import memory_of, read_outlines, train_bank, whole_outlines

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline

PIPELINE = "pipeline"
KNOWN = (PIPELINE, *BASELINES)


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


def assemble(
    names: Sequence[str],
    pack: Pack,
    protocol: Protocol,
    weights: Path | None = None,
    memory: Path | None = None,
    licences: str | None = None,
    steps: int | None = None,
) -> Asked:
    """The systems of these names. memory, licences: see ``baseline_outlines`` and ``load_pipeline``."""
    pipe = load_pipeline(weights, licences) if PIPELINE in names else None
    bank = train_bank(pack, protocol, baseline_outlines(pack, protocol, pipe, memory, licences))
    settings: dict[str, Any] = {} if steps is None else {"num_inference_steps": steps}
    systems = make_systems(names, bank, None if pipe is None else pipeline_of(pipe, **settings))
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


def pipeline_of(pipe: Any, **settings: Any) -> System:
    """A loaded pipeline as a system."""
    from smartmask.evaluate.benchmark import PipelineSystem

    return PipelineSystem(pipe, **settings)


def make_systems(names: Sequence[str], bank: ShapeBank, pipeline: System | None) -> dict[str, System]:
    """{name: system} in the order of the names; ``pipeline`` answers under its own name."""
    return {name: pipeline if pipeline and name == PIPELINE else BASELINES[name](bank) for name in names}
