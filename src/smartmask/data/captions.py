"""Captions that a model made ('smartmask data caption'), and the records that they belong to.

A file of lines, or a folder of such files. A line is a JSON object: ``caption``, and ``key``, ``source`` and ``name``
as a record has them; of a segment also ``layer`` (its index, back to front) and ``object`` (its name). Lines with
neither a key nor a caption say how the others were made, and are passed over. Pictures are known by source and name,
which alone differs between the frames of one drive; COCO's, and photographs without a data set, by their key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smartmask.data.record import Job, Record
from smartmask.io.checks import check_prompt
from smartmask.io.json_text import parse_json
from smartmask.io.reading import files_in, lines_of
from smartmask.io.sentences import short_repr

COCO = ("cocoa", "coco_panoptic", "coco_instances", "coco_more")  # whose keys are ids of the same photographs
PHOTOS = "photos"  # photographs that no data set describes: their captions go to records of the same key
Picture = tuple[str, str]


@dataclass
class Captions:
    """pictures: {picture: sentences}.  layers: {(source, name): {(layer, its name): sentence}}, of that source alone,
    since the same photograph has other layers in another."""

    pictures: dict[Picture, list[str]] = field(default_factory=dict)
    layers: dict[Picture, dict[tuple[int, str], str]] = field(default_factory=dict)

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Captions:
        """Of files and folders of files. Raises ValueError, naming file and line, for what are no captions."""
        found = cls()
        for path in paths:
            for file in files_in(path, "[0-9]*.jsonl", "captions") if path.is_dir() else [path]:
                for number, line in enumerate(lines_of(file, "captions"), start=1):
                    found._take(line, f"Line {number} of the captions '{file}'")
        if not found.pictures and not found.layers:
            raise ValueError(f"'{paths[0]}' holds no caption; make some with 'smartmask data caption'.")
        return found

    def _take(self, line: bytes, what: str) -> None:
        if not line.strip():
            return
        record = parse_json(line, what)
        if isinstance(record, dict) and not {"key", "caption"} & set(record):
            return
        key, source, caption = (_text(record, name, what) for name in ("key", "source", "caption"))
        name, caption = str(record.get("name") or key), check_prompt(caption, f"caption of {what}")
        if "layer" not in record:
            self.pictures.setdefault(_picture(source, key, name), []).append(caption)
            return
        layer = record["layer"]
        if not isinstance(layer, int) or isinstance(layer, bool):
            raise ValueError(f"{what} has the layer {short_repr(layer)}; it is a whole number.")
        self.layers.setdefault((source, name), {})[layer, _text(record, "object", what)] = caption

    def added(self, record: Record) -> Record:
        """The record with what is said of it: its captions first, so that the scene has the first of them."""
        name = record.name or record.key
        said = self.pictures.get(_picture(record.source, record.key, name), [])
        said = said or self.pictures.get((PHOTOS, record.key), [])
        told = self.layers.get((record.source, name), {})
        if said:
            rest = (text for text in record.captions if text not in said)
            record = replace(record, captions=(*said, *rest), scene=replace(record.scene, caption=said[0]))
        if told:
            names = [layer.name for layer in record.scene.layers]
            record = replace(record, layer_captions=tuple(told.get(pair, "") for pair in enumerate(names)))
        return record

    def of_job(self, job: Job) -> Record:
        """A job's record with what is said of it."""
        return self.added(job())


def _picture(source: str, key: str, name: str) -> Picture:
    if source in COCO or source == PHOTOS:
        return "coco" if source in COCO else source, key
    return source, name


def _text(record: Any, name: str, what: str) -> str:
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} has no {name}; write it with 'smartmask data caption'.")
    return value
