"""Looking after remembered outlines: what ``smartmask memory`` runs, each a request with its result."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smartmask.image.files import save_png
from smartmask.io.checks import check_licences, check_prompt, is_open
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.publish import output_file
from smartmask.io.records import Record
from smartmask.io.settings import argument, option, required
from smartmask.io.watch import Watch, unwatched
from smartmask.masks.exemplar.choose import Chooser
from smartmask.masks.exemplar.files import load_memories, load_text, read_index
from smartmask.masks.exemplar.memory import Memory, join, read_memory
from smartmask.masks.exemplar.names import remembered_name
from smartmask.masks.exemplar.own import counted, own_files, own_sets, remove_own
from smartmask.masks.exemplar.own_add import add_own
from smartmask.masks.exemplar.sheet import outline_sheet
from smartmask.masks.weights import OwnMemory, Weights, WeightsFolder

OWN = "own"  # the tier of what the user added


class SetRecord(Record):
    """A set of remembered outlines. tier: open, research or own. cut: how many a border cuts. names: counts of each."""

    set: str
    tier: str
    licence: str
    outlines: int
    cut: int
    names: dict[str, int]


class AddReport(Record):
    """What became of a user's files. file: the set's. left_out: how many were, by reason."""

    set: str
    file: str
    licence: str
    outlines: int
    names: dict[str, int]
    cut: int
    left_out: dict[str, int]
    notes: list[str]


class ListReport(Record):
    """The sets, bundled ones first. notes: on damaged files."""

    sets: list[SetRecord]
    notes: list[str]


class ShowReport(Record):
    """outlines: how many there are of the name; shown: how many of them; sets: how many in each."""

    name: str
    outlines: int
    shown: int
    sets: dict[str, int]
    out: str


class RemoveReport(Record):
    """The set that is forgotten, and its file."""

    removed: str
    file: str


class MemoryAdd(OwnMemory, WeightsFolder):
    """Outlines of the user's own into a set."""

    outputs = ("memory",)
    path: Path = argument("PNG masks (white on black, or opaque), or a COCO instances JSON.", metavar="FOLDER|FILE")
    set_name: str | None = option(
        None, "What to call them; the folder's name by default.", flags=("--set",), metavar="NAME"
    )
    name: str | None = option(
        None, "What all of them show; otherwise folders, files or categories tell.", metavar="TEXT"
    )
    licence: str = option("own", "Their licence.", metavar="TEXT")
    replace: bool = option(False, "Take the place of a set of that name.", flags=("--replace",))

    def run(self, watch: Watch = unwatched) -> AddReport:
        """Raises ValueError for a path without a usable outline, a set that exists, and texts that cannot be used."""
        root = root_of(self.weights)
        text, chooser = load_text(root), Chooser.load(root / "chooser")
        with watch("outlines") as on_step:
            added = add_own(
                self.path, text, chooser, folder=self.memory, set_name=self.set_name, licence=self.licence,
                name=self.name, replace=self.replace, progress=on_step,
                bundled={name for part in load_memories(root).values() for name, _ in part.sets},
            )  # fmt: skip
        return AddReport(
            set=added.set, file=str(added.file), licence=added.licence, outlines=added.outlines,
            names=dict(added.names), cut=added.cut, left_out=added.left_out, notes=list(added.notes),
        )  # fmt: skip


class MemoryFolders(Weights):
    """Bundled outlines and the user's own."""

    def bundled(self) -> dict[str, Memory]:
        """``{tier: memory}`` of the weights."""
        check_licences(self.licences)
        return load_memories(root_of(self.weights), self.licences)


class MemoryList(MemoryFolders):
    """The sets, bundled and the user's own."""

    def run(self) -> ListReport:
        """Raises ValueError for unknown licences, and for weights or a memory that are not there."""
        sets, notes = [], []
        for tier, bundled in self.bundled().items():
            sets += sets_of(bundled, tier)
        for item in own_sets(self.memory):
            if item.damaged:
                notes.append(f"{item.damaged.rstrip('.')}, or 'smartmask memory remove {item.name}'.")
            elif self.licences == "all" or is_open(item.licence):
                sets.append(
                    SetRecord(set=item.name, tier=OWN, licence=item.licence, outlines=item.outlines, cut=item.cut,
                              names=dict(item.names))
                )  # fmt: skip
        return ListReport(sets=sets, notes=notes)


class MemoryShow(MemoryFolders):
    """The outlines of a name on one sheet, the user's own first, then the clearest of the bundled ones."""

    name: str = argument("What the outlines show, such as 'dog'.", metavar="NAME")
    out: Path = required("The contact sheet to write.", metavar="PNG")
    most: int = option(96, "How many outlines at the most.", ge=1, le=2000)

    def run(self) -> ShowReport:
        """Raises ValueError for a name of which no outline is remembered."""
        check_licences(self.licences)
        check_prompt(self.name, "name")
        output_file(self.out, ".png")
        own = [read_memory(file) for file in own_files(self.memory)]
        own = [item for item in own if self.licences == "all" or all(is_open(licence) for _, licence in item.sets)]
        known = join([*own, *self.bundled().values()])
        found = remembered_name(known, load_text(root_of(self.weights)).understand(self.name))
        rows = known.rows(found)
        if not len(rows):
            raise ValueError(f"No outline of '{found}' is remembered; 'smartmask memory add' brings your own.")
        first = rows < sum(map(len, own))
        order = rows[np.lexsort((rows, -known.quality[rows].astype(int), ~first))][: self.most]
        save_png(outline_sheet(known, order.tolist()), self.out)
        sets = {item.set: item.outlines for item in sets_of(known.select(rows), "")}
        return ShowReport(name=found, outlines=len(rows), shown=len(order), sets=sets, out=str(self.out))


class MemoryRemove(OwnMemory):
    """A set of the user's own to forget."""

    name: str = argument("The set's name, as 'smartmask memory list' tells it.", metavar="SET")

    def run(self) -> RemoveReport:
        """Raises ValueError if there is no such set of the user's own."""
        return RemoveReport(removed=self.name, file=str(remove_own(self.name, self.memory)))


def root_of(weights: Path | None) -> Path:
    """The folder of weights, proven to be one; None is the bundled."""
    root = BUNDLED_MASKS if weights is None else weights
    read_index(root)
    return root


def sets_of(memory: Memory, tier: str) -> list[SetRecord]:
    """A record for each set of a memory, largest first."""
    found = []
    for index, (name, licence) in enumerate(memory.sets):
        part = memory.select(np.flatnonzero(memory.set == index))
        found.append(
            SetRecord(set=name, tier=tier, licence=licence, outlines=len(part), cut=int((part.cut > 0).sum()),
                      names=dict(counted(part)))
        )  # fmt: skip
    return sorted(found, key=lambda item: (-item.outlines, item.set))
