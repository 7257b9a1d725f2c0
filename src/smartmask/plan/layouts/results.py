"""What ``layout`` writes: the scene, its maps, its colours, and the steps as an animation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from smartmask.export.coco import coco_panoptic
from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box
from smartmask.image.files import save_png
from smartmask.io.package import VERSION
from smartmask.io.publish import replacing, save_json
from smartmask.io.records import Record, Size
from smartmask.plan.language.phrases import RelationRecord
from smartmask.plan.layouts.pipeline import Layout
from smartmask.scene import Scene
from smartmask.scene.scene_file import save_scene

STEP_SECONDS = 0.5
LAST_SECONDS = 2.0
GIF_SIDE = 512


def save_layout(layout: Layout, folder: Path, animate: bool = True) -> list[str]:
    """All files of a layout into a staging folder; returns their names.

    ``scene.json``; ``label_map.png`` (id = layer + 1, 0 unlabeled) with ``names.json``; ``panoptic.png`` and
    ``panoptic.json`` in COCO's format; ``colour.png``; ``steps.gif`` where asked for.
    """
    scene = layout.scene()
    save_scene(scene, folder / "scene.json", layout.history())
    labels, names = scene.to_label_map()
    save_png(labels.astype(np.uint8 if labels.max(initial=0) < 256 else np.uint16), folder / "label_map.png")
    save_json({str(i): name for i, name in names.items()}, folder / "names.json")
    save_panoptic(scene, folder)
    save_png(scene_colours(scene), folder / "colour.png")
    files = ["colour.png", "label_map.png", "names.json", "panoptic.json", "panoptic.png", "scene.json"]
    if animate:
        save_steps(layout, folder / "steps.gif")
        files.append("steps.gif")
    return files


def save_panoptic(scene: Scene, folder: Path) -> None:
    """``panoptic.png`` and ``panoptic.json``: one image in COCO's panoptic format."""
    rgb, record = coco_panoptic(scene, "colour.png", "panoptic.png")
    save_png(rgb, folder / "panoptic.png")
    save_json(record, folder / "panoptic.json")


def save_steps(layout: Layout, path: Path) -> None:
    """A GIF of the scene after each drawn item, its longer side at most GIF_SIDE pixels."""
    frames = [Image.fromarray(scene_colours(layout.scene(count))) for count in range(1, len(layout.items) + 1)]
    frames = frames or [Image.fromarray(scene_colours(layout.scene()))]
    for frame in frames:
        frame.thumbnail((GIF_SIDE, GIF_SIDE))
    times = [int(1000 * STEP_SECONDS)] * (len(frames) - 1) + [int(1000 * LAST_SECONDS)]
    with replacing(path) as handle:
        frames[0].save(handle, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)


class SceneLayer(Record):
    """One layer, back to front: its index, its key in the text ("lamp 2") and name, where it lies.

    box: (x0, y0, x1, y1) pixel edges. seen: share of its area that is not covered. score: of a drawn mask.
    """

    layer: int
    key: str
    name: str
    attributes: list[str]
    thing: bool
    box: tuple[float, float, float, float] | None
    area: int
    seen: float
    seed: int
    score: float | None


class PictureRecord(Record):
    """What became of --paint: the request, and why there is no picture (trouble), or how it was painted.

    painted: the size at which the model worked. unknown: share of the layout that the ControlNet saw as nothing.
    """

    optional = ("device", "dtype", "offload", "slicing", "side", "controlnet", "control_scale", "steps",
                "guidance_scale", "negative_prompt", "lora", "sampler", "trouble", "painted", "unknown")  # fmt: skip

    model: str
    device: str | None = None
    dtype: str | None = None
    offload: str | None = None
    slicing: bool | None = None
    side: int | None = None
    controlnet: str | None = None
    control_scale: float | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: str | None = None
    lora: tuple[str, ...] | None = None
    sampler: str | None = None
    status: Literal["painted", "not painted"] = "not painted"
    trouble: str | None = None
    painted: Size | None = None
    unknown: float | None = None


class LayoutReport(Record):
    """What ``result.json`` of ``layout`` says. setting: the place that the text names. relations: of the text.

    files: all that was written, but ``result.json``. picture: with --paint. timings: seconds a stage.
    """

    optional = ("picture",)

    command: str = "layout"
    version: str = VERSION
    text: str
    size: Size
    seed: int
    setting: str | None
    layers: list[SceneLayer]
    relations: list[RelationRecord]
    notes: list[str]
    files: list[str]
    picture: PictureRecord | None = None
    timings: dict[str, float]


def described(layout: Layout) -> dict[str, Any]:
    """What a report says of the layout itself."""
    scene = layout.scene()
    layers = []
    for index, item in enumerate(item for item in layout.stacked() if item.mask.any()):
        area = int(np.count_nonzero(item.mask))
        layers.append(
            SceneLayer(
                layer=index, key=item.key, name=item.name, attributes=list(item.attributes), thing=item.thing,
                box=mask_box(item.mask), area=area,
                seen=round(int(np.count_nonzero(scene.visible(index))) / area, 4), seed=item.seed,
                score=None if item.score is None else round(item.score, 6),
            )
        )  # fmt: skip
    relations = [RelationRecord.of(relation, relation not in layout.unmet) for relation in layout.request.relations]
    return {
        "size": Size(width=layout.width, height=layout.height), "seed": layout.seed,
        "setting": layout.request.setting, "layers": layers, "relations": relations, "notes": list(layout.notes),
    }  # fmt: skip
