"""The memory: named whole outlines with set, source and licence, in safetensors files, one a licence tier.

Points are kept on a grid of GRID steps along the longer side, each as its difference to the one before, a byte an
axis; longer edges get points in between. A file holds, beside the tensors, names, sets and sources as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from smartmask.io.integrity import check_names
from smartmask.io.json_text import parse_json
from smartmask.io.reading import read_tensors
from smartmask.masks.exemplar.outline import Outline

GRID = 1000  # steps along the longer side of an outline
FAR = 127  # the longest step that a byte holds
CELLS = 32  # a side of the pictures by which outlines are compared
TIERS = ("open", "research")
SIDES = "ltrb"  # bits of `cut`: left, top, right, bottom
KINDS = ("photo", "model", "drawn")
FORMAT = "smartmask outlines 1"


@dataclass(frozen=True, eq=False)
class Remembered:
    """One outline with what is known of it.

    name: in the vocabulary's words. set, source, licence: where it comes from (source: the split key).
    kind: of KINDS. cut: letters of SIDES at which the picture's border cuts it, "" for a whole one.
    quality: [0, 1], how clearly it reads as its name; 0 for a loose one, of which nobody knows that it shows a whole
    thing. traits: {trait: score in [-1, 1]} (attributes.py).
    """

    outline: Outline
    name: str
    set: str
    source: str
    licence: str
    kind: str = "photo"
    cut: str = ""
    quality: float = 0.5
    traits: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Memory:
    """N outlines as arrays; row i of each belongs to outline i.

    points: (P, 2) int8 steps. loop_points: (L,) points a loop. loop_first: (L, 2) first point of each loop.
    loop_count: (N,) loops an outline. size: (N, 2) width and height on the grid.
    name, set: (N,) indices into ``names`` and ``sets``. kind, cut, quality: (N,) uint8. traits: (N, T) int8 in
    127ths. pictures: (N, CELLS^2 / 8) uint8, bits of each outline in its own box.
    embeddings: (N, 2, D) int8, of each outline and of its mirror image, by the chooser; None before.
    sources: N split keys. sets: (name, licence) of each set.
    """

    points: np.ndarray
    loop_points: np.ndarray
    loop_first: np.ndarray
    loop_count: np.ndarray
    size: np.ndarray
    name: np.ndarray
    set: np.ndarray
    kind: np.ndarray
    cut: np.ndarray
    quality: np.ndarray
    traits: np.ndarray
    pictures: np.ndarray
    names: tuple[str, ...]
    sets: tuple[tuple[str, str], ...]
    trait_names: tuple[str, ...]
    sources: tuple[str, ...]
    embeddings: np.ndarray | None = None

    def __post_init__(self) -> None:
        loops = np.concatenate([[0], np.cumsum(self.loop_count, dtype=np.int64)])
        object.__setattr__(self, "_loops", loops)
        object.__setattr__(self, "_points", np.concatenate([[0], np.cumsum(self.loop_points, dtype=np.int64)]))
        order = np.argsort(self.name, kind="stable")
        bounds = np.searchsorted(self.name[order], np.arange(len(self.names) + 1))
        rows = {name: order[bounds[i] : bounds[i + 1]] for i, name in enumerate(self.names)}
        object.__setattr__(self, "_rows", rows)

    def __len__(self) -> int:
        return len(self.name)

    def rows(self, name: str) -> np.ndarray:
        """Indices of the outlines of a name, ascending; empty for a name without."""
        found: np.ndarray | None = self._rows.get(name)  # type: ignore[attr-defined]
        return np.zeros(0, np.int64) if found is None else found

    @property
    def whole(self) -> np.ndarray:
        """``(N,)`` bool: outlines known to show a whole thing: neither cut by a border nor loose."""
        return (self.cut == 0) & (self.quality > 0)

    def aspects(self, rows: np.ndarray) -> np.ndarray:
        """``(n,)`` width over height."""
        size = self.size[rows].astype(np.float64)
        return size[:, 0] / size[:, 1]

    def outline(self, row: int) -> Outline:
        """The outline of a row."""
        loops, starts = self._loops, self._points  # type: ignore[attr-defined]
        which = range(loops[row], loops[row + 1])
        coded = [(self.loop_first[i], self.points[starts[i] : starts[i + 1]]) for i in which]
        return _decode(coded, self.size[row])

    def cells(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> np.ndarray:
        """``(n, CELLS, CELLS)`` bool: outlines in their own boxes; mirrored: (n,) bool."""
        found = np.unpackbits(self.pictures[rows], axis=1).reshape(-1, CELLS, CELLS).astype(bool)
        return found if mirrored is None else np.where(mirrored[:, None, None], found[:, :, ::-1], found)

    def describe(self, row: int) -> dict[str, Any]:
        """What is known of an outline: name, set, licence, source, kind, the sides at which it is cut."""
        set_name, licence = self.sets[int(self.set[row])]
        return {
            "name": self.names[int(self.name[row])], "set": set_name, "licence": licence,
            "source": self.sources[row], "kind": KINDS[int(self.kind[row])], "cut": cut_letters(int(self.cut[row])),
        }  # fmt: skip

    def select(self, rows: np.ndarray) -> Memory:
        """A memory of some rows, in their order, with the names and sets that they have."""
        rows = np.asarray(rows, np.int64)
        loops = _spans(self._loops, rows)  # type: ignore[attr-defined]
        points = _spans(self._points, loops)  # type: ignore[attr-defined]
        taken = {key: getattr(self, key)[rows] for key in list(_TENSORS)[3:]}
        names, taken["name"] = np.unique(taken["name"], return_inverse=True)
        sets, taken["set"] = np.unique(taken["set"], return_inverse=True)
        return Memory(
            points=self.points[points], loop_points=self.loop_points[loops], loop_first=self.loop_first[loops],
            **taken | {"name": taken["name"].astype(np.uint16), "set": taken["set"].astype(np.uint16)},
            names=tuple(self.names[i] for i in names), sets=tuple(self.sets[i] for i in sets),
            trait_names=self.trait_names, sources=tuple(self.sources[row] for row in rows.tolist()),
            embeddings=None if self.embeddings is None else self.embeddings[rows],
        )  # fmt: skip


def _spans(bounds: np.ndarray, which: np.ndarray) -> np.ndarray:
    """All indices ``bounds[i] .. bounds[i + 1] - 1`` of each i of ``which``, one after the other."""
    counts = bounds[which + 1] - bounds[which]
    return np.arange(counts.sum()) + np.repeat(bounds[which] - np.cumsum(counts) + counts, counts)


def cut_letters(bits: int) -> str:
    """ "lb" for an outline that the left and the bottom border cut."""
    return "".join(letter for i, letter in enumerate(SIDES) if bits >> i & 1)


def remember(
    records: Iterable[Remembered], trait_names: Sequence[str] = (), embeddings: np.ndarray | None = None
) -> Memory:
    """A memory of outlines, in their order."""
    records = list(records)
    names = sorted({record.name for record in records})
    sets = sorted({(record.set, record.licence) for record in records})
    name_index, set_index = {n: i for i, n in enumerate(names)}, {s: i for i, s in enumerate(sets)}
    coded = [_code(record.outline) for record in records]
    loops = [loop for item, _ in coded for loop in item]
    traits = [[(record.traits or {}).get(trait, 0.0) for trait in trait_names] for record in records]
    steps = np.round(127 * np.clip(np.array(traits, np.float64).reshape(len(records), len(trait_names)), -1, 1))
    return Memory(
        points=np.concatenate([points for _, points in loops]) if loops else np.zeros((0, 2), np.int8),
        loop_points=np.array([len(points) for _, points in loops], np.uint16),
        loop_first=np.array([first for first, _ in loops], np.int16).reshape(-1, 2),
        loop_count=np.array([len(item) for item, _ in coded], np.uint16),
        size=np.array([size for _, size in coded], np.uint16).reshape(-1, 2),
        name=np.array([name_index[r.name] for r in records], np.uint16),
        set=np.array([set_index[r.set, r.licence] for r in records], np.uint16),
        kind=np.array([KINDS.index(r.kind) for r in records], np.uint8),
        cut=np.array([sum(1 << SIDES.index(c) for c in r.cut) for r in records], np.uint8),
        quality=np.array([round(255 * min(max(r.quality, 0), 1)) for r in records], np.uint8),
        traits=steps.astype(np.int8),
        pictures=_pictures(_decode(item, size) for item, size in coded),
        names=tuple(names), sets=tuple(sets), trait_names=tuple(trait_names),
        sources=tuple(record.source for record in records), embeddings=embeddings,
    )  # fmt: skip


def _pictures(outlines: Iterable[Outline]) -> np.ndarray:
    rows = [np.packbits(outline.cells(CELLS)) for outline in outlines]
    return np.stack(rows) if rows else np.zeros((0, CELLS**2 // 8), np.uint8)


def _code(outline: Outline) -> tuple[list[tuple[np.ndarray, np.ndarray]], tuple[int, int]]:
    """``[(first point, (n, 2) int8 steps; the first is 0)], (width, height)`` on the grid."""
    width = GRID if outline.aspect >= 1 else max(1, round(GRID * outline.aspect))
    height = GRID if outline.aspect <= 1 else max(1, round(GRID / outline.aspect))
    coded = []
    for loop in outline.loops:
        points = np.round(loop * np.array([width, height])).astype(np.int32)
        ahead = np.roll(points, -1, axis=0) - points
        pieces = np.maximum(np.ceil(np.abs(ahead).max(axis=1) / FAR).astype(int), 1)
        edge = np.repeat(np.arange(len(points)), pieces)
        part = np.arange(edge.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        dense = points[edge] + np.round(ahead[edge] * (part / pieces[edge])[:, None]).astype(np.int32)
        moved = np.any(dense != np.roll(dense, 1, axis=0), axis=1)
        dense = dense[moved] if moved.sum() >= 3 else dense
        steps = np.diff(dense, axis=0, prepend=dense[:1])
        coded.append((dense[0], steps.astype(np.int8)))
    return coded, (width, height)


def _decode(coded: Sequence[tuple[np.ndarray, np.ndarray]], size: Sequence[int] | np.ndarray) -> Outline:
    """What ``_code`` kept of an outline."""
    found = []
    for first, steps in coded:
        whole = np.concatenate([first[None], steps[1:]]).astype(np.int32)
        found.append(np.cumsum(whole, axis=0).astype(np.float32) / np.asarray(size, np.float32))
    return Outline(tuple(found), float(size[0] / size[1]))


# --- files -----------------------------------------------------------------------------------------

# tensor: columns, 0 for one that is a plain list, -1 for any number
_TENSORS = {
    "points": 2, "loop_points": 0, "loop_first": 2, "loop_count": 0, "size": 2, "name": 0, "set": 0, "kind": 0,
    "cut": 0, "quality": 0, "traits": -1, "pictures": CELLS**2 // 8,
}  # fmt: skip


def write_memory(memory: Memory, more: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a memory's safetensors file. more: further metadata, which ``read_file`` gives back."""
    tensors = {key: np.ascontiguousarray(getattr(memory, key)) for key in _TENSORS}
    if memory.embeddings is not None:
        tensors["embeddings"] = np.ascontiguousarray(memory.embeddings)
    tensors["sources"] = np.frombuffer("\n".join(memory.sources).encode() or b"\n", np.uint8)
    about = {"names": memory.names, "sets": memory.sets, "traits": memory.trait_names}
    return _in_order(save(tensors, metadata={**(more or {}), "format": FORMAT, "about": json.dumps(about)}))


def _in_order(data: bytes) -> bytes:
    """The bytes of a safetensors file with its metadata sorted, which safetensors writes in any order."""
    size = int.from_bytes(data[:8], "little")
    header = parse_json(data[8 : 8 + size], "The header")
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start at whole words
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def read_memory(path: Path) -> Memory:
    """The memory in a file. Raises ValueError, naming the file, if it is missing or damaged."""
    return read_file(path)[0]


def read_file(path: Path) -> tuple[Memory, dict[str, str]]:
    """The memory in a file, and its metadata. Raises ValueError, naming the file, if it is missing or damaged."""
    tensors, metadata = read_tensors(path, "memory of outlines")
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is not a memory of outlines; 'smartmask memory add' writes one.")
    try:
        about = parse_json(metadata["about"].encode(), "its description")
        _check_tensors(tensors)
        text = tensors["sources"].tobytes().decode()
        check_names([*about["names"], *about["traits"], *(part for pair in about["sets"] for part in pair)], "it")
        memory = Memory(
            **{key: tensors[key] for key in _TENSORS}, embeddings=tensors.get("embeddings"),
            names=tuple(map(str, about["names"])), sets=tuple((str(a), str(b)) for a, b in about["sets"]),
            trait_names=tuple(map(str, about["traits"])),
            sources=tuple(text.split("\n")) if len(tensors["name"]) else (),
        )  # fmt: skip
        _check_fit(memory)
    except (KeyError, TypeError, ValueError, _DamagedError) as error:
        raise ValueError(f"The memory of outlines {path} is damaged ({str(error)[:200]}); restore it.") from None
    return memory, metadata


class _DamagedError(Exception):
    """What is wrong with the arrays of a file."""


def _check_tensors(tensors: Mapping[str, np.ndarray]) -> None:
    """Kinds and shapes of a file's arrays, and that they belong together, so that damage is told when it is read."""
    for key, columns in _TENSORS.items():
        array = tensors[key]
        shaped = array.ndim == (1 if columns == 0 else 2) and (columns <= 0 or array.shape[1] == columns)
        if array.dtype.kind not in "iu" or not shaped:
            raise _DamagedError(f"its {key} are {array.dtype} of shape {array.shape}")
    count, loops = len(tensors["name"]), len(tensors["loop_points"])
    embeddings = tensors.get("embeddings")
    if (
        any(len(tensors[key]) != count for key in list(_TENSORS)[3:])
        or len(tensors["loop_first"]) != loops
        or loops != int(tensors["loop_count"].sum())
        or len(tensors["points"]) != int(tensors["loop_points"].sum())
        or (embeddings is not None and (embeddings.shape[:2] != (count, 2) or embeddings.ndim != 3))
    ):
        raise _DamagedError("its arrays do not belong together")
    for key, least in (("name", 0), ("set", 0), ("kind", 0), ("size", 1), ("loop_points", 3), ("loop_count", 1)):
        if tensors[key].size and int(tensors[key].min()) < least:
            raise _DamagedError(f"its {key} go down to {int(tensors[key].min())}")


def _check_fit(memory: Memory) -> None:
    """That a memory's tables have what its arrays point to."""
    if len(memory.sources) != len(memory) or memory.traits.shape[1] != len(memory.trait_names):
        raise _DamagedError("its tables do not fit its arrays")
    tables = (memory.name, len(memory.names)), (memory.set, len(memory.sets)), (memory.kind, len(KINDS))
    if any(len(index) and int(index.max()) >= size for index, size in tables):
        raise _DamagedError("an index lies outside its table")


def join(memories: Sequence[Memory]) -> Memory:
    """One memory of several, in their order; embeddings only if all have them."""
    if len(memories) == 1:
        return memories[0]
    names = sorted({name for memory in memories for name in memory.names})
    sets = sorted({item for memory in memories for item in memory.sets})
    traits = memories[0].trait_names
    embedded = all(memory.embeddings is not None for memory in memories)
    parts: dict[str, list[np.ndarray]] = {key: [] for key in _TENSORS}
    for memory in memories:
        for key in _TENSORS:
            parts[key].append(getattr(memory, key))
        parts["name"][-1] = _renumber(memory.name, memory.names, names).astype(np.uint16)
        parts["set"][-1] = _renumber(memory.set, memory.sets, sets).astype(np.uint16)
        parts["traits"][-1] = _columns(memory, traits)
    joined = {key: np.concatenate(value) for key, value in parts.items()}
    embeddings = np.concatenate([m.embeddings for m in memories if m.embeddings is not None]) if embedded else None
    sources = tuple(source for memory in memories for source in memory.sources)
    return Memory(
        **joined, names=tuple(names), sets=tuple(sets), trait_names=traits, sources=sources, embeddings=embeddings
    )


def _renumber(index: np.ndarray, old: Sequence[Any], new: Sequence[Any]) -> np.ndarray:
    place = {item: i for i, item in enumerate(new)}
    table = np.array([place[item] for item in old] or [0])
    return table[index] if len(index) else index


def _columns(memory: Memory, traits: Sequence[str]) -> np.ndarray:
    columns = np.zeros((len(memory), len(traits)), np.int8)
    for i, trait in enumerate(traits):
        if trait in memory.trait_names:
            columns[:, i] = memory.traits[:, memory.trait_names.index(trait)]
    return columns
