"""Photo to layers: any panoptic model of transformers, by hub name or local folder.

The model's own class names become the layers' names. Masks are what is visible; their depth order is
a guess from the masks alone (``panoptic.depth_order``). Nothing is fetched unless a model is named: without a name
it is the default one if an earlier download left it on this machine, else the scene stays unlabeled.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.errors import ModelError, ModelMissingError, OutOfMemoryError
from smartmask.image.files import load_photo
from smartmask.io.checks import MAX_PIXELS
from smartmask.io.hub import (
    cached_folder,
    check_complete,
    check_files,
    check_finite,
    check_weights,
    is_out_of_memory,
    loading,
    model_folder,
    quiet,
    read_config,
)
from smartmask.io.publish import output_folder, save_json
from smartmask.io.reading import read_json
from smartmask.scene.categories import is_thing
from smartmask.scene.layer import Layer
from smartmask.scene.layer_json import JsonRecord, layer_to_json, layers_from_json
from smartmask.scene.panoptic import MergeRule, depth_order, merge_queries

# The smallest of its family: half the size of the base model, and it reads a photo in seconds on a CPU.
DEFAULT_MODEL = "facebook/mask2former-swin-tiny-coco-panoptic"
WHAT = "panoptic model"
WITHOUT = "without it, give the layout: --layout PNG with --names or --panoptic, or scene= in Python"
LAYOUT = "--layout PNG with --names or --panoptic, or scene= in Python"
ABSENT = f"the {WHAT} '{DEFAULT_MODEL}' is not on this machine ('hf download {DEFAULT_MODEL}' fetches it)"
BETTER = f"{ABSENT} and would read it, and a layout of your own is best ({LAYOUT})"
NOTE_UNLABELED = f"The photo has no layout, so the scene is unlabeled and masks know nothing of the picture; {BETTER}."
FAMILIES = ("mask2former", "maskformer", "detr")  # config.model_type; each answers with queries


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A loaded model: its processor, its network, and its class names."""

    name: str
    processor: Any
    network: Any
    names: dict[int, str]
    is_thing: Callable[[str], bool]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a photograph shows: photo (H, W, 3) uint8 RGB, layers of what is visible back to front, and what read it
    (None where nothing did)."""

    photo: np.ndarray
    layers: tuple[Layer, ...] = ()
    source: str | None = None


def read_layers(
    image: str | Path | np.ndarray,
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    device: str = "cpu",
    rule: MergeRule | None = None,
    cache: str | Path | None = None,
) -> Reading:
    """The layers of a photograph, of what is visible, back to front; pixels nobody is sure of are in none.

    image: a picture file, or (H, W, 3) uint8 RGB, upright.  model: a hub name or a folder with config.json,
    preprocessor_config.json and safetensors weights (Mask2Former, MaskFormer or DETR); None for DEFAULT_MODEL,
    if it was fetched earlier.  revision: of a hub model that is named.  rule: how sure the model must be.
    cache: a folder for results, keyed by the picture's pixels, the model and the rule; None keeps none.
    A model stays loaded for the next call.
    Raises ValueError for bad input or a folder that is no such model, ModelMissingError where it has to be
    fetched first, OutOfMemoryError.
    """
    photo = _photo(image)
    if cache is not None:
        output_folder(cache)  # a closed door should be found before the model has run
    rule = rule or MergeRule()
    if model is None:
        name, folder = DEFAULT_MODEL, fetched_model()
        if folder is None:
            raise ModelMissingError(f"No {WHAT} is named, and {ABSENT} ({WITHOUT})")
    else:
        name = str(model)
        folder = model_folder(name, WHAT)
    stamp = "" if folder is None else _checked_stamp(folder)
    kept = None if cache is None else Path(cache) / f"{_key(photo, name, revision, stamp, rule)}.json"
    if kept is not None and kept.is_file():
        return Reading(photo, _kept_layers(kept, photo), name)
    segmenter = _load(name if folder is None else str(folder.resolve()), revision, device, stamp)
    layers = segment(photo, segmenter, rule)
    if kept is not None:
        save_json({"layers": [layer_to_json(layer) for layer in layers]}, kept)
    return Reading(photo, layers, name)


def load_segmenter(model: str | Path | None = None, device: str = "cpu", dtype: str = "float32") -> Segmenter:
    """A model as ``read_layers`` finds it, for many photos. dtype: float32, bfloat16 or float16.

    Raises ValueError for a folder that is no such model, ModelMissingError where it has to be fetched first.
    """
    if model is None:
        folder = fetched_model()
        if folder is None:
            raise ModelMissingError(f"No {WHAT} is named, and {ABSENT}")
    else:
        folder = model_folder(str(model), WHAT)
    if folder is None:
        return _load(str(model), None, device, "", dtype)
    return _load(str(folder.resolve()), None, device, _checked_stamp(folder), dtype)


def read_photo(
    image: str | Path | np.ndarray, model: str | Path | None = None, *, cache: str | Path | None = None
) -> tuple[Reading, tuple[str, ...]]:
    """``(reading, notes)`` of a photograph without a layout, by what is at hand.

    image, cache: as in read_layers.  model: its model, which may be fetched if it is named; None asks what was
    fetched earlier; where nothing was, there are no layers, and a note says so.
    Raises what read_layers raises.
    """
    if model is not None or fetched_model() is not None:
        return read_layers(image, model, cache=cache), ()
    photo = _photo(image)
    if cache is not None:
        output_folder(cache)  # a folder that cannot be is a mistake, though nothing will lie in it
    return Reading(photo), (NOTE_UNLABELED,)


def _kept_layers(file: Path, photo: np.ndarray) -> tuple[Layer, ...]:
    record, what = (
        JsonRecord(read_json(file, "kept layout"), f"The kept layout '{file}'", ""),
        f"The kept layout '{file}'",
    )
    height, width = photo.shape[:2]
    return layers_from_json(record.get("layers", list), what, width, height)


def fetched_model() -> Path | None:
    """The folder of DEFAULT_MODEL if an earlier download left it here whole and transformers can run it, else None."""
    folder = cached_folder(DEFAULT_MODEL)
    if folder is None or importlib.util.find_spec("transformers") is None:
        return None
    try:
        check_folder(folder)
    except ModelError:
        return None  # a download that was interrupted
    return folder


def segment(photo: np.ndarray, segmenter: Segmenter, rule: MergeRule | None = None) -> tuple[Layer, ...]:
    """The layers, back to front, of a (H, W, 3) uint8 photo by a loaded model."""
    return segment_batch([photo], segmenter, rule)[0]


def segment_batch(
    photos: Sequence[np.ndarray], segmenter: Segmenter, rule: MergeRule | None = None
) -> list[tuple[Layer, ...]]:
    """The layers of several photos, as ``segment`` gives them of each.

    Photos that the processor brings to one size go through the network together; nothing is padded to another's size,
    which would change what is read.
    """
    network = segmenter.network
    ready = [segmenter.processor(images=photo, return_tensors="pt") for photo in photos]
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, inputs in enumerate(ready):
        groups.setdefault(tuple(inputs["pixel_values"].shape), []).append(number)
    found: dict[int, tuple[Layer, ...]] = {}
    for group in groups.values():
        inputs = {key: _joined([ready[n][key] for n in group], network) for key in ("pixel_values", "pixel_mask")
                  if key in ready[group[0]]}  # fmt: skip
        classes, masks = _answered(network, inputs, segmenter.name, [photos[n] for n in group])
        for at, number in enumerate(group):
            held = None if "pixel_mask" not in inputs else inputs["pixel_mask"][at]
            own = _without_padding(masks[at].float().cpu().numpy(), held)
            size = photos[number].shape[:2]
            scores = classes[at].float().cpu().numpy()
            layers = merge_queries(scores, own, segmenter.names, segmenter.is_thing, size, rule)
            found[number] = tuple(depth_order(layers))
    return [found[number] for number in range(len(photos))]


def _joined(tensors: list[Any], network: Any) -> Any:
    """Tensors (1, ...) of several photos as one, where the network is and in its numbers."""
    import torch

    joined = torch.cat(tensors).to(network.device)
    return joined.to(network.dtype) if joined.is_floating_point() else joined


def _answered(network: Any, inputs: dict[str, Any], name: str, photos: Sequence[np.ndarray]) -> tuple[Any, Any]:
    """``(n, Q, C + 1)`` class logits and ``(n, Q, h, w)`` mask logits."""
    import torch

    try:
        with torch.inference_mode():
            return _queries(network(**inputs))
    except Exception as error:
        if is_out_of_memory(error):
            height, width = photos[0].shape[:2]
            several = f"{len(photos)} photos" if len(photos) > 1 else "a photo"
            raise OutOfMemoryError(
                f"There is not enough memory for the {WHAT} '{name}' on {several} of {width}x{height}; "
                "use a smaller model or photo"
            ) from error
        raise


def check_folder(folder: Path) -> None:
    """ValueError of one sentence unless the folder holds a panoptic model that can be loaded."""
    check_files(folder, WHAT, "config.json", "preprocessor_config.json|processor_config.json")
    kind = read_config(folder / "config.json", WHAT).get("model_type")
    if kind not in FAMILIES:
        raise ModelError(f"The {WHAT} '{folder}' is of the type {kind!r}; give one of {', '.join(FAMILIES)}.")
    check_weights(folder, WHAT)


def _photo(image: str | Path | np.ndarray) -> np.ndarray:
    if isinstance(image, (str, Path)):
        return load_photo(image)
    photo = np.asarray(image)
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or 0 in photo.shape:
        raise ValueError(
            f"The photo has shape {photo.shape} and type {photo.dtype}; give a file, or (height, width, 3) uint8 RGB."
        )
    if photo.shape[0] * photo.shape[1] > MAX_PIXELS:
        raise ValueError(f"The photo is {photo.shape[1]}x{photo.shape[0]}, above {MAX_PIXELS:,} pixels; scale it down.")
    return photo


def _key(photo: np.ndarray, name: str, revision: str | None, stamp: str, rule: MergeRule) -> str:
    text = f"{photo.shape}|{name}|{revision}|{stamp}|{sorted(asdict(rule).items())}"
    return hashlib.sha256(text.encode() + np.ascontiguousarray(photo).tobytes()).hexdigest()[:32]


def _checked_stamp(folder: Path) -> str:
    check_folder(folder)
    return _stamp(folder)


def _stamp(folder: Path) -> str:
    """Changes when a file of the folder is replaced, so that neither cache outlives the model."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


@lru_cache(maxsize=2)
def _load(name: str, revision: str | None, device: str, stamp: str, dtype: str = "float32") -> Segmenter:
    local = Path(name).is_dir()
    with loading(name, WHAT, WITHOUT):
        import torch
        from transformers import AutoConfig, AutoImageProcessor, AutoModelForUniversalSegmentation

        with quiet("transformers", bars=not local):
            config = AutoConfig.from_pretrained(name, revision=revision)
            if config.model_type not in FAMILIES:
                raise ValueError(f"it is of the type '{config.model_type}'; give one of {', '.join(FAMILIES)}")
            processor = AutoImageProcessor.from_pretrained(name, revision=revision)
            network, report = AutoModelForUniversalSegmentation.from_pretrained(
                name, revision=revision, use_safetensors=True, dtype=getattr(torch, dtype), output_loading_info=True
            )
        check_complete(report)
        check_finite(network)
        names = _names(config)
        network = network.eval().to(torch.device(device))
    return Segmenter(name, processor, network, names, _kinds(config, names))


def _names(config: Any) -> dict[int, str]:
    names = {int(key): str(name) for key, name in (config.id2label or {}).items()}
    if all(name == f"LABEL_{key}" for key, name in names.items()):
        raise ValueError("its config.json names no class (id2label), and layers need names")
    return names


def _kinds(config: Any, names: dict[int, str]) -> Callable[[str], bool]:
    """The model's own list of things (``thing_ids`` in its config) where it has one, else the rule by name."""
    things = getattr(config, "thing_ids", None)
    if things is None:
        return is_thing
    known = {names[int(key)] for key in things if int(key) in names}
    return known.__contains__


def _queries(output: Any) -> tuple[Any, Any]:
    """``(n, Q, C + 1)`` class logits and ``(n, Q, h, w)`` mask logits; DETR has its own words for them."""
    if getattr(output, "class_queries_logits", None) is not None:
        return output.class_queries_logits, output.masks_queries_logits
    return output.logits, output.pred_masks


def _without_padding(masks: np.ndarray, pixel_mask: Any) -> np.ndarray:
    """Masks (Q, h, w) of the picture itself: processors may pad it at its right and lower edge.

    pixel_mask: (H, W), 1 where the picture is, or None.
    """
    if pixel_mask is None:
        return masks
    held = pixel_mask.cpu().numpy().astype(bool)
    rows, cols = int(held.any(axis=1).sum()), int(held.any(axis=0).sum())
    height = max(1, round(masks.shape[1] * rows / held.shape[0]))
    width = max(1, round(masks.shape[2] * cols / held.shape[1]))
    return masks[:, :height, :width]
