"""What every planner answers: which object comes next, why, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from smartmask.plan.language.phrases import Relation, Request, Wanted
from smartmask.scene import Scene

Region = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of the picture
IDEA = "idea:"  # begins the keys of placed objects that the text does not name


@dataclass(frozen=True)
class NextObject:
    """One proposal.

    name: what to draw next. score: in [0, 1], comparable within one answer only. why: a sentence.
    region: where, roughly, as shares of the picture, or None. relations: what its place has to keep to
    objects already there. key: of the wanted object that this is; None for the planner's own idea.
    """

    name: str
    score: float
    why: str
    region: Region | None = None
    relations: tuple[Relation, ...] = ()
    key: str | None = None


@dataclass(frozen=True)
class PlanState:
    """All that a planner may look at.

    scene: as it is. request: what the text asks for. placed: keys of wanted objects that are drawn, in order.
    surfaces: whether the next one may be a surface (sky, grass); else they are there, or a photo has its own.
    """

    scene: Scene
    request: Request
    placed: tuple[str, ...] = ()
    surfaces: bool = False

    def missing(self) -> list[Wanted]:
        """The wanted things that are not drawn yet, in the text's order."""
        return [item for item in self.request.things if item.key not in self.placed]


class Planner(Protocol):
    """An engine. An empty answer means that the layout is done."""

    name: str

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """The best next objects, best first, at most ``count``."""
        ...


def placed_already(request: Request, scene: Scene) -> tuple[str, ...]:
    """Keys of wanted objects that a scene holds by name, as many as it has of each."""
    left = [layer.name for layer in scene.layers]
    placed = []
    for item in request.things:
        if item.name in left:
            left.remove(item.name)
            placed.append(item.key)
    return tuple(placed)


def idea_key(name: str, placed: Sequence[str]) -> str:
    """ "idea:oven", or "idea:oven 2" for the second oven of the picture, whoever asked for the first."""
    there = sum(key.removeprefix(IDEA).rstrip(" 0123456789") == name for key in placed)
    return f"{IDEA}{name} {there + 1}" if there else f"{IDEA}{name}"
