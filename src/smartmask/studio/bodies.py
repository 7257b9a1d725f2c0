"""What requests hold: the settings of the commands, with pictures and scenes of the session in place of files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from smartmask.export.formats import FormatName
from smartmask.image.composition import LayerKind
from smartmask.insertion.settings import ModelOptions, PaintOptions, PaintSteps, PasteOptions
from smartmask.io.checks import MAX_GUIDES, MAX_PROMPT
from smartmask.io.settings import Settings
from smartmask.masks.draws import Draws, Seeded
from smartmask.masks.model import MaskOptions
from smartmask.plan.planners.load import Planned

Picture = Annotated[
    str, Field(description="A picture: the id of a file of the session, a data: URI, or part:NAME of a form.")
]
Mask = dict[str, Any] | str
MASK = (
    'A mask of the picture\'s size: {"size": [height, width], "counts": COCO\'s compressed run lengths}, or a picture.'
)
GUIDES = 'Guides: {"kind": "box", "x0": 40, "y0": 60, "x1": 200, "y1": 220}, {"kind": "point", "x": 3, "y": 4}, ...'
MAX_PAINTED = 200  # layers with pixels in one request


class SceneBody(Settings):
    """The scene that is asked about: a photo, and what is known of what is in it."""

    photo: Picture | None = Field(None, description="The photo: an id of the session's files, a data: URI, part:NAME.")
    size: tuple[int, int] | None = Field(None, description="Width and height, of a canvas without a photo.")
    scene: dict[str, Any] | None = Field(None, description="The layers, as scene.json holds them.")
    layout: Picture | None = Field(None, description="A label map (with names) or COCO panoptic PNG (with panoptic).")
    names: dict[str, str] | list[str | None] | None = Field(None, description="Names of the label map's ids.")
    panoptic: dict[str, Any] | list[Any] | None = Field(
        None, description="COCO panoptic JSON of the layout, or its segments_info."
    )
    segment: bool = Field(False, description="Have the service's panoptic model read the photo, where it has one.")

    @model_validator(mode="after")
    def _one_layout(self) -> SceneBody:
        given = [name for name in ("scene", "layout", "segment") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"There are both {given[0]} and {given[1]}; give one of the two.")
        if self.layout is None and (self.names is not None or self.panoptic is not None):
            raise ValueError("There are names of a layout, but no layout; give its picture, or leave the names out.")
        if self.layout is not None and (self.names is None) == (self.panoptic is None):
            raise ValueError("The layout needs either names or panoptic; give one of the two.")
        return self


class GuidesBody(Settings):
    """One object and where it is."""

    object: str = Field(description="What to insert: 'dog', 'a sitting man', 'two birds facing left'.")
    guides: tuple[dict[str, Any], ...] = Field((), description=GUIDES, max_length=MAX_GUIDES)


class MasksBody(GuidesBody, SceneBody, MaskOptions, Draws):
    """Masks of where and how an object could stand in a scene."""

    not_here: tuple[dict[str, Any], ...] = Field((), description="Guides: where it is not.", max_length=MAX_GUIDES)
    like: Mask | None = Field(None, description=f"Variations of this mask are wanted. {MASK}")
    masks_as: Literal["rle", "png"] = Field(
        "rle", description="Masks as COCO's compressed run lengths, or as PNGs in base64, white on black."
    )


class ObjectBody(GuidesBody):
    """One object to insert."""

    mask: Mask | None = Field(None, description=f"Its finished mask; then none is drawn. {MASK}")
    order: int | None = Field(None, description="Depth: 0 is behind all layers; the model's own choice by default.")
    context: str | None = Field(None, description="A sentence about the whole picture.")
    seed: int | None = Field(None, description="Of its first mask; counted from the request's by default.")
    cutout: Picture | None = Field(None, description="What 'paste' pastes: a picture with transparency, or a photo.")
    cutout_mask: Mask | None = Field(None, description="What of the cut-out is the object.")


class PaintBody(SceneBody, PaintOptions, ModelOptions, Seeded):
    """How something is painted into a photo."""

    inpainter: str | None = Field(None, description="'paste', or the name of a model that the service offers.")
    context: str | None = Field(None, description="A sentence about the whole picture.")
    format: Literal["png", "jpg", "webp"] = Field("png", description="Of the result; only a png is exact.")
    inline: bool = Field(False, description="Pictures of the answer as data: URIs, not as files of the session.")


class InsertBody(PaintBody, PasteOptions, Draws):
    """Objects into a photo; every pixel outside their masks stays as it is."""

    objects: tuple[ObjectBody, ...] = Field(
        description="The objects, in the order in which they are laid.", min_length=1
    )
    pick: int | None = Field(None, description="Rank of the candidate to take; 0, the best, by default.")


class RemoveBody(PaintBody):
    """A region or layer of a photo painted away."""

    region: Mask | int | None = Field(None, description=f"A layer by its index or name, or a mask. {MASK}")
    box: tuple[float, float, float, float] | None = Field(None, description="The region as a box x0, y0, x1, y1.")
    fill: str | None = Field(None, description="What to paint there; what surrounds it by default.")
    grow: int | None = Field(None, description="Pixels painted round the region.")


class LayoutBody(Planned, Draws, PaintSteps):
    """A layered layout of a sentence."""

    size: tuple[int, int] = Field((512, 384), description="Width and height.")
    num_masks: int = Field(4, description="Candidate masks an object.")
    ideas: int = Field(0, description="Objects that the planner may add to those of the text.", ge=0, le=20)
    inline: bool = Field(False, description="Pictures of the answer as data: URIs, not as files of the session.")


class PlanBody(Planned, SceneBody):
    """What could come next in a scene."""

    text: str = Field("", description="What the scene is about; its layers by default.")
    count: int = Field(5, description="Proposals at most.", ge=1, le=50)


class PaintedBody(Settings):
    """Pixels over the photo, as ``layers`` of an insertion's answer are."""

    picture: Picture = Field(description="A PNG with transparency.")
    name: str = Field(description="Of the layer.", min_length=1, max_length=MAX_PROMPT)
    x: int = Field(0, description="Of its left edge in the photo, in pixels.", ge=0)
    y: int = Field(0, description="Of its upper edge.", ge=0)
    kind: LayerKind = Field("object", description="What it is.")
    layer: int | None = Field(None, description="The index of the scene's layer whose pixels these are.", ge=0)
    visible: bool = Field(True, description="Whether the picture shows it.")


class ExportBody(SceneBody):
    """A scene, its photo and painted layers as one file."""

    format: FormatName = Field(
        description="png, jpg, webp: the picture; masks: a ZIP of PNGs; coco: instances; panoptic: a ZIP of map and "
        "JSON; ora, psd: layers; svg: outlines; scene: scene.json."
    )
    painted: tuple[PaintedBody, ...] = Field(
        (), description="What was painted over the photo, back to front.", max_length=MAX_PAINTED
    )
    embed: bool = Field(True, description="Of svg: whether it holds the picture.")
    name: str = Field("smartmask", description="Of the file, without its suffix.", max_length=100)
    inline: bool = Field(False, description="The file as a data: URI, not as a file of the session.")
