"""What a benchmark is: a class of settings, and a function that runs them, prints a report and writes it.

Settings that several benchmarks share are classes to inherit; which objects are asked about, and what a system may see
of them, is the object protocol of ``data/targets.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from smartmask.data.pack import Pack
from smartmask.data.targets import Case, Protocol, Target, make_case
from smartmask.io.settings import Settings, option, required


@dataclass(frozen=True)
class Benchmark:
    """One command of ``smartmask eval``: its name, its settings, and what runs them; ``run``'s text is the help."""

    name: str
    settings: type[Settings]
    run: Callable[[Any], None]

    @property
    def help(self) -> str:
        """One line."""
        return (self.run.__doc__ or "").strip().split("\n")[0]


# Fields of settings that have no class in common.
DATA = required("The packed layouts ('smartmask data pack').", metavar="PACK")
SPLIT = option("test", "test, dev or train.")
SEED = option(0, "Of all chance: the choice of objects and scenes, and the samples.")
LIMIT = "At most so many, the same for the same seed; 0: all."
WEIGHTS = option(None, "Weights to use instead of the bundled ones.", metavar="FOLDER")
LICENCES = option(None, "Only remembered outlines of a licence tier: open, or all.")
PLANNER = option(None, "A planner's folder (next/, stuff/); the bundled one.", metavar="DIR")
OUTLINES = option(None, "Curated outlines (outlines.parquet); else the pack's own whole objects.", metavar="TABLE")
JUDGE = option(None, "Evaluation network ('smartmask eval judge'); else the bundled.", metavar="FOLDER")


class ReportSettings(Settings):
    """Where a report goes."""

    out: Path | None = option(None, "Folder for the report; none: print only.", metavar="DIR")
    as_json: bool = option(False, "Print the report as JSON on stdout.", flags=("--json",))


class PackSettings(Settings):
    """What is asked about a pack, and of which weights."""

    data: Path = DATA
    split: str = SPLIT
    seed: int = SEED
    weights: Path | None = WEIGHTS


class ObjectSettings(PackSettings, ReportSettings):
    """Questions about real objects of a pack."""

    sources: str = option("voc,coco", "Whose objects count, separated by commas.")
    num_masks: int = option(8, "Samples an object.")
    min_area: float = option(0.01, "Smallest object, as a share of the image.")
    memory: Path | None = option(
        None,
        "Outlines for the baselines: a curated table or a memory; else the model's own, or those of the pack.",
        metavar="FILE",
    )
    licences: str | None = LICENCES

    def protocol(self, **more: Any) -> Protocol:
        """The object protocol of these settings, every object unless ``more`` has a limit. Raises ValueError."""
        given = {"split": self.split, "sources": listed(self.sources), "min_area": self.min_area, "seed": self.seed}
        return Protocol(**{**given, "num_masks": self.num_masks, "limit": None, **more})


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text between commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def cases(pack: Pack, targets: Iterable[Target], protocol: Protocol) -> Iterator[Case]:
    """Every target under every kind of guide, in the pack's order; a record is read once for its targets."""
    for position, group in groupby(sorted(targets, key=lambda t: (t.record, t.layer)), key=lambda t: t.record):
        record = pack[position]
        for target in group:
            for kind in protocol.guidance:
                yield make_case(record, target, kind, protocol)
