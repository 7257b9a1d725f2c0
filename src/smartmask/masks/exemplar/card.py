"""What a model card says of the remembered outlines: sets, licences, how many names have outlines of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smartmask.masks.exemplar.memory import KINDS, Memory
from smartmask.scene.categories import COCO_PANOPTIC

ENOUGH = 10  # real whole outlines from which on a name is well known
PHOTO = KINDS.index("photo")


@dataclass(frozen=True)
class Coverage:
    """How many names are remembered, and how.

    names: with at least one outline. whole: with at least one that no border cuts. real: with ENOUGH whole ones
    traced from photographs. coco: of COCO's 80 things, those with a whole one. lacking: the others of the 80.
    """

    outlines: int
    names: int
    whole: int
    real: int
    coco: int
    lacking: tuple[str, ...]


def coverage(memories: Iterable[Memory]) -> Coverage:
    """What some memories hold together."""
    outlines, names, whole, real = 0, Counter[str](), Counter[str](), Counter[str]()
    for memory in memories:
        outlines += len(memory)
        for name in memory.names:
            rows = memory.rows(name)
            uncut = rows[memory.whole[rows]]
            names[name] += len(rows)
            whole[name] += len(uncut)
            real[name] += int((memory.kind[uncut] == PHOTO).sum())
    things = [name for _, name, thing in COCO_PANOPTIC if thing]
    lacking = tuple(name for name in things if not whole[name])
    return Coverage(
        outlines,
        len(names),
        sum(count > 0 for count in whole.values()),
        sum(count >= ENOUGH for count in real.values()),
        len(things) - len(lacking),
        lacking,
    )


def card(memories: Mapping[str, Memory]) -> str:
    """Markdown: a table of the sets of each tier, largest first, and the coverage of all and of the open tier."""
    lines = [
        "| tier | set | outlines | of them whole | of photographs | names | licence |",
        "|---|---|---|---|---|---|---|",
    ]
    for tier, memory in memories.items():
        parts = [memory.select((memory.set == index).nonzero()[0]) for index in range(len(memory.sets))]
        for part in sorted(parts, key=lambda part: (-len(part), part.sets[0])):
            (name, licence), whole, real = part.sets[0], int(part.whole.sum()), int((part.kind == PHOTO).sum())
            lines.append(f"| {tier} | {name} | {len(part):,} | {whole:,} | {real:,} | {len(part.names)} | {licence} |")
    parts_told = {"all": list(memories.values())} | {tier: [memory] for tier, memory in memories.items()}
    lines += ["", f"| outlines | names | with a whole one | with {ENOUGH} real whole ones | of COCO's 80 things |"]
    lines[-1] = "| tier " + lines[-1]
    lines.append("|---|---|---|---|---|---|")
    for tier, some in parts_told.items():
        told = coverage(some)
        lines.append(f"| {tier} | {told.outlines:,} | {told.names} | {told.whole} | {told.real} | {told.coco} |")
    return "\n".join(lines)
