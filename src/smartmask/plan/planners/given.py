"""The planner without ideas of its own: the user's objects, in an order in which each can be placed."""

from __future__ import annotations

from collections.abc import Sequence

from smartmask.plan.language import grammar
from smartmask.plan.language.phrases import Relation, Request
from smartmask.plan.planners.interface import NextObject, PlanState

# Relations whose subject needs its reference drawn first.
_AFTER = ("on", "in", "behind", "in front of", "under", "above", "left of", "right of", "beside")


class GivenList:
    """Supports before what they carry, references before what is placed by them, else the text's order."""

    name = "given"

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """The objects still wanted, in drawing order; empty when all are drawn."""
        order = drawing_order(state.request)
        missing = [key for key in order if key not in state.placed]
        found = []
        for rank, key in enumerate(missing[:count]):
            item = state.request.find(key)
            relations = tuple(r for r in state.request.relations if r.subject == key and _there(r, state))
            why = f"The text asks for {item.prompt}"
            if relations:
                why += f", {relations[0].kind} {relations[0].reference.removeprefix('layer:')}"
            found.append(NextObject(item.name, 1 / (1 + rank), f"{why}.", None, relations, key))
        return found


def _there(relation: Relation, state: PlanState) -> bool:
    """Whether the reference of a relation is drawn: placed, a surface of the text, or a layer of the scene."""
    if relation.reference.startswith("layer:") or relation.reference in state.placed:
        return True
    return any(item.key == relation.reference for item in state.request.surfaces)


def drawing_order(request: Request) -> list[str]:
    """Keys of the wanted things: references first, then supports, then the order of the text.

    A circle of references ("a dog on a cat on the dog") is cut at the object named first.
    """
    things = [item.key for item in request.things]
    before = {key: {r.reference for r in request.relations if r.subject == key and r.kind in _AFTER} for key in things}
    rank = {key: (support_rank(request.find(key).name), place) for place, key in enumerate(things)}
    order: list[str] = []
    while len(order) < len(things):
        rest = [key for key in things if key not in order]
        ready = [key for key in rest if not (before[key] & set(rest) - {key})]
        order.append(min(ready or rest, key=lambda key: rank[key]))
    return order


def support_rank(name: str) -> int:
    """0 for what lies on the floor, then furniture, then large things that may carry others, then all else."""
    noun = name.split()[-1]
    for rank, names in enumerate(grammar.SUPPORTS):
        if noun in names:
            return rank
    return len(grammar.SUPPORTS)
