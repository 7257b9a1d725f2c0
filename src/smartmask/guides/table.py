"""All guides, a line each: parsing, JSON, simulation, options and the names of the kinds come from here."""

from __future__ import annotations

from typing import Any

from smartmask.guides.blob import Blob
from smartmask.guides.box import Box
from smartmask.guides.guide import Guidance, Guide
from smartmask.guides.mask import MaskGuide
from smartmask.guides.point import Point
from smartmask.guides.polygon import Polygon
from smartmask.guides.scribble import Scribble
from smartmask.io.checks import MAX_GUIDES, MAX_POINTS
from smartmask.io.sentences import short_repr

GUIDES: tuple[type[Guide], ...] = (
    Box,
    Point,
    Blob,
    Scribble,
    MaskGuide,
    Polygon,
)
NONE = "none"  # no guide: the model chooses the place
KINDS = (NONE, *(guide.kind for guide in GUIDES))
NUMBERS = {guide.kind: guide.number for guide in GUIDES} | {NONE: 5}  # for seeds of chance
SHARES = {NONE: 0.15} | {guide.kind: guide.share for guide in GUIDES}  # how often training draws each; relative


def guide_of(kind: str) -> type[Guide]:
    """The guide of a kind. Raises ValueError for an unknown one."""
    for guide in GUIDES:
        if guide.kind == kind:
            return guide
    raise ValueError(f"Unknown guide kind {short_repr(kind)}; use one of {', '.join(KINDS)}.")


def as_guides(guidance: Guidance, height: int, width: int) -> tuple[Guide, ...]:
    """The guides as a tuple, each checked against the scene's size.

    Raises ValueError, naming the size, for a guide wholly outside the scene or a mask of another size.
    One partly outside is kept: it asks for an object that the border cuts.
    """
    if guidance is None:
        return ()
    guides = tuple(guidance) if isinstance(guidance, (list, tuple)) else (guidance,)
    if len(guides) > MAX_GUIDES:
        raise ValueError(f"There are {len(guides)} guides; a call takes at most {MAX_GUIDES}.")
    for guide in guides:
        if not isinstance(guide, Guide):
            known = ", ".join(one.__name__ for one in GUIDES)
            raise ValueError(f"{short_repr(guide)} is not a guide; use {known}, a list of them or None.")
        fault = guide.misfit(height, width)
        if fault is not None:
            raise ValueError(fault)
    if (points := sum(guide.count() for guide in guides)) > MAX_POINTS:
        raise ValueError(f"The guides have {points:,} points together; a call takes at most {MAX_POINTS:,}.")
    return guides


def guide_from_json(value: Any) -> Guide:
    """The guide that ``to_json`` wrote. Raises ValueError, naming what is wrong."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise ValueError(
            f'A guide is {short_repr(value)}; it is an object such as {{"kind": "point", "x": 3, "y": 4}}.'
        )
    guide, fields = guide_of(value["kind"]), {name: field for name, field in value.items() if name != "kind"}
    try:
        return guide.from_json(fields)
    except (TypeError, KeyError):
        given = short_repr(", ".join(map(str, fields)) or "none")[1:-1]
        raise ValueError(
            f"The {guide.kind} has the fields {given}; write it as a result does, with all that makes it."
        ) from None
