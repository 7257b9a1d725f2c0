"""Targets: whole folders, one file of which an input changes: data sets, packs, weights, memories of the user's own.

An input is two bytes that say which folder and which of its files, then the file's content; of a file too large for
that, changes of it (``patched``).
"""

from __future__ import annotations

import json
import random
import shutil
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import set_writers
from PIL import Image
from telling import fault_of_sentence
from tiny_exemplar import tiny_model

from fuzz.mutate import mutate_bytes, mutate_json, mutate_png, mutate_safetensors, mutate_text
from fuzz.scenes import HEIGHT, WIDTH, a_scene
from fuzz.target import LARGEST, Target
from smartmask import Box, SmartMaskPipeline
from smartmask.data.pack import write_pack
from smartmask.data.record import Record
from smartmask.data.registry import FORMATS, read
from smartmask.geometry import rle_encode
from smartmask.io.integrity import SUMS
from smartmask.io.package import BUNDLED_PLANNER
from smartmask.masks.exemplar.memory import join, write_memory
from smartmask.masks.exemplar.own import own_sets, read_own
from smartmask.plan.language.phrases import parse
from smartmask.plan.layouts.stuff import load_field
from smartmask.plan.planners.interface import PlanState
from smartmask.plan.planners.learned import LearnedPlanner
from smartmask.text.labels import bundled_encoder

MUTATIONS = {".json": mutate_json, ".png": mutate_png, ".safetensors": mutate_safetensors, ".csv": mutate_text}
CHANGE = struct.Struct("<IBBH")  # where, how, by what, how often


@dataclass(frozen=True)
class Tree:
    """A folder of files by their relative names, and what reads it."""

    files: dict[str, bytes]
    read: Callable[[Path], object]

    def names(self) -> list[str]:
        return sorted(self.files)


def seeds_of(trees: Sequence[Tree]) -> list[bytes]:
    return [
        bytes((number, place)) + (tree.files[name] if len(tree.files[name]) < LARGEST - 2 else b"")
        for number, tree in enumerate(trees)
        for place, name in enumerate(tree.names())
    ]


def mutation_of(trees: Callable[[], Sequence[Tree]]) -> Callable[[bytes, random.Random], bytes]:
    """Keeps the two bytes mostly, and changes the content as its kind of file wants it."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        if len(data) < 2 or rng.random() < 0.02:
            return mutate_bytes(data, rng)
        tree = trees()[data[0] % len(trees())]
        name = tree.names()[data[1] % len(tree.files)]
        if len(tree.files[name]) >= LARGEST - 2:
            return data[:2] + mutate_bytes(data[2:] or bytes(CHANGE.size * 3), rng)
        return data[:2] + MUTATIONS.get(Path(name).suffix, mutate_bytes)(data[2:], rng)

    return mutate


def reader_of(trees: Callable[[], Sequence[Tree]]) -> Callable[[bytes, Path], None]:
    """Lays the folder and reads it."""

    def run(data: bytes, folder: Path) -> None:
        if len(data) < 2:
            return
        number = data[0] % len(trees())
        tree = trees()[number]
        name = tree.names()[data[1] % len(tree.files)]
        root = folder / str(number)
        if not root.exists():
            _lay(tree, root)
        content = tree.files[name]
        (root / name).write_bytes(data[2:] if len(content) < LARGEST - 2 else patched(content, data[2:]))
        try:
            tree.read(root)
        finally:
            (root / name).write_bytes(content)

    return run


def _lay(tree: Tree, root: Path) -> None:
    for name, content in tree.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def patched(content: bytes, changes: bytes) -> bytes:
    """A file with changes of CHANGE: bytes set, bits turned, the end missing, a stretch doubled."""
    out = bytearray(content)
    for at in range(0, len(changes) - CHANGE.size + 1, CHANGE.size):
        where, how, what, count = CHANGE.unpack_from(changes, at)
        where %= max(len(out), 1)
        count = count % 64 + 1
        if how % 8 <= 2:
            out[where : where + count] = bytes([what]) * len(out[where : where + count])
        elif how % 8 <= 4 and where < len(out):
            out[where] ^= 1 << what % 8
        elif how % 8 == 5:
            where %= 4096  # in the header
            out[where : where + 1] = bytes([what])
        elif how % 8 == 6 and what > 200:
            del out[where:]
    return bytes(out)


def tree_of(write: Callable[[Path], object], read: Callable[[Path], object]) -> Tree:
    """The files that a function writes into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "made"
        root.mkdir()
        write(root)
        return Tree({str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}, read)


# --- data sets -----------------------------------------------------------------------------------------


def _png(root: Path, name: str, labels: np.ndarray) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(root / name)


def _json(root: Path, name: str, value: Any) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(value))


def _labels(of: int = 1, rest: int = 0) -> np.ndarray:
    labels = np.full((HEIGHT, WIDTH), rest, np.uint8)
    labels[3:9, 4:11] = of
    return labels


POLYGON = [1.0, 1.0, 9.0, 1.0, 9.0, 8.0, 2.5, 7.25]
IMAGE = {"id": 9, "file_name": "000000000009.jpg", "height": HEIGHT, "width": WIDTH, "source": "9"}


def _instances(root: Path, name: str = "instances.json") -> None:
    codes = rle_encode(a_scene().layers[1].mask)
    annotations = [
        {"id": 1, "image_id": 9, "category_id": 18, "segmentation": [POLYGON], "iscrowd": 0, "bbox": [0, 0, 1, 1]},
        {"id": 2, "image_id": 9, "category_id": 1, "segmentation": codes, "iscrowd": 0},
        {"id": 3, "image_id": 9, "category_id": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [90, 9, 93]},
         "iscrowd": 1},
    ]  # fmt: skip
    categories = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]
    _json(root, name, {"images": [IMAGE], "annotations": annotations, "categories": categories})


def _captioned(root: Path) -> None:
    _instances(root)
    _json(root, "captions.json", {"annotations": [{"image_id": 9, "id": 1, "caption": "A dog."}]})


def _panoptic(root: Path) -> None:
    rgb, segments, categories = a_scene().to_panoptic()
    _png(root, "panoptic/000000000009.png", rgb)
    annotations = [{"image_id": 9, "file_name": "000000000009.png", "segments_info": segments}]
    _json(root, "panoptic.json", {"images": [IMAGE], "annotations": annotations, "categories": categories})


def _cocoa(root: Path) -> None:
    seen = rle_encode(a_scene().layers[1].mask)
    regions = [{"name": "dog ", "order": 1, "segmentation": POLYGON, "isStuff": 0},
               {"name": "bench", "order": 3, "segmentation": POLYGON, "isStuff": 0, "visible_mask": seen}]  # fmt: skip
    url = "https://example.org/COCO_val2014_000000000009.jpg"
    _json(root, "1.json", {"url": url, "image_id": 9, "regions": regions})
    _json(root, "2.json", {"images": [IMAGE], "annotations": [{"image_id": 9, "regions": regions[:1]}]})


def _semantic(root: Path) -> None:
    _png(root, "labels/a.png", _labels(7, 2))
    _json(root, "names.json", {"2": {"name": "counter", "thing": True}, "7": "dog"})


def _shapes(root: Path) -> None:
    _png(root, "a.png", _labels(255))
    (root / "names.csv").write_text("file,name\na.png,Dog\n")


def _regions(root: Path) -> None:
    _png(root, "masks/a.png", _labels(255))
    (root / "objects.csv").write_text("id,name\na,carSide az30deg\n")


def _pack(root: Path) -> None:
    records = [Record(str(number), "voc", a_scene(), ("a dog",), name=f"n{number}") for number in range(3)]
    write_pack(records, root / "a.parquet")


SETS: dict[str, Callable[[Path], object]] = {
    "coco_instances": _captioned, "coco_panoptic": _panoptic, "cocoa": _cocoa, "semantic": _semantic,
    "objects": lambda root: _instances(root, "facades.json"), "shapes": _shapes, "lalonde_efros": _regions,
    "pack": _pack,
    "voc": lambda root: _png(root, "SegmentationClass/2007_000032.png", _labels(12)),
    "pennfudan": lambda root: _png(root, "instance_masks/a_mask.png", _labels(1)),
    "idd_lite": lambda root: _png(root, "gtFine/train/156/1_label.png", _labels(3)),
    "camvid": lambda root: _png(root, "train/labels/0001TP_006690.png", _labels(9)),
    **{write.__name__: write for write in (
        set_writers.ade20k, set_writers.scene_parse150, set_writers.cocoa_cls, set_writers.kins, set_writers.lvis,
        set_writers.open_images, set_writers.cityscapes, set_writers.shards,
    )},
}  # fmt: skip


@cache
def sets() -> tuple[Tree, ...]:
    assert set(SETS) == set(FORMATS), "each format has a small set here"

    def reading(name: str) -> Callable[[Path], object]:
        at = "a.parquet" if name == "pack" else "."
        return lambda root: [record.scene.top() for record in read(name, root / at, load_photos=True)]

    return tuple(tree_of(write, reading(name)) for name, write in SETS.items())


# --- weights ---------------------------------------------------------------------------------------------


def _draw(root: Path) -> None:
    pipeline = SmartMaskPipeline.from_pretrained(root)
    found = pipeline(a_scene(), "a sitting dog", guidance=Box(2, 2, 12, 11), num_masks=2, generator=3)
    assert np.isfinite(found.scores).all()
    assert found.masks.any(axis=(1, 2)).all(), "an empty mask"
    pipeline(a_scene(), "cup", num_masks=2, generator=3)


def _planner_weights(root: Path) -> None:
    for name in ("next", "stuff"):
        shutil.copytree(BUNDLED_PLANNER / name, root / name)


def _plan(root: Path) -> None:
    encoder = bundled_encoder()
    state = PlanState(a_scene(), parse("a dog on the bench", encoder), ())
    LearnedPlanner.from_pretrained(encoder, root, ideas=2).propose(state)
    vectors = np.stack([encoder.encode(name) for name in ("sky", "grass")])
    logits = load_field(root).draw(vectors, 12, 16, 5)
    assert np.isfinite(logits).all()


@cache
def weights() -> tuple[Tree, ...]:
    model = tiny_model_once()
    trees = (
        tree_of(lambda root: SmartMaskPipeline(model).save_pretrained(root / "w"), lambda root: _draw(root / "w")),
        tree_of(_planner_weights, _plan),
    )
    return (*trees, *map(_without_sums, trees))


def _without_sums(tree: Tree) -> Tree:
    """The folder as older versions saved it, without checksums: what is damaged is found by what reads it."""
    files = dict(tree.files)
    for name in tree.files:
        if name.endswith(".json"):
            record = json.loads(files[name])
            files[name] = json.dumps({key: value for key, value in record.items() if key != SUMS}).encode()
    return Tree(files, tree.read)


@cache
def memories() -> tuple[Tree, ...]:
    model = tiny_model_once()
    few = model.memory.select(np.arange(3))
    return (tree_of(lambda root: (root / "mine.safetensors").write_bytes(write_memory(few)), _remembered),)


def _remembered(root: Path) -> None:
    """The user's own outlines: listed, and joined with others for a call."""
    for one in own_sets(root):
        assert one.damaged is None or fault_of_sentence(one.damaged) is None, one.damaged
    model = tiny_model_once()
    join([model.memory, *read_own(root, model.chooser)])


@cache
def tiny_model_once() -> Any:
    return tiny_model()


TARGETS = (
    Target("data-sets", reader_of(sets), lambda: seeds_of(sets()), mutation_of(sets), 0.05),
    Target("weights", reader_of(weights), lambda: seeds_of(weights()), mutation_of(weights), 0.01),
    Target("own-memory", reader_of(memories), lambda: seeds_of(memories()), mutation_of(memories), 0.03),
)
