"""What a masks call leaves: its result as a schema, and the pictures of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from smartmask.guides import Guide
from smartmask.image.files import save_png
from smartmask.io.package import VERSION
from smartmask.io.publish import RESULT, save_json
from smartmask.io.records import Record, Size
from smartmask.io.watch import rounded
from smartmask.masks.model import MaskOutput
from smartmask.masks.records import MaskRecord, mask_records
from smartmask.masks.sheets import mask_sheet
from smartmask.scene import Scene


class MasksResult(Record):
    """What ``result.json`` says: version, the request, the scene's size, and a record a mask, best first.

    files: all that was written, but ``result.json``.
    """

    model_config = ConfigDict(extra="allow")  # the request's own keys stand beside

    version: str = VERSION
    command: str = "masks"
    guidance: list[dict[str, Any]]
    size: Size
    layers: list[str]
    masks: list[MaskRecord]
    files: list[str]
    timings: dict[str, float]
    notes: list[str]

    @classmethod
    def of_output(
        cls, output: MaskOutput, scene: Scene, guides: Sequence[Guide], asked: dict[str, Any],
        notes: Sequence[str] = (), seconds: dict[str, float] | None = None, files: Sequence[str] = (),
    ) -> MasksResult:  # fmt: skip
        """The result of a pipeline's output. asked: what of the request is repeated; notes: on the scene.

        files: what was written.
        """
        return cls(
            **asked,
            guidance=[guide.describe() for guide in guides],
            size=Size(width=scene.width, height=scene.height),
            layers=[layer.name for layer in scene.layers],
            masks=mask_records(output, scene),
            files=list(files),
            timings=rounded(output.timings | (seconds or {})),
            notes=[*notes, *output.notes],
        )


def save_masks(output: MaskOutput, scene: Scene, guides: Sequence[Guide], folder: Path) -> None:
    """``mask_00.png``, ``visible_00.png``, ... best first, and ``overlay.png``, into a staging folder."""
    for index, (mask, visible) in enumerate(zip(output.masks, output.visible, strict=True)):
        save_png(mask, folder / f"mask_{index:02d}.png")
        save_png(visible, folder / f"visible_{index:02d}.png")
    save_png(mask_sheet(output, mask_records(output, scene), scene, guides), folder / "overlay.png", quick=True)


def save_result(result: dict[str, Any], folder: Path) -> None:
    """``result.json`` into a staging folder."""
    save_json(result, folder / RESULT)
