"""Several objects of one request, as texts and JSON lists say them: ``masks`` and ``insert`` read them alike.

All errors are ValueError with one sentence that holds the offending value and what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import model_validator

from smartmask.guides import Guide
from smartmask.guides.mask import PICTURE_SUFFIXES
from smartmask.guides.parse import GuideTexts, read_guides
from smartmask.guides.table import guide_of
from smartmask.io.checks import check_prompt, check_seed
from smartmask.io.inputs import also_reads
from smartmask.io.reading import read_json
from smartmask.io.sentences import short_repr
from smartmask.io.settings import argument, option
from smartmask.masks.draws import Depth


@dataclass(frozen=True, eq=False)
class Asked:
    """One object that is asked for.

    order, context: as in a request for masks.  seed: of its first mask (None: counted from the call's).
    pictures: {option: file} of those beside guides that are given for it.
    """

    prompt: str
    guides: tuple[Guide, ...] = ()
    order: int | None = None
    context: str | None = None
    seed: int | None = None
    pictures: Mapping[str, Path] = field(default_factory=dict)

    def seeded(self, seed: int) -> Asked:
        """With this first seed, unless it has one of its own."""
        return self if self.seed is not None else replace(self, seed=seed)


class ObjectTexts(GuideTexts, Depth):
    """Objects as texts and files. One object takes all guides, of several each takes one of a kind, in their order.

    A request in which each object has pictures beside its guides declares them as fields and names them in
    ``pictures``, which are keys of the JSON too; those of ``elsewhere`` it shares out among the texts itself.
    """

    pictures: ClassVar[tuple[str, ...]] = ()
    elsewhere: ClassVar[tuple[str, ...]] = ()

    named: tuple[str, ...] = argument("Objects, as --object says them.", metavar="[OBJECT]...", default=())
    object: tuple[str, ...] = option(
        (), "An object: 'dog', 'a sitting man', 'two birds facing left'; may be repeated.", metavar="TEXT"
    )
    objects_json: Path | None = option(
        None, 'Objects as a list: [{"object": "dog", "box": [0, 0, 9, 9]}]; they come after the others.', metavar="JSON"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_list(cls, values: Any) -> Any:
        """Objects given as arguments are those of --object; a single text is a list of one."""
        if not isinstance(values, dict):
            return values
        named, given = values.get("named") or (), values.get("object") or ()
        given = (given,) if isinstance(given, str) else given
        if not all(isinstance(names, (list, tuple)) for names in (named, given)):
            raise ValueError(f"The objects are {short_repr(named or given)}; give a list of texts such as 'dog'.")
        if named and given:
            raise ValueError(
                f"{short_repr(named[0])} stands beside --object {short_repr(given[0])}; name all objects in one of "
                "the two ways."
            )
        for name in named:
            if str(name).lower().endswith(PICTURE_SUFFIXES):
                raise ValueError(f"{short_repr(name)} stands where an object's name belongs; a call takes one photo.")
        return {**values, "named": (), "object": tuple(named or given)}

    def asked(self, size: tuple[int, int], context: str | None = None) -> list[Asked]:
        """The objects for a photo of ``size`` (height, width); context: of those that have none of their own."""
        count = len(self.object)
        specs = _list_of(self.objects_json) if self.objects_json is not None else []
        if not count and not specs:
            raise ValueError(
                "There is no object; name one ('dog'), or give --object TEXT or --objects-json with a list."
            )
        if self.order is not None and count + len(specs) > 1:
            raise ValueError(
                f"--order {self.order} is given for {count + len(specs)} objects; use --objects-json to say whose."
            )
        texts = {kind: _shared_out(kind, values, count, True) for kind, values in self.texts().items()}
        each = [kind for kind in self.pictures if kind not in self.elsewhere]
        files = {kind: _shared_out(kind, getattr(self, kind), count, False) for kind in each}
        objects = []
        for number, prompt in enumerate(self.object):
            guides = read_guides({kind: shares[number] for kind, shares in texts.items()}, size)
            own = {kind: share[number][0] for kind, share in files.items() if share[number]}
            objects.append(Asked(check_prompt(prompt), guides, self.order, context, None, own))
        for number, spec in enumerate(specs):
            what, folder = f"objects[{number}] in '{self.objects_json}'", (self.objects_json or Path()).parent
            objects.append(read_object(spec, what, folder, size, Asked("", (), self.order, context), self.pictures))
        return objects


def _shared_out(what: str, values: Sequence[Any], count: int, guide: bool) -> list[tuple[Any, ...]]:
    """Which values of an option belong to each of ``count`` objects; a single one may have many guides of a kind."""
    if count == 1 and (guide or len(values) <= 1):
        return [tuple(values)]
    if len(values) == count:
        return [(value,) for value in values]
    if values:
        raise ValueError(
            f"--{what.replace('_', '-')} is given {len(values)} times for {count} objects; give it once for each "
            "object, or use --objects-json."
        )
    return [()] * count


def _list_of(path: Path) -> list[Any]:
    data = read_json(path, "objects", unique=True)
    if not isinstance(data, list) or not data:
        raise ValueError(f'The objects \'{path}\' hold {short_repr(data)}; give a list such as [{{"object": "dog"}}].')
    return data


def read_object(
    spec: Any,
    what: str,
    folder: Path,
    size: tuple[int, int],
    shared: Asked | None = None,
    pictures: Sequence[str] = (),
) -> Asked:
    """One object of a JSON list: ``{"object": "dog", "box": [x0, y0, x1, y1], ...}``.

    Keys are object, context, the guides' kinds, order, seed and those of ``pictures``, which take the place of guides
    of their names. Guides are texts as on the command line, or lists of numbers, of (x, y) points, or of lists of
    points; a scribble or a mask may be a file. Files lie beside the JSON unless absolute.
    what: names the object in errors. shared: order and context of objects that have none of their own.
    """
    if not isinstance(spec, dict):
        raise ValueError(f'{what} is {short_repr(spec)}; give an object such as {{"object": "dog"}}.')
    shared = shared or Asked("")
    kinds = [kind for kind in GuideTexts.model_fields if kind not in pictures]
    keys = ("object", "context", *kinds, *pictures, "order", "seed")
    unknown = sorted(set(spec) - set(keys))
    if unknown:
        raise ValueError(f"{what} has the unknown key {short_repr(unknown[0])}; the keys are {', '.join(keys)}.")
    prompt = check_prompt(spec.get("object"), f"object of {what}")
    texts = {kind: [guide_text(spec[kind], kind, what, folder)] for kind in kinds if spec.get(kind) is not None}
    files = {kind: folder / _text(spec, kind, what) for kind in pictures if spec.get(kind) is not None}
    order = shared.order if spec.get("order") is None else spec["order"]
    if order is not None and (not isinstance(order, int) or isinstance(order, bool)):
        raise ValueError(f"{what} has the order {short_repr(order)}; it is a whole number, 0 at the back.")
    own = spec.get("context")
    context = shared.context if own is None else check_prompt(own, f"context of {what}")
    seed = None if spec.get("seed") is None else check_seed(spec["seed"])
    for path in [*files.values(), *(Path(text) for found in texts.values() for text in found)]:
        also_reads(path, what)
    return Asked(prompt, read_guides(texts, size), order, context, seed, files)


def guide_text(value: Any, kind: str, what: str, folder: Path) -> str:
    """A guide of JSON as the command line would write it; pictures lie in the folder unless absolute."""
    if isinstance(value, str):
        return str(folder / value) if value.lower().endswith(PICTURE_SUFFIXES) else value
    points = ";" in guide_of(kind).form
    try:
        if not points:
            return ",".join(repr(float(number)) for number in value)
        lists = value if np.ndim(value[0][0]) else [value]
        return "|".join(";".join(f"{float(x)!r},{float(y)!r}" for x, y in one) for one in lists)
    except (TypeError, ValueError, IndexError, KeyError):
        form = "a list of points [x, y]" if points else "a list of numbers"
        raise ValueError(f"{what} has the {kind} {short_repr(value)}; give {form}.") from None


def _text(spec: dict[str, Any], key: str, what: str) -> str:
    if not isinstance(spec[key], str) or not spec[key]:
        raise ValueError(f"{what} has the {key} {short_repr(spec[key])}; it is the name of a picture file.")
    return str(spec[key])
