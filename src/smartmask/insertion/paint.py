"""Painting a plan: each object on a crop of its own, back to front, blended into the photo and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import MaskWindow
from smartmask.image.composition import (
    PaintedLayer,
    Window,
    blend,
    contact_shadow,
    crop_window,
    match_colours,
    painted_layer,
    resize,
    resize_mask,
    ring,
    side_size,
)
from smartmask.image.light import SAMPLES, Light, change_of_light, light_at, relit
from smartmask.image.photo import Photo
from smartmask.insertion.cutout import share_cutouts
from smartmask.insertion.inpainter import Inpainter, Painting, PaintRequest
from smartmask.insertion.lay import Laid, ObjectRequest, Plan
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.settings import PaintOptions
from smartmask.io.watch import Progress
from smartmask.scene import Layer, Scene

NO_INPAINTER = (
    "No inserter is given: name a folder or hub name of a Stable Diffusion inpainting model "
    "('hf download stable-diffusion-v1-5/stable-diffusion-inpainting' fetches one); "
    "without any, 'paste' with a cut-out works"
)
FAR_TOO_BRIGHT = 0.6  # change of light from which a cut-out that is pasted as it is deserves a note


class NoInpainterError(RuntimeError):
    """There is nothing that could paint the object: none was named, or the named one is not at hand."""


@dataclass(frozen=True, eq=False)
class InsertResult:
    """A finished photo and all that led to it.

    photo: the finished Photo, of the input's mode, bit depth, notes and profile.  plan: the scene before,
    and each object with the mask it has in the end (a pasted cut-out has its own).  mask: (H, W) bool,
    every pixel that may differ from the input; all others are equal bit for bit.
    layers: what was drawn, back to front, shadows below their object.  inpainters: names, one an object.
    said: what to know of the painting.
    """

    photo: Photo
    plan: Plan
    mask: np.ndarray
    layers: tuple[PaintedLayer, ...]
    inpainters: tuple[str, ...]
    said: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know: of the scene, then of each object's masks, then of the painting."""
        drawn = [laid.output for laid in self.plan.objects if laid.output is not None]
        return (*self.plan.notes, *(note for output in drawn for note in output.notes), *self.said)

    @property
    def image(self) -> np.ndarray:
        """``(H, W, C)`` uint8 or uint16 pixels of the finished photo."""
        return self.photo.pixels

    @property
    def scene(self) -> Scene:
        """The scene with all objects, and the finished photo."""
        return replace(self.plan.after(), photo=self.photo.rgb())

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scene before, and after each object in the order of the requests: undo is the one before."""
        return tuple(self.plan.after(count) for count in range(len(self.plan.objects) + 1))

    @property
    def masks(self) -> np.ndarray:
        """``(n, H, W)`` bool: the whole objects, in the order of the requests."""
        return np.stack([laid.mask for laid in self.plan.objects])


def as_photo(photo: str | Path | np.ndarray | Photo) -> Photo:
    """A Photo of a file, an array, or itself."""
    if isinstance(photo, Photo):
        return photo
    return Photo.load(photo) if isinstance(photo, (str, Path)) else Photo(photo)


def load_inpainters(
    inpainter: str | Path | Inpainter, requests: Sequence[ObjectRequest], **options: Any
) -> list[Inpainter]:
    """One inserter a request: the same for all, but 'paste' takes each request's own cut-out where it has one."""
    if not isinstance(inpainter, (str, Path)):
        return [inpainter] * len(requests)
    if str(inpainter) == "paste":
        shared, mask = options.pop("cutout", None), options.pop("cutout_mask", None)
        if shared is not None:
            share_cutouts([request.prompt for request in requests if request.cutout is None], [shared])
        own = [
            (shared, mask if r.cutout_mask is None else r.cutout_mask)
            if r.cutout is None
            else (r.cutout, r.cutout_mask)
            for r in requests
        ]
        return [
            load_inpainter("paste", cutout=cutout, mask=kept, prompt=request.prompt, **options)
            for (cutout, kept), request in zip(own, requests, strict=True)
        ]
    painter = load_inpainter(inpainter, **options)
    check_references(painter, [request.reference is not None for request in requests])
    return [painter] * len(requests)


def check_references(inpainter: Inpainter, given: Sequence[bool]) -> None:
    """ValueError of one sentence for reference pictures that an inserter cannot be shown, or where it waits for one."""
    if any(given) and not getattr(inpainter, "takes_reference", False):
        raise ValueError(
            f"The inserter '{inpainter.name}' cannot be shown a reference picture; give one with --ip-adapter or of a "
            "kind that takes one, or leave --reference out."
        )
    if not any(given) and getattr(inpainter, "needs_reference", False):
        raise ValueError(f"The inserter '{inpainter.name}' waits for a picture of the object; add --reference.")


def paint(
    photo: Photo,
    plan: Plan,
    inpainters: Sequence[Inpainter],
    options: PaintOptions | None = None,
    callback: Progress | None = None,
) -> InsertResult:
    """Paints the objects of a plan, back to front, with one inserter each (in the order of the requests).

    An object is painted where nothing of the photo itself stands in front of it; other new objects in
    front of it are painted over it later, so that each layer is whole beneath them.
    Raises ValueError if a cut-out ends up wholly hidden, RuntimeError if an inserter breaks its promise.
    """
    options = options or PaintOptions()
    pixels = photo.pixels.copy()
    changed = np.zeros((photo.height, photo.width), dtype=bool)
    layers: list[PaintedLayer] = []
    said: tuple[str, ...] = ()
    numbers = [number for number in plan.stack() if number is not None]
    for done, number in enumerate(numbers):
        waiting = set(numbers[done + 1 :])
        scene, order = _scene_so_far(plan, number, waiting)
        laid, inpainter = plan.objects[number], inpainters[number]
        drawn, mask, notes = _paint_one(pixels, scene, order, laid, inpainter, options, callback)
        plan = plan.with_mask(number, mask)
        for layer in drawn:
            if layer.applied:
                blend(pixels, layer)
                changed[layer.window.slices] |= layer.touched
        layers, said = [*layers, *drawn], (*said, *notes)
    names = tuple(inpainter.name for inpainter in inpainters)
    return InsertResult(replace(photo, pixels=pixels), plan, changed, tuple(layers), names, said)


def _scene_so_far(plan: Plan, number: int, waiting: set[int]) -> tuple[Scene, int]:
    """The scene without the objects that still wait to be painted, and the index of object ``number`` in it."""
    kept = [(layer, n) for layer, n in zip(plan.after().layers, plan.stack(), strict=True) if n not in waiting]
    scene = replace(plan.scene, layers=tuple(layer for layer, _ in kept))
    return scene, [n for _, n in kept].index(number)


def crop_scene(scene: Scene, window: Window, size: tuple[int, int] | None = None) -> Scene:
    """The scene of a window, scaled to ``size`` (height, width); layers keep their indices."""
    height, width = size or (window.height, window.width)
    layers = tuple(
        Layer(layer.name, resize_mask(layer.window.crop(*window.as_list()), height, width), layer.thing)
        for layer in scene.layers
    )
    return Scene(height, width, layers, caption=scene.caption)


def request_for(
    pixels: np.ndarray, scene: Scene, order: int, laid: Laid, side: int | None, options: PaintOptions
) -> tuple[PaintRequest, Window]:
    """What an inserter of this ``side`` is asked for one object, and the window of the photo that it sees."""
    box = laid.window.bounds
    if box is None:
        raise ValueError(f"The mask of '{laid.name}' is empty; paint at least one pixel.")
    window = crop_window(box, scene.height, scene.width)
    size = side_size(window.height, window.width, side)
    crop = crop_scene(scene, window, size)
    amodal, shown = crop.layers[order].mask, laid.request.reference
    request = PaintRequest(
        image=resize(Photo(pixels[window.slices]).rgb(), *size),
        mask=amodal & ~crop.covered(order + 1),
        amodal=amodal,
        scene=crop,
        order=order,
        prompt=laid.name,
        context=laid.request.context or scene.caption or "",
        seed=laid.seed,
        steps=options.steps,
        guidance_scale=options.guidance_scale,
        precision=options.precision,
        reference=None if shown is None else as_photo(shown).rgb(),
    )
    return request, window


def _paint_one(
    pixels: np.ndarray,
    scene: Scene,
    order: int,
    laid: Laid,
    inpainter: Inpainter,
    options: PaintOptions,
    callback: Progress | None,
) -> tuple[list[PaintedLayer], MaskWindow, tuple[str, ...]]:
    """The layers of one object, bottom first, its final amodal mask, and what to note."""
    # 1. paint a crop, at the inserter's size
    request, window = request_for(pixels, scene, order, laid, inpainter.side, options)
    painting = inpainter(replace(request, callback=callback))
    _check_painting(painting, request, inpainter)
    # 2. back to the photo's size
    height, width = window.height, window.width
    image = resize(painting.image, height, width)
    alpha = None if painting.alpha is None else resize(painting.alpha.astype(np.float32), height, width)
    amodal = (
        laid.window.crop(*window.as_list())
        if painting.outline is None
        else resize_mask(painting.outline, height, width)
    )
    covered = crop_scene(scene, window).covered(order + 1)
    visible = amodal & ~covered
    # 3. colours, edge, shadow
    notes: tuple[str, ...] = ()
    is_cutout = painting.outline is not None
    if is_cutout if options.color_match is None else options.color_match:
        image = _matched(image, alpha, visible, pixels, window, painting)
    elif is_cutout:
        notes = _light_note(laid.name, image, alpha, visible, pixels, window)
    layer = painted_layer(laid.name, laid.kind, window, image, visible, options.feather, alpha)
    if not layer.touched.any():
        raise ValueError(
            f"Nothing of '{laid.name}' as painted by {inpainter.name} would be seen; give another place or order."
        )
    layers = [layer]
    if options.shadow != "none" and laid.kind == "object":
        shadow = contact_shadow(amodal, covered, window, f"{laid.name} shadow")
        layers.insert(0, replace(shadow, applied=options.shadow == "paint"))
    # 4. the mask says what was painted; what is hidden stays as it was thought to be
    drawn = layer.touched | (amodal & covered)
    return layers, MaskWindow.within((scene.height, scene.width), window.x0, window.y0, drawn), notes


def _matched(
    image: np.ndarray, alpha: np.ndarray | None, visible: np.ndarray, pixels: np.ndarray, window: Window, by: Painting
) -> np.ndarray:
    """The painted crop in the photo's colours.

    A model has painted the surroundings too: what it made of them tells how its colours are off. A
    cut-out has none; it is put into the light of the place.
    """
    photo = Photo(pixels[window.slices]).rgb()
    around = ring(visible)
    if by.outline is None:
        return match_colours(image, around, photo, around)
    light = _light(visible, pixels, window)
    return image if light is None else relit(image, _solid(visible, alpha), light)


def _light(visible: np.ndarray, pixels: np.ndarray, window: Window) -> Light | None:
    """The light where an object will be seen."""
    step = max(1, int(np.sqrt(pixels[..., 0].size / SAMPLES)))
    whole = Photo(np.ascontiguousarray(pixels[::step, ::step])).rgb()
    return light_at(Photo(pixels[window.slices]).rgb(), ring(visible), whole)


def _solid(visible: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    return visible if alpha is None else visible & (alpha >= 0.5)


def _light_note(
    name: str, image: np.ndarray, alpha: np.ndarray | None, visible: np.ndarray, pixels: np.ndarray, window: Window
) -> tuple[str, ...]:
    """What to say of a cut-out that is far too bright for where it was pasted as it is."""
    light = _light(visible, pixels, window)
    if light is None or change_of_light(image, _solid(visible, alpha), light) > FAR_TOO_BRIGHT:
        return ()
    return (f"The cut-out of '{name}' is far brighter than the place; without --no-color-match it takes its light.",)


def _check_painting(painting: Painting, request: PaintRequest, inpainter: Inpainter) -> None:
    size = request.mask.shape
    good = painting.image.shape == (*size, 3) and painting.image.dtype == np.uint8
    good &= all(extra is None or extra.shape == size for extra in (painting.alpha, painting.outline))
    if not good:
        raise RuntimeError(
            f"The inserter '{inpainter.name}' answered {painting.image.dtype} of shape {painting.image.shape} "
            f"to a crop of {size[1]}x{size[0]}; it must answer uint8 RGB of the same size."
        )
