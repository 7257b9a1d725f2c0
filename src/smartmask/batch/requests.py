"""Requests for masks as JSON objects: settings of ``smartmask masks`` by name, in a manifest or beside a photo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smartmask.guides.table import GUIDES
from smartmask.io.sentences import short_repr
from smartmask.masks.job import MasksJob
from smartmask.masks.objects import guide_text

# what belongs to the whole batch: where results go, and what stays loaded
_SHARED = ("out", "named", "weights", "licences", "memory", "segmenter", "segmenter_cache")
KEYS = tuple(name for name in MasksJob.model_fields if name not in _SHARED)
FILES = ("image", "layout", "names", "panoptic", "scene", "objects_json", "like")
_KINDS = {guide.kind for guide in GUIDES}


def read_request(record: Any, what: str, folder: Path) -> dict[str, Any]:
    """The settings of a JSON object. Files lie in ``folder`` unless absolute; ``what`` begins the sentence of an error.

    A guide is a text as on the command line, a list of numbers or of points, or a list of such texts.
    Raises ValueError for what is no object, and for unknown keys; values are checked when the request is run.
    """
    if not isinstance(record, Mapping):
        raise ValueError(
            f'{what} is {short_repr(record)}; give an object such as {{"image": "a.jpg", "object": "dog"}}.'
        )
    unknown = sorted(set(record) - set(KEYS))
    if unknown:
        raise ValueError(f"{what} has the unknown key {short_repr(unknown[0])}; the keys are {', '.join(KEYS)}.")
    found: dict[str, Any] = {}
    for key, value in record.items():
        if value is None:
            continue
        if key in FILES:
            found[key] = str(folder / _file(value, key, what))
        elif key in _KINDS:
            found[key] = _guides(value, key, what, folder)
        elif key == "not_box":
            found[key] = _guides(value, "box", what, folder)
        else:
            found[key] = value
    return found


def _file(value: Any, key: str, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} has the {key} {short_repr(value)}; it is the name of a file.")
    return value


def _guides(value: Any, kind: str, what: str, folder: Path) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return tuple(guide_text(text, kind, what, folder) for text in value)
    return (guide_text(value, kind, what, folder),)
