"""Targets: scene files, label map names, COCO's JSON, run lengths, guides, objects, edits of a scene."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.mutate import mutate_json, mutate_text
from fuzz.target import Target
from smartmask import Box, MaskGuide, Polygon, Scene, Scribble
from smartmask.geometry import rle_decode, rle_encode
from smartmask.guides.compile import Compiled
from smartmask.guides.parse import read_guides
from smartmask.guides.table import as_guides, guide_from_json
from smartmask.insertion.objects import InsertTexts, read_region
from smartmask.scene import edit
from smartmask.scene.coco import crop_of, mask_of
from smartmask.scene.read import read_names, read_panoptic
from smartmask.scene.scene_file import load_scene, save_scene, scene_to_dict

HEIGHT, WIDTH = 12, 16


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def written(data: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def value_of(data: bytes) -> Any:
    """The JSON value of an input; None where the mutation has made none, which is tried elsewhere."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


@cache
def a_scene() -> Scene:
    """Sky, grass, a dog before a bench; the cup is hidden."""
    half = np.arange(HEIGHT)[:, None] < HEIGHT // 2
    scene = Scene.empty(HEIGHT, WIDTH).insert(np.broadcast_to(half, (HEIGHT, WIDTH)).copy(), "sky", thing=False)
    for name, (x0, y0, x1, y1) in {"bench": (2, 4, 12, 9), "cup": (3, 5, 5, 7), "dog": (3, 3, 8, 10)}.items():
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[y0:y1, x0:x1] = True
        scene = scene.insert(mask, name)
    return scene


HISTORY = [{"action": "insert", "name": "dog", "order": 3, "seed": 5, "inpainter": "paste"}]


def scene_seeds() -> list[bytes]:
    return [dumped(scene_to_dict(a_scene(), HISTORY)), dumped(scene_to_dict(Scene.empty(3, 4)))]


def read_scene_file(data: bytes, folder: Path) -> None:
    scene, _ = load_scene(written(data, folder, "scene.json"))
    scene.to_label_map()


def read_names_file(data: bytes, folder: Path) -> None:
    names = read_names(written(data, folder, "names.json"))
    Scene.from_label_map(np.array([[0, 1], [1, 255]]), names)


def panoptic_seeds() -> list[bytes]:
    _, segments, categories = a_scene().to_panoptic()
    images = [{"id": 7, "file_name": "photo.jpg"}]
    annotations = [{"image_id": 7, "file_name": "layout.png", "segments_info": segments}]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    return [dumped(whole), dumped(annotations[0]), dumped(segments), dumped([{"id": 3, "category_id": 18}])]


def read_panoptic_file(data: bytes, folder: Path) -> None:
    path = written(data, folder, "panoptic.json")
    segments, categories = read_panoptic(path, Path("layout.png"), Path("photo.jpg"))
    Scene.from_panoptic(a_scene().to_panoptic()[0], segments, categories)


def coco_seeds() -> list[bytes]:
    codes = rle_encode(a_scene().layers[1].mask)
    counts = {"size": [3, 4], "counts": [2, 5, 5]}
    polygon = [1.0, 1.0, 9.0, 1.0, 9.0, 8.0, 2.5, 7.25]
    return [dumped(value) for value in (codes, counts, [polygon], [polygon, [0, 0, 3, 0, 3, 3]], polygon)]


def read_segmentation(data: bytes, folder: Path) -> None:
    value = value_of(data)
    size = value.get("size") if isinstance(value, dict) else None
    height, width = (3, 4) if size == [3, 4] else (HEIGHT, WIDTH)
    mask_of(value, height, width, Path("instances.json"), "annotation 3")
    crop_of(value, height, width, Path("instances.json"), "annotation 3")


def run_length_seeds() -> list[bytes]:
    return [*coco_seeds()[:2], rle_encode(a_scene().layers[1].mask)["counts"].encode()]


def read_run_lengths(data: bytes, folder: Path) -> None:
    """Counts of every kind, without any other check before them."""
    value = value_of(data)
    if isinstance(value, dict) and isinstance(value.get("counts"), (str, list)):
        rle_decode({"size": [HEIGHT, WIDTH], "counts": value["counts"]})
    rle_decode({"size": [HEIGHT, WIDTH], "counts": data})


# --- guides ------------------------------------------------------------------------------------------

TEXTS = {
    "box": ("1,2,9,8.5", "-5,-5,30,30"), "point": ("3,4",), "blob": ("5,6,2,1.5",),
    "scribble": ("1,1;5,6;9,2", "1,1;5,6|9,2"), "polygon": ("1,1;9,1;5,8", "0,0;9,0;9,9|2,2;4,2;4,4"),
}  # fmt: skip


def guide_text_seeds() -> list[bytes]:
    return [f"{kind} {text}".encode() for kind, texts in TEXTS.items() for text in texts]


def read_guide_text(data: bytes, folder: Path) -> None:
    kind, _, text = data.decode("utf-8", "replace").partition(" ")
    kind = kind if kind in TEXTS else "box"
    guides = read_guides({kind: [text]}, (HEIGHT, WIDTH))
    Compiled.of(guides, guides, HEIGHT, WIDTH)
    read_region(text, (HEIGHT, WIDTH))


def guide_json_seeds() -> list[bytes]:
    guides = [read_guides({kind: [text]}, (HEIGHT, WIDTH))[0] for kind, texts in TEXTS.items() for text in texts]
    guides += [MaskGuide(a_scene().layers[3].mask), Scribble([(1, 1), (5, 5)], 3), Polygon([(1, 1), (8, 1), (4, 7)])]
    return [dumped([guide.to_json()]) for guide in guides] + [dumped([Box(1, 1, 5, 5).to_json(), guides[1].to_json()])]


def read_guide_json(data: bytes, folder: Path) -> None:
    value = value_of(data)
    values = value if isinstance(value, list) else [value]
    guides = as_guides([guide_from_json(one) for one in values], HEIGHT, WIDTH)
    Compiled.of(guides, guides[:1], HEIGHT, WIDTH)
    for guide in guides:
        guide.describe()


def objects_seeds() -> list[bytes]:
    return [
        dumped([{"object": "dog", "box": [1, 2, 9, 8], "order": 1, "seed": 7, "context": "a dog"}]),
        dumped(
            [{"object": "cat", "scribble": [[1, 1], [5, 5]]}, {"object": "dog", "polygon": [[[1, 1], [9, 1], [5, 8]]]}]
        ),
        dumped([{"object": "cup", "point": "3,4"}, {"object": "man", "blob": [5, 5, 2, 2]}]),
    ]


def read_objects_file(data: bytes, folder: Path) -> None:
    path = written(data, folder, "objects.json")
    InsertTexts.of(objects_json=path).requests((HEIGHT, WIDTH), "a sentence")


# --- edits -------------------------------------------------------------------------------------------

EDITS = {"Move": edit.Move, "Scale": edit.Scale, "Remove": edit.Remove, "Reorder": edit.Reorder, "Rename": edit.Rename,
         "Undo": edit.Undo}  # fmt: skip


def edit_seeds() -> list[bytes]:
    return [
        dumped(value)
        for value in (
            ["Move", {"layer": "dog", "by": "3,-2"}], ["Scale", {"layer": "1", "factor": 1.5}],
            ["Remove", {"layer": "sky"}], ["Reorder", {"layer": "dog", "order": 0}],
            ["Rename", {"layer": "dog", "name": "cat"}], ["Undo", {}],
        )
    ]  # fmt: skip


def edit_scene(data: bytes, folder: Path) -> None:
    value = value_of(data)
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict)):
        return
    kind = EDITS[value[0]] if isinstance(value[0], str) and value[0] in EDITS else edit.Move
    path = folder / "edited.json"
    save_scene(a_scene(), path, HISTORY)
    value[1].pop("out", None)
    kind.of(**{**value[1], "scene": path}).run()
    load_scene(path)


TARGETS = (
    Target("scene-file", read_scene_file, scene_seeds, mutate_json),
    Target("names", read_names_file, lambda: [b'{"1": "sky", "2": "dog"}', b'[null, "sky", "dog"]'], mutate_json),
    Target("panoptic", read_panoptic_file, panoptic_seeds, mutate_json),
    Target("segmentation", read_segmentation, coco_seeds, mutate_json),
    Target("run-lengths", read_run_lengths, run_length_seeds),
    Target("guide-text", read_guide_text, guide_text_seeds, mutate_text),
    Target("guide-json", read_guide_json, guide_json_seeds, mutate_json),
    Target("objects-json", read_objects_file, objects_seeds, mutate_json),
    Target("scene-edit", edit_scene, edit_seeds, mutate_json),
)  # fmt: skip
