"""What ``smartmask data check`` does: reads sets whole, says what is in them and what is wrong, stops at nothing."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from smartmask.data.discover import Source, discover, parse_source
from smartmask.data.record import Job
from smartmask.data.record import Record as Picture
from smartmask.data.registry import jobs
from smartmask.data.splits import SPLITS, split_of
from smartmask.io.records import Record
from smartmask.io.settings import Settings, argument, option
from smartmask.io.watch import Progress, Watch, unwatched


class Problem(Record):
    """What is wrong with a set, once for all pictures that fail alike. kind: the sentence without its values."""

    kind: str
    count: int
    examples: list[str]


class SetCheck(Record):
    """One set. layers: of all scenes; things: those that can be counted. names: different ones; top: the commonest.

    amodal, ordered: shares of scenes whose masks are whole, and whose layers' order is their depth. whole, cut: layers
    that the set says are neither hidden nor cut, and those it says are. parts: of layers. photos, captioned: scenes
    with a photograph at hand, and with a caption. keys: different split keys. seconds: that reading took.
    """

    format: str
    path: str
    scenes: int
    empty: int
    layers: int
    things: int
    names: int
    top: dict[str, int]
    amodal: float
    ordered: float
    whole: int
    cut: int
    parts: int
    photos: int
    captioned: int
    captions: int
    layer_captions: int
    keys: int
    splits: dict[str, int]
    problems: list[Problem]
    seconds: float


class Checked(Record):
    """All sets that were found."""

    sets: list[SetCheck]


class CheckJob(Settings):
    """What is in data sets, and what is wrong with them."""

    root: Path | None = argument("A folder with known sets, or the folder of one.", metavar="ROOT", default=None)
    source: tuple[str, ...] = option((), "One more set.", metavar="FORMAT=PATH")
    scenes: int | None = option(None, "Only the first scenes of each set.", ge=1)
    examples: int = option(3, "Examples of each kind of problem.", ge=1, le=100)
    top: int = option(10, "How many names to list.", ge=0)

    def run(self, watch: Watch = unwatched) -> Checked:
        """Raises ValueError where no set is found, or none holds a readable picture; all else becomes a problem."""
        sources = discover(self.root) if self.root is not None else []
        sources += [parse_source(text) for text in self.source]
        if not sources:
            raise ValueError("There is nothing to check; give a folder with data sets, or --source FORMAT=PATH.")
        found = []
        for source in sources:
            with watch(source[0]) as on_step:
                found.append(self._check(source, on_step))
        if not any(one.scenes for one in found):
            raise ValueError(found[0].problems[0].examples[0] if found[0].problems else f"{sources[0][1]} is empty.")
        return Checked(sets=found)

    def _check(self, source: Source, on_step: Progress | None) -> SetCheck:
        begun = time.perf_counter()
        tally = _Tally(self.examples)
        for done, job in enumerate(islice(tally.jobs(source), self.scenes)):
            tally.add(job)
            if on_step is not None:
                on_step(done + 1, 0)
        return tally.result(source, self.top, round(time.perf_counter() - begun, 2))


class _Tally:
    """The counts of one set."""

    def __init__(self, examples: int) -> None:
        self.examples = examples
        self.count: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.problems: dict[str, list[str]] = {}
        self.failed: Counter[str] = Counter()

    def jobs(self, source: Source) -> Iterator[Job]:
        """The set's jobs, up to what stops its reader."""
        try:
            yield from jobs(*source)
        except ValueError as error:
            self.fail(error)

    def fail(self, error: ValueError) -> None:
        kind = kind_of(str(error))
        self.failed[kind] += 1
        if len(kept := self.problems.setdefault(kind, [])) < self.examples:
            kept.append(str(error))

    def add(self, job: Job) -> None:
        try:
            picture = job()
        except ValueError as error:
            self.fail(error)
            return
        layers = picture.scene.layers
        self.keys.add(picture.key)
        self.splits[split_of(picture.key)] += 1
        self.names.update(layer.name for layer in layers)
        self.count.update(_counts(picture))

    def result(self, source: Source, top: int, seconds: float) -> SetCheck:
        count, scenes = self.count, max(self.count["scenes"], 1)
        problems = [Problem(kind=kind, count=n, examples=self.problems[kind]) for kind, n in self.failed.most_common()]
        return SetCheck(
            format=source[0], path=str(source[1]), scenes=count["scenes"], empty=count["empty"],
            layers=count["layers"], things=count["things"], names=len(self.names),
            top=dict(self.names.most_common(top)), amodal=round(count["amodal"] / scenes, 4),
            ordered=round(count["ordered"] / scenes, 4), whole=count["whole"], cut=count["cut"], parts=count["parts"],
            photos=count["photos"], captioned=count["captioned"], captions=count["captions"],
            layer_captions=count["layer_captions"], keys=len(self.keys),
            splits={split: self.splits[split] for split in SPLITS}, problems=problems, seconds=seconds,
        )  # fmt: skip


def _counts(picture: Picture) -> dict[str, int]:
    layers = picture.scene.layers
    return {
        "scenes": 1,
        "empty": not layers,
        "layers": len(layers),
        "things": sum(layer.thing for layer in layers),
        "amodal": not picture.modal,
        "ordered": picture.ordered,
        "whole": sum(mark is True for mark in picture.whole),
        "cut": sum(mark is False for mark in picture.whole),
        "parts": len(picture.parts),
        "photos": picture.image is not None,
        "captioned": bool(picture.captions),
        "captions": len(picture.captions),
        "layer_captions": sum(bool(text) for text in picture.layer_captions),
    }


def kind_of(sentence: str) -> str:
    """An error's sentence without the values that differ from picture to picture: paths, names and numbers."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]", "…", sentence)
    text = re.sub(r"\S*/\S*", "…", text)
    text = re.sub(r"\S*\d\S*", "…", text)
    return re.sub(r"…(?:[\s:,]*…)+", "…", text).strip(" :")
