"""What a masks call leaves: its result as a schema, and the pictures of its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from smartmask.image.files import save_png
from smartmask.image.mask_png import save_mask
from smartmask.io.package import VERSION
from smartmask.io.publish import RESULT, files_of, save_json
from smartmask.io.records import Record, Size
from smartmask.io.sentences import slug
from smartmask.io.watch import rounded
from smartmask.masks.model import MaskOutput
from smartmask.masks.objects import Asked
from smartmask.masks.records import MaskRecord, mask_records
from smartmask.masks.sheets import ObjectsSheet, mask_sheet
from smartmask.scene import Scene

OVERLAY = "overlay.png"


class ObjectMasks(Record):
    """One object of several: what of a single one stands at the top of a result.

    seed: its first one. masks: best first. overlay: the file that shows them.
    """

    object: str
    context: str | None
    guidance: list[dict[str, Any]]
    order: int | None
    seed: int
    masks: list[MaskRecord]
    overlay: str
    notes: list[str]


class MasksResult(Record):
    """What ``result.json`` says: version, the request, the scene's size, and a record a mask, best first.

    Of one object ``object``, ``context``, ``guidance``, ``order``, ``seed`` and ``masks`` stand at the top; of several
    in ``objects``, one each in the order of the request, and ``seed`` at the top is the call's.
    files: all that was written, but ``result.json``.
    """

    model_config = ConfigDict(extra="allow")  # the request's own keys stand beside
    optional = ("guidance", "masks", "objects")

    version: str = VERSION
    command: str = "masks"
    guidance: list[dict[str, Any]] | None = None
    size: Size
    layers: list[str]
    masks: list[MaskRecord] | None = None
    objects: list[ObjectMasks] | None = None
    files: list[str]
    timings: dict[str, float]
    notes: list[str]

    @property
    def records(self) -> list[MaskRecord]:
        """All masks, object by object."""
        return [record for part in self.objects or () for record in part.masks] + (self.masks or [])


class MasksWriter:
    """Writes the masks of one object after the other into a staging folder, and tells of them in the end.

    A single object's files lie in the folder itself: ``mask_00.png``, ``visible_00.png``, ... best first, and
    ``overlay.png``. Of several each has a folder of its own with these, ``00_dog/``, and ``overlay.png`` shows all.
    """

    def __init__(self, scene: Scene, objects: Sequence[Asked], folder: Path) -> None:
        self.scene, self.objects, self.folder = scene, objects, folder
        self.parts: list[ObjectMasks] = []
        self.seconds: dict[str, float] = {}
        self.sheet = ObjectsSheet(scene, len(objects)) if len(objects) > 1 else None

    def add(self, output: MaskOutput) -> None:
        """The masks of the next object."""
        number = len(self.parts)
        one = self.objects[number]
        name = "" if self.sheet is None else f"{number:02d}_{slug(one.prompt)}/"
        records = mask_records(output, self.scene, name)
        for record, mask, visible in zip(records, output.windows, output.seen, strict=True):
            save_mask(mask, self.folder / record.mask)
            save_mask(visible, self.folder / record.visible)
        save_png(mask_sheet(output, records, self.scene, one.guides), self.folder / f"{name}{OVERLAY}", quick=True)
        if self.sheet is not None:
            self.sheet.add(one.prompt, output, records, one.guides)
        for stage, value in output.timings.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + value
        self.parts.append(
            ObjectMasks(
                object=one.prompt, context=one.context, guidance=[guide.describe() for guide in one.guides],
                order=one.order, seed=one.seed or 0, masks=records, overlay=f"{name}{OVERLAY}", notes=output.notes,
            )
        )  # fmt: skip

    def overview(self) -> None:
        """One sheet of all objects, where there are several."""
        if self.sheet is not None:
            save_png(self.sheet.picture(), self.folder / OVERLAY, quick=True)

    def result(
        self, asked: Mapping[str, Any], seed: int, notes: Sequence[str], seconds: Mapping[str, float]
    ) -> MasksResult:
        """The result, also written. asked, seed: what of the request is repeated; notes: on the scene."""
        told = dict(asked)
        if self.sheet is None:
            (part,) = self.parts
            told |= {key: getattr(part, key) for key in ("object", "context", "guidance", "order", "seed", "masks")}
            notes = [*notes, *part.notes]
        else:
            told |= {"objects": self.parts, "seed": seed}
            notes = [*notes, *(f"{part.object}: {note}" for part in self.parts for note in part.notes)]
        result = MasksResult(
            **told,
            size=Size(width=self.scene.width, height=self.scene.height),
            layers=[layer.name for layer in self.scene.layers],
            files=files_of(self.folder),
            timings=rounded(self.seconds | dict(seconds)),
            notes=notes,
        )
        save_result(result.model_dump(), self.folder)
        return result


def save_result(result: dict[str, Any], folder: Path) -> None:
    """``result.json`` into a staging folder."""
    save_json(result, folder / RESULT)
