"""Outlines of the user's own: where they are kept, how they are read with the weights in use, listed and removed.

One safetensors file a set, in a folder that only ``smartmask memory add`` (own_add.py) creates. The files hold the
chooser's embeddings with a checksum of the tower that made them; other weights make them anew when they are read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smartmask.io.checks import is_open
from smartmask.io.publish import remove_file
from smartmask.masks.exemplar.choose import Chooser, to_bytes
from smartmask.masks.exemplar.memory import Memory, read_file, read_memory

SUFFIX = ".safetensors"
VARIABLE = "SMARTMASK_MEMORY"  # the environment variable that names the folder
EMBEDDED_BY = "embedded_by"  # metadata: checksum of the tower that made the embeddings
BATCH = 256  # outlines embedded at a time
LONGEST = 60  # characters of a set's name


def memory_folder() -> Path | None:
    """Where a user's outlines are kept, existing or not; None on a machine without a home folder.

    ``$SMARTMASK_MEMORY``, else ``$XDG_DATA_HOME/smartmask/memory``, else ``~/.local/share/smartmask/memory``.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser()
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # the standard says to ignore others
        return Path(data) / "smartmask" / "memory"
    try:
        return Path.home() / ".local" / "share" / "smartmask" / "memory"
    except RuntimeError:
        return None


def own_files(folder: str | Path | None = None) -> list[Path]:
    """The files of a folder of the user's sets, by name. None: the standard folder, which need not exist.

    Raises ValueError if an explicit folder is missing, is none, or cannot be read.
    """
    if folder is None:
        standard = memory_folder()
        if standard is None or not os.path.isdir(standard):
            return []
        folder = standard
    folder = Path(folder)
    try:
        if not folder.is_dir():
            trouble = "is a file" if folder.exists() else "does not exist"
            raise ValueError(f"The memory folder '{folder}' {trouble}; 'smartmask memory add' makes one.")
        return sorted(f for f in folder.iterdir() if f.suffix == SUFFIX and not f.name.startswith("."))
    except OSError as error:
        raise ValueError(f"The memory folder '{folder}' cannot be read ({error.strerror or error}).") from None


def read_own(folder: str | Path | None, chooser: Chooser, licences: str = "all") -> list[Memory]:
    """The user's sets with the embeddings of a chooser. folder: as in ``own_files``.

    licences: "open" leaves out sets whose licence, as the user stated it, is not open.
    Raises ValueError, naming the file, for a damaged one.
    """
    found = []
    mark = None
    for file in own_files(folder):
        try:
            memory, metadata = read_file(file)
        except ValueError as error:
            raise ValueError(f"{str(error).rstrip('.')}, or 'smartmask memory remove {file.stem}'.") from None
        if licences == "open" and not all(is_open(licence) for _, licence in memory.sets):
            continue
        mark = mark or checksum(chooser)
        if memory.embeddings is None or metadata.get(EMBEDDED_BY) != mark:
            memory = embedded(memory, chooser)
        found.append(memory)
    return found


def embedded(memory: Memory, chooser: Chooser) -> Memory:
    """A memory with a chooser's embeddings of its outlines and of their mirror images."""
    rows = np.arange(len(memory))
    both = []
    for mirrored in (False, True):
        cells = memory.cells(rows, np.full(len(rows), mirrored)).astype(np.float32)
        parts = [to_bytes(chooser.embed_outlines(cells[at : at + BATCH])) for at in range(0, len(rows), BATCH)]
        both.append(np.concatenate(parts) if parts else np.zeros((0, chooser.config.size), np.int8))
    return replace(memory, embeddings=np.stack(both, axis=1))


def checksum(chooser: Chooser) -> str:
    """Hex digits that tell the outline towers of two choosers apart; the same before saving and after loading."""
    digest = hashlib.sha1()
    for name, tensor in sorted(chooser.state_dict().items()):
        if name.startswith("outline"):
            digest.update(f"{name} {tensor.shape}".encode())
            digest.update(tensor.astype(np.float16).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class OwnSet:
    """A set as its file tells it. names: outlines of each name. damaged: a sentence where it cannot be read."""

    name: str
    file: Path
    licence: str = ""
    names: tuple[tuple[str, int], ...] = ()
    cut: int = 0
    damaged: str | None = None

    @property
    def outlines(self) -> int:
        """How many outlines there are."""
        return sum(count for _, count in self.names)


def own_sets(folder: str | Path | None = None) -> list[OwnSet]:
    """What a folder of the user's sets holds, damaged files included. folder: as in ``own_files``."""
    found = []
    for file in own_files(folder):
        try:
            memory = read_memory(file)
        except ValueError as error:
            found.append(OwnSet(file.stem, file, damaged=str(error)))
            continue
        licence = ", ".join(sorted({licence for _, licence in memory.sets}))
        found.append(OwnSet(file.stem, file, licence, counted(memory), int((memory.cut > 0).sum())))
    return found


def counted(memory: Memory) -> tuple[tuple[str, int], ...]:
    """``(name, outlines)`` of a memory, most first."""
    counts = Counter({name: len(memory.rows(name)) for name in memory.names})
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def remove_own(name: str, folder: str | Path | None = None) -> Path:
    """Deletes the file of a set, also a damaged one, and returns it. Raises ValueError if there is no such set."""
    files = own_files(folder)
    for file in files:
        if file.stem == name:
            try:
                remove_file(file)
            except OSError as error:
                raise ValueError(f"The set '{name}' cannot be removed ({error.strerror or error}).") from None
            return file
    raise ValueError(f"There is no set '{name}' of your own; {_there_are([file.stem for file in files])}.")


def _there_are(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}" if names else "'smartmask memory add' remembers one"


def check_set_name(name: str) -> str:
    """The name of a set, fit to be a file's. Raises ValueError for one that is not."""
    name = name.strip()
    if not re.fullmatch(r"\w[\w .+-]*", name) or len(name) > LONGEST or name.endswith("."):
        raise ValueError(
            f"The set's name is {name[:LONGEST]!r}; use 1 to {LONGEST} letters, digits, blanks and . _ + -, "
            "with a letter or digit first."
        )
    return name
