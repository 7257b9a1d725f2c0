"""How much of anything is accepted from outside: every limit, its default, and the variable that sets another.

A limit is there so that a mistaken or hostile file ends in one sentence instead of an hour or all memory; whoever needs
more sets ``SMARTMASK_MAX_...``. Limits that a format or a paper gives stay with what they limit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "SMARTMASK_MAX_"
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Each field is set by PREFIX and its name in capitals (``SMARTMASK_MAX_PIXELS``); ``mb`` are of 2^20 bytes.

    pixels: of a photo, scene, label map or guide; a photo of the default is 300 MB decoded.
    layers: of a scene file, label map or panoptic map: several times what the fullest annotated photographs hold.
    layer_pixels: of the boxes of all its layers together, which are kept as bits: 250 MB at the default, which 20
    layers as large as the largest picture fill.
    picture_mb: of a picture's file, before it is decoded.
    json_mb, json_values: of a JSON file that a user hands over (names, scenes, panoptic, COCO, lists of objects); the
    values are counted before parsing, since each takes some 60 to 240 bytes of memory: about 1 GB at the default.
    dataset_mb, dataset_values: of the annotation files of data sets, which only training and measuring read.
    shard_mb: of a tar archive of pictures (WebDataset), of which only headers and single files are read.
    json_depth: lists and objects inside each other.
    text_mb: of a text or CSV file.
    table_mb: of a Parquet file; a pack of data may be large.
    weights_mb: of one safetensors file that is read whole. model_mb: of one file of a saved model, such as Stable
    Diffusion's, which its libraries map.
    network_size, network_depth: of one number of a network's config, and of one that counts layers or steps.
    runs: of a mask's run-length code. outline_steps: fifths of a pixel along the outlines of one call to the rasteriser
    of polygons, which keeps each of them in memory.
    name: characters of a name that stands in a file. prompt: characters of a text. masks: in one call.
    steps: of denoising. scale: of guidance. guides: in one call. points: of all its guides together; a minute of
    drawing is some 7,000. guide_sides: of the picture, that a guide may reach beyond its border.
    hub_seconds: until the hub has to answer when a model is fetched.
    """

    pixels: int = 100_000_000
    layers: int = 2000
    layer_pixels: int = 2_000_000_000
    picture_mb: int = 1024
    json_mb: int = 64
    json_values: int = 4_000_000
    dataset_mb: int = 4096
    dataset_values: int = 1_000_000_000
    shard_mb: int = 65_536
    json_depth: int = 64
    text_mb: int = 64
    table_mb: int = 16_384
    weights_mb: int = 4096
    model_mb: int = 65_536
    network_size: int = 65_536
    network_depth: int = 1000
    runs: int = 4_000_000
    outline_steps: int = 20_000_000
    name: int = 1000
    prompt: int = 1000
    masks: int = 1000
    steps: int = 1000
    scale: float = 100.0
    hub_seconds: float = 10.0
    guides: int = 100
    points: int = 20_000
    guide_sides: int = 10


def limits_of(variables: Mapping[str, str]) -> Limits:
    """The limits that environment variables set. Raises ValueError, naming the variable, for what is no limit."""
    kinds = {PREFIX + field.name.upper(): (field.name, field.type) for field in fields(Limits)}
    found: dict[str, int | float] = {}
    for variable, text in variables.items():
        if not variable.startswith(PREFIX) or not text.strip():
            continue
        if variable not in kinds:
            raise ValueError(f"There is no limit {variable}; known are {', '.join(kinds)}.")
        name, kind = kinds[variable]
        try:
            value = float(text) if kind == "float" else int(text.replace("_", ""))
        except ValueError:
            value = 0
        if not (0 < value < 1 << 53 and math.isfinite(value)):
            wish = "a number above 0" if kind == "float" else "a whole number from 1"
            raise ValueError(f"The variable {variable} is {text[:60]!r}; it must be {wish} to 2^53.")
        found[name] = value
    return Limits(**found)  # type: ignore[arg-type]


LIMITS = limits_of(os.environ)
