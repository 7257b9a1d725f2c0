"""Remembering outlines of the user's own: read, named, traced, embedded, and written as one set or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from smartmask.io.checks import check_prompt
from smartmask.io.publish import output_folder, save_bytes
from smartmask.masks.exemplar.attributes import TRAITS, read_wish
from smartmask.masks.exemplar.choose import Chooser
from smartmask.masks.exemplar.memory import Memory, Remembered, remember, write_memory
from smartmask.masks.exemplar.names import own_words
from smartmask.masks.exemplar.outline import trace
from smartmask.masks.exemplar.own import (
    EMBEDDED_BY,
    LONGEST,
    SUFFIX,
    VARIABLE,
    check_set_name,
    checksum,
    counted,
    embedded,
    memory_folder,
)
from smartmask.masks.exemplar.own_sources import REASONS, Drawn, LeftOut, jobs_of
from smartmask.text.encoder import TextEncoder
from smartmask.text.label_tables import CANONICAL
from smartmask.text.words import singular, tokens

LICENCE_LENGTH = 100  # characters
NAME_LENGTH = 60


@dataclass(frozen=True)
class Added:
    """What became of a user's files.

    set, licence, file: of the set. names: ``(name, outlines)``, most first. cut: how many of them a picture's border
    cuts. left_out: how many were left out, by the keys of REASONS. notes: sentences for the user.
    """

    set: str
    licence: str
    file: Path
    names: tuple[tuple[str, int], ...]
    cut: int
    left_out: dict[str, int]
    notes: tuple[str, ...]

    @property
    def outlines(self) -> int:
        """How many outlines were remembered."""
        return sum(count for _, count in self.names)


def add_own(
    path: str | Path, text: TextEncoder, chooser: Chooser, *, folder: str | Path | None = None,
    set_name: str | None = None, licence: str = "own", name: str | None = None, replace: bool = False,
    bundled: Collection[str] = (), progress: Callable[[int, int], None] | None = None,
) -> Added:  # fmt: skip
    """Remembers the outlines of a folder of PNG masks or of a COCO JSON as one set.

    text, chooser: of the weights in use. folder: where the sets are kept; None is the standard place, made if need be.
    set_name: by default the path's own. licence: as the user states it. name: of all outlines, instead of what files
    and categories are called. replace: take the place of a set of that name.
    bundled: names of the weights' own sets, which cannot be used.
    Raises ValueError for a path without a usable outline, a set that exists, and texts that cannot be used.
    """
    # 1. everything that can be wrong at once
    path = Path(path)
    set_name = check_set_name(set_name if set_name is not None else _default_name(path))
    if set_name in bundled:
        raise ValueError(f"'{set_name}' is the name of a bundled set; give the set another one (--set).")
    licence = _short(licence, "licence", LICENCE_LENGTH)
    name = None if name is None else _short(name, "outlines' name", NAME_LENGTH)
    folder = _target_folder(folder)
    file = folder / f"{set_name}{SUFFIX}"
    _refuse_double(file, replace)
    # 2. outlines
    jobs = jobs_of(path)
    records: list[Remembered] = []
    left_out: list[LeftOut] = []
    for done, job in enumerate(jobs, 1):
        for found in job():
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                records.append(_record(found, text, set_name, licence, name))
        if progress is not None:
            progress(done, len(jobs))
    reasons = Counter(item.reason for item in left_out)
    first = next((item.detail for item in left_out if item.detail), "")
    if not records:
        raise ValueError(_nothing_usable(path, reasons, first))
    # 3. the file
    memory = embedded(remember(records, TRAITS), chooser)
    output_folder(folder)
    _publish(write_memory(memory, {EMBEDDED_BY: checksum(chooser)}), file, replace)
    notes = _notes(memory, text, reasons, first)
    cut = int((memory.cut > 0).sum())
    return Added(set_name, licence, file, counted(memory), cut, dict(reasons), tuple(notes))


def read_name(label: str, text: TextEncoder) -> tuple[str, dict[str, float]]:
    """The name and the traits of an outline's label: "dog sitting" is a dog with the trait "sitting".

    A name of the vocabulary, where the label or its head noun is one; else the label's own words, so that outlines
    of what the vocabulary does not know, or takes for another thing ("unicorn" for a horse), keep their name.
    """
    wish = read_wish(label)
    phrase = wish.rest if wish.number == 1 and not wish.part else label
    words = own_words(phrase) or tokens(phrase) or phrase.split()
    meaning = text.understand(phrase)
    if meaning.how != "name":
        meaning = text.understand(" ".join(words))
    if meaning.how in ("name", "phrase") and meaning.warning is None and text.is_noun(meaning.name):
        return CANONICAL.get(meaning.name, meaning.name), wish.traits
    return " ".join([*words[:-1], singular(words[-1])])[:NAME_LENGTH], wish.traits


def _record(drawn: Drawn, text: TextEncoder, set_name: str, licence: str, name: str | None) -> Remembered:
    read, traits = read_name(name or drawn.label, text)
    outline = trace(drawn.mask)
    return Remembered(outline, read, set_name, drawn.source, licence, "photo", drawn.cut, drawn.quality, traits)


def _default_name(path: Path) -> str:
    """The path's own name, with blanks for what a set's name may not hold."""
    name = path.resolve().name if path.is_dir() else path.stem
    words = re.sub(r"[^\w.+-]+", " ", name).strip(" ._+-")
    return words[:LONGEST].strip() or "own"


def _short(text: str, what: str, most: int) -> str:
    text = " ".join(check_prompt(text, what).split())
    if len(text) > most:
        raise ValueError(f"The {what} '{text[:20]}...' has {len(text)} characters; at most {most} are kept.")
    return text


def _target_folder(folder: str | Path | None) -> Path:
    target = memory_folder() if folder is None else Path(folder)
    if target is None:
        raise ValueError(f"There is no home folder to keep outlines in; give one with --memory or ${VARIABLE}.")
    return target


def _refuse_double(file: Path, replace: bool) -> None:
    if file.exists() and not replace:
        raise ValueError(
            f"The set '{file.stem}' exists in '{file.parent}'; replace it (--replace) or name it otherwise."
        )


def _publish(data: bytes, file: Path, replace: bool) -> None:
    """Writes beside the place, then moves there; of two who add one set at once, the second is refused."""
    try:
        save_bytes(data, file, new=not replace)
    except FileExistsError:
        _refuse_double(file, replace)


def _said(reasons: Counter[str]) -> str:
    """ "3 empty, 1 under 16 pixels a side"."""
    return ", ".join(f"{reasons[reason]} {words}" for reason, words in REASONS.items() if reasons[reason])


def _nothing_usable(path: Path, reasons: Counter[str], first: str) -> str:
    because = f" ({_said(reasons)})" if reasons else ""
    more = f" The first: {first}" if first and set(reasons) == {"broken"} else ""
    return f"'{path}' has no usable outline{because}; give whole things, white on black or opaque, one a mask.{more}"


def _notes(memory: Memory, text: TextEncoder, reasons: Counter[str], first: str) -> list[str]:
    notes = []
    if reasons:
        notes.append(f"Left out: {_said(reasons)}." + (f" {first}" if first else ""))
    cut = int((memory.cut > 0).sum())
    if cut:
        notes.append(f"{cut} cut by the border of their picture; they are used where a box meets the scene's border.")
    touching = int((memory.quality < 255).sum())
    if touching:
        notes.append(f"{touching} touch other things of their picture and may be hidden in part; they come up less.")
    own = [name for name in memory.names if text.understand(name).how != "name"]
    if own:
        shown = ", ".join(f"'{name}'" for name in own[:5]) + (", ..." if len(own) > 5 else "")
        notes.append(f"The vocabulary has no name {shown}; ask for it in these words.")
    return notes
