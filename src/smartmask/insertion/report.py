"""What ``result.json`` of ``insert`` and ``remove`` says, as a schema."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from smartmask.geometry import MaskWindow
from smartmask.guides import as_guides
from smartmask.image.photo import Photo
from smartmask.insertion.lay import Laid
from smartmask.insertion.paint import InsertResult
from smartmask.insertion.settings import Shadow
from smartmask.io.package import VERSION
from smartmask.io.records import Record, Size
from smartmask.scene import Scene
from smartmask.scene.neighbours import neighbours


class Pixels(Record):
    """The photo's form: mode (RGB, RGBA, L, ...) and bits a channel."""

    mode: str
    bits: int


class Painted(Record):
    """How much of the photo may differ from before: pixels, and their share of all in [0, 1]."""

    pixels: int
    share: float


class ObjectRecord(Record):
    """One object, in the order of the requests.

    mask, visible: files of its whole and its seen part. box: (x0, y0, x1, y1) pixel edges, None for an empty mask.
    score: of a mask that was drawn, in [0, 1]. order: its index in the layers when it was laid; layer: in the last
    scene. in_front_of, behind: there, as of a mask of ``masks``. picked: the rank of its mask among the candidates;
    candidates: the file that shows them; why: what the mask was made of.
    """

    optional = ("candidates",)

    object: str
    context: str | None
    guidance: list[dict[str, Any]]
    mask: str
    visible: str
    box: tuple[float, float, float, float] | None
    area: int
    visible_area: int
    score: float | None
    order: int
    layer: int
    in_front_of: str | None
    behind: str | None
    seed: int
    picked: int | None
    why: dict[str, Any] | None
    candidates: str | None = None

    @classmethod
    def of(cls, laid: Laid, number: int, scene: Scene, index: int, visible: MaskWindow) -> ObjectRecord:
        """The record of object ``number``, which is layer ``index`` of the last scene. visible: what is seen of it."""
        output = laid.output
        in_front_of, behind = neighbours(scene, laid.window, index, own=True)
        return cls(
            object=laid.name, context=laid.request.context,
            guidance=[g.describe() for g in as_guides(laid.request.guidance, scene.height, scene.width)],
            mask=f"mask_{number:02d}.png", visible=f"visible_{number:02d}.png", box=laid.window.bounds,
            area=laid.window.area, visible_area=visible.area,
            score=None if laid.score is None else round(laid.score, 6), order=laid.order, layer=index,
            in_front_of=in_front_of, behind=behind, seed=laid.seed, picked=laid.picked,
            why=None if output is None or laid.picked is None else output.why[laid.picked],
            candidates=None if output is None else f"overlay_{number:02d}.png",
        )  # fmt: skip


class LayerRecord(Record):
    """A painted layer: its file, what it is, its window (x0, y0, x1, y1) in the photo, whether the result shows it."""

    file: str
    name: str
    kind: str
    window: list[int]
    in_result: bool


class PaintReport(Record):
    """What ``insert`` and ``remove`` both say.

    painted: None where nothing was. inpainter: as asked for. layers_before: names, back to front. objects: in the
    order of the requests. layers: what was painted, back to front. jobs: folders for other tools, where nothing was
    painted. files: all that was written, but ``result.json``. timings: seconds a stage.
    """

    version: str = VERSION
    size: Size
    pixels: Pixels
    painted: Painted | None
    command: str
    image: str
    seed: int
    inpainter: str | None
    status: Literal["painted", "not painted"]
    feather: float
    color_match: bool | None
    shadow: Shadow
    layers_before: list[str]
    objects: list[ObjectRecord]
    layers: list[LayerRecord]
    jobs: list[str]
    notes: list[str]
    files: list[str]
    timings: dict[str, float]
    trouble: str = Field(
        "", exclude=True, description="Why the inserter that was named did not paint; not part of result.json."
    )


class InsertReport(PaintReport):
    """What ``insert`` says beside."""

    num_masks: int
    weights: str | None
    licences: str
    memory: str | None


class RemoveReport(PaintReport):
    """What ``remove`` says beside: the region as it was given."""

    region: str


def described_photo(photo: Photo, result: InsertResult | None) -> dict[str, Any]:
    """``size``, ``pixels`` and ``painted`` of a report."""
    painted = None
    if result is not None:
        count = int(np.count_nonzero(result.mask))
        painted = Painted(pixels=count, share=round(count / result.mask.size, 6))
    size = Size(width=photo.width, height=photo.height)
    return {"size": size, "pixels": Pixels(mode=photo.mode, bits=photo.bits), "painted": painted}
