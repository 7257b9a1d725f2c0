"""What a sentence leaves unsaid, but nobody would draw without: a table under a microwave, a pole under a stop sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smartmask.plan.language import grammar, relations
from smartmask.plan.language.phrases import Relation, Request, Wanted


def furnished(request: Request, surfaces: Sequence[str]) -> tuple[Request, list[str]]:
    """``(request, notes)``: with supports for things that would float or lie on the floor; each is not ``said``.

    Indoors small things go onto a stand of the text, soft ones onto a seat too; if there is none, onto a table that is
    put in. Signs stand on poles. Things of which the text says where they are stay as they are. surfaces: those of
    the scene, which tell whether it is a room.
    """
    bound = {key for relation in request.relations for key in (relation.subject, relation.reference)}
    free = [item for item in request.things if item.key not in bound]
    more: list[Wanted] = []
    links: list[Relation] = []
    for number, item in enumerate(item for item in free if _is(item.name, grammar.ON_POLES)):
        more.append(Wanted(grammar.POLE, grammar.POLE if not number else f"{grammar.POLE} {number + 1}", said=False))
        links.append(Relation(item.key, "on", more[-1].key))
    indoors = any(name.startswith(("wall", "floor")) for name in surfaces)
    small = [item for item in free if indoors and _is(item.name, grammar.SMALL) and item.name != "clock"]
    lying = [item for item in small if not any(carries(other.name, item.name) for other in request.things)]
    if lying:
        name = grammar.FURNITURE.get(request.setting or "", grammar.TABLE)
        more.append(Wanted(name, name, said=False))
        links += [Relation(item.key, "on", name) for item in lying]
    if not more:
        return request, []
    whom = {wanted.key: [r.subject for r in links if r.reference == wanted.key] for wanted in more}
    notes = []
    for one in more:
        keys = whom[one.key]
        stand = f"{' and '.join(keys)} {'stands' if len(keys) == 1 else 'stand'}"
        notes.append(f"The text does not say what {stand} on; a {one.name} is drawn.")
    found = replace(request, objects=(*request.objects, *more), relations=(*request.relations, *links))
    return found, notes


def carries(support: str, name: str) -> bool:
    """Whether a small thing of which nothing is said may stand on a support of this name."""
    noun = support.split()[-1]
    return noun in grammar.STANDS or (
        _is(name, grammar.SOFT) and noun in relations.SEATS - {"toilet", "bathtub", "pillow"}
    )


def _is(name: str, words: frozenset[str]) -> bool:
    """Whether a name is one of a list's, or its noun is; "teddy bear" is no bear."""
    return name.replace(" ", "_") in words or name.split()[-1] in words
