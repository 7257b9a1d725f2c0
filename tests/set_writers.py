"""Small data sets written byte for byte as they are published: folders, names, encodings, columns and keys.

Every picture is 48 x 32; a car (8, 10)-(30, 26) stands before a bus (20, 4)-(44, 24) unless a writer says otherwise.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smartmask.geometry import rle_encode

# fmt: off
# (records stay as compact as in the files they stand for)

H, W = 32, 48
CAR, BUS = (8, 10, 30, 26), (20, 4, 44, 24)
Box = tuple[int, int, int, int]


def filled(box: Box) -> np.ndarray:
    mask = np.zeros((H, W), dtype=bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return mask


def polygon(box: Box) -> list[float]:
    x0, y0, x1, y1 = map(float, box)
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def photo(path: Path, height: int = H, width: int = W) -> None:
    save(path, np.full((height, width, 3), 90, np.uint8))


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


# --- COCO's family ---------------------------------------------------------------------------------


def coco(root: Path) -> Path:
    """COCO 2017 as published: annotations/ with instances, panoptic and captions of both splits, and the pictures."""
    for split, image_id in (("train2017", 9), ("val2017", 139)):
        image = {"license": 3, "file_name": f"{image_id:012d}.jpg", "height": H, "width": W, "id": image_id,
                 "coco_url": f"http://images.cocodataset.org/{split}/{image_id:012d}.jpg"}
        things = [{"segmentation": [polygon(CAR)], "area": 1.0, "iscrowd": 0, "image_id": image_id,
                   "bbox": [8.0, 10.0, 22.0, 16.0], "category_id": 3, "id": 1},
                  {"segmentation": {"counts": [W * H], "size": [H, W]}, "area": 0, "iscrowd": 1, "image_id": image_id,
                   "bbox": [0, 0, 1, 1], "category_id": 3, "id": 900}]
        categories = [{"supercategory": "vehicle", "id": 3, "name": "car"}]
        write_json(root / f"annotations/instances_{split}.json",
                   {"info": {}, "licenses": [], "images": [image], "annotations": things, "categories": categories})
        ids = np.full((H, W), 256 * 7 + 5)
        ids[filled(CAR)] = 65536 * 2 + 1
        rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
        save(root / f"annotations/panoptic_{split}/{image_id:012d}.png", rgb)
        segments = [{"id": 65536 * 2 + 1, "category_id": 3, "iscrowd": 0, "bbox": [8, 10, 22, 16], "area": 352},
                    {"id": 256 * 7 + 5, "category_id": 187, "iscrowd": 0, "bbox": [0, 0, 48, 32], "area": 1184}]
        write_json(root / f"annotations/panoptic_{split}.json", {
            "info": {}, "images": [image], "categories": [
                {"supercategory": "vehicle", "isthing": 1, "id": 3, "name": "car"},
                {"supercategory": "sky", "isthing": 0, "id": 187, "name": "sky-other-merged"}],
            "annotations": [{"segments_info": segments, "file_name": f"{image_id:012d}.png", "image_id": image_id}]})
        write_json(root / f"annotations/captions_{split}.json", {
            "images": [image], "annotations": [{"image_id": image_id, "id": 7, "caption": "A car  under the sky."}]})
        photo(root / split / f"{image_id:012d}.jpg")
    return root


def lvis(root: Path, **changes: Any) -> Path:
    """lvis_v1_train.json: no file names, categories that are not exhaustive, COCO's pictures in train2017/."""
    image = {"date_captured": "2013-11-14", "neg_category_ids": [1], "id": 9, "license": 3, "height": H, "width": W,
             "flickr_url": "http://farm9.staticflickr.com/1_z.jpg", "not_exhaustive_category_ids": [3],
             "coco_url": "http://images.cocodataset.org/train2017/000000000009.jpg"}
    names = ["aerosol_can", "bow_(weapon)", "car_(automobile)"]
    categories = [{"image_count": 1, "synonyms": [name], "def": "x", "id": number, "synset": f"{name}.n.01",
                   "name": name, "frequency": "c", "instance_count": 1} for number, name in enumerate(names, start=1)]
    annotations = [{"area": 352.0, "id": 1, "segmentation": [polygon(CAR)], "image_id": 9, "bbox": [8, 10, 22, 16],
                    "category_id": 3},
                   {"area": 40.0, "id": 2, "segmentation": [polygon((0, 0, 5, 8))], "image_id": 9,
                    "bbox": [0, 0, 5, 8], "category_id": 2}]
    content = {"info": {"year": 2020}, "annotations": annotations, "images": [image | changes.pop("image", {})],
               "licenses": [], "categories": categories}
    write_json(root / "lvis_v1_train.json", content | changes)
    photo(root / "train2017/000000000009.jpg")
    return root


def cocoa_regions() -> list[dict[str, Any]]:
    car, bus = filled(CAR), filled(BUS)
    return [
        {"segmentation": polygon(CAR), "name": "car ", "area": 352, "isStuff": 0, "occlude_rate": 0, "order": 1},
        {"segmentation": polygon(BUS), "name": "Bus", "area": 480, "isStuff": 0, "occlude_rate": 0.3, "order": 2,
         "visible_mask": rle_encode(bus & ~car), "invisible_mask": rle_encode(bus & car)},
        {"segmentation": polygon((0, 0, 48, 30)), "name": "road", "area": 1440, "isStuff": 1, "occlude_rate": 0.5,
         "order": 3, "visible_mask": rle_encode(filled((0, 0, 48, 30)) & ~car & ~bus)},
    ]


def cocoa(root: Path, **changes: Any) -> Path:
    """COCO_amodal_train2014.json as published, with depth constraints, beside COCO's train2014/."""
    name = "COCO_train2014_000000000009.jpg"
    url = f"https://s3-us-west-1.amazonaws.com/coco-ann/coco-train/{name}"
    annotation = {"author": "ann1", "url": url, "regions": cocoa_regions(), "image_id": 9,
                  "depth_constraint": "1-2,1-3,2-3", "id": 4, "size": 3} | changes
    image = {"license": 1, "file_name": name, "coco_url": url, "height": H, "width": W, "id": 9}
    write_json(root / "annotations/COCO_amodal_train2014.json",
               {"info": {}, "images": [image], "licenses": [], "annotations": [annotation]})
    photo(root / "train2014" / name)
    return root


def cocoa_cls(root: Path) -> Path:
    """COCOA-cls: COCO's form, with amodal and visible masks a thing, and what lies behind it."""
    car, bus = filled(CAR), filled(BUS)
    annotations = [
        {"id": 1, "image_id": 9, "category_id": 3, "iscrowd": 0, "amodal_segm": [polygon(CAR)],
         "visible_segm": [polygon(CAR)], "background_objs_segm": rle_encode(bus & car), "occluder_segm": []},
        {"id": 2, "image_id": 9, "category_id": 6, "iscrowd": 0, "amodal_segm": [polygon(BUS)],
         "visible_segm": rle_encode(bus & ~car), "background_objs_segm": [], "occluder_segm": rle_encode(bus & car)},
    ]
    image = {"id": 9, "file_name": "COCO_train2014_000000000009.jpg", "height": H, "width": W}
    write_json(root / "annotations/COCOA_cls_train2014.json", {
        "images": [image], "annotations": annotations,
        "categories": [{"id": 3, "name": "car"}, {"id": 6, "name": "bus"}]})
    return root


def kins_annotations() -> list[dict[str, Any]]:
    """A car before a bus, and a cyclist by herself; in the file the front stands first, then the back."""
    bus_seen = rle_encode(filled(BUS) & ~filled(CAR))
    rows = [(4, CAR, [polygon(CAR)], 1, 1), (8, BUS, bus_seen, 1, 2), (1, (0, 2, 4, 9), [polygon((0, 2, 4, 9))], 0, 0)]
    return [
        {"id": number, "image_id": 7, "category_id": category, "iscrowd": 0, "a_segm": [polygon(box)], "i_segm": seen,
         "a_bbox": list(box), "i_bbox": list(box), "a_area": 1, "i_area": 1, "oco_id": cluster, "ico_id": rank,
         "segmentation": seen, "bbox": list(box), "area": 1}
        for number, (category, box, seen, cluster, rank) in enumerate(rows)
    ]


def kins(root: Path, name: str = "update_train_2020.json", mapped: bool = False, **changes: Any) -> Path:
    """KINS over KITTI's object pictures; mapped: with KITTI's table of drives."""
    categories = [{"supercategory": "", "id": key, "name": word} for key, word in
                  ((1, "cyclist"), (2, "pedestrian"), (4, "car"), (8, "misc"))]
    image = {"id": 7, "file_name": "000007.png", "height": H, "width": W}
    write_json(root / name, {"images": [image], "annotations": kins_annotations(), "categories": categories} | changes)
    photo(root / "training/image_2/000007.png")
    if mapped:
        (root / "mapping").mkdir(exist_ok=True)
        lines = [f"2011_09_26 2011_09_26_drive_{drive:04d}_sync {frame:010d}" for frame, drive in enumerate([5, 5, 9])]
        (root / "mapping/train_mapping.txt").write_text("\n".join(lines) + "\n")
        (root / "mapping/train_rand.txt").write_text("1,2,1,2,1,2,1,3")
    return root


# --- ADE20K ------------------------------------------------------------------------------------------

ADE = "images/ADE/training/urban/street"
ADE_STEM = "ADE_train_00016869"


def ade_object(number: int, name: str, index: int, box: Box, **more: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {
        "id": number, "name": name, "name_ndx": index, "hypernym": [name], "raw_name": name.split(",")[0],
        "attributes": [], "depth_ordering_rank": number + 1, "occluded": [], "crop": "0",
        "parts": {"hasparts": [], "ispartof": [], "part_level": 0},
        "instance_mask": f"{ADE_STEM}/instance_{number:03d}_{ADE_STEM}.png",
        "polygon": {"x": [x0, x1, x1, x0], "y": [y0, y0, y1, y1], "click_date": []},
        "saved_date": "18-Dec-2005 06:56:48",
    } | more


def ade20k(root: Path, instances: bool = True, latin: bool = False, **changes: Any) -> Path:
    """ADE20K_2021_17_01: class (R / 10 * 256 + G) and instance (B) map, parts, JSON, a PNG an object."""
    car, bus = filled(CAR), filled(BUS)
    wheel = {"hasparts": [], "ispartof": 1, "part_level": 1}
    rim = {"hasparts": [], "ispartof": 3, "part_level": 2}
    objects = [
        ade_object(0, "sky", 2420, (0, 0, W, H), crop="1"),
        ade_object(1, "car, auto, automobile, machine, motorcar", 401, CAR, occluded="no"),
        ade_object(2, "bus, autobus, coach", 319, BUS, occluded="yes"),
        ade_object(3, "wheel", 2978, (10, 20, 14, 26), parts=wheel),
        ade_object(4, "rim", 2115, (11, 22, 13, 24), parts=rim),
    ]
    classes = np.full((H, W), 2420)
    classes[bus] = 319
    classes[car] = 401
    at = np.zeros((H, W), np.uint8)
    at[bus], at[car] = 85, 170
    seg = np.stack([classes // 256 * 10, classes % 256, at], axis=-1).astype(np.uint8)
    folder = root / ADE
    save(folder / f"{ADE_STEM}_seg.png", seg)
    parts = np.zeros((H, W, 3), np.uint8)
    parts[20:26, 10:14] = (2978 // 256 * 10, 2978 % 256, 255)
    save(folder / f"{ADE_STEM}_parts_1.png", parts)
    photo(folder / f"{ADE_STEM}.jpg")
    if instances:
        boxes = [(0, 0, W, H), CAR, BUS, (10, 20, 14, 26), (11, 22, 13, 24)]
        hidden = [car | bus, np.zeros_like(car), bus & car, np.zeros_like(car), np.zeros_like(car)]
        for entry, box, behind in zip(objects, boxes, hidden, strict=True):
            values = np.where(filled(box), np.where(behind, 128, 255), 0).astype(np.uint8)
            save(folder / entry["instance_mask"], values)
    annotation = {"filename": f"{ADE_STEM}.jpg", "folder": f"ADE20K_2021_17_01/{ADE}", "imsize": [H, W, 3],
                  "source": {"origin": "Café"}, "scene": ["outdoor", "street"], "object": objects} | changes
    text = json.dumps({"annotation": annotation}, ensure_ascii=False)
    (folder / f"{ADE_STEM}.json").write_bytes(text.encode("latin-1" if latin else "utf-8"))
    return root


def scene_parse150(root: Path, instances: bool = False) -> Path:
    """ADEChallengeData2016: two cars that touch are one region, unless annotations_instance/ parts them."""
    labels = np.full((H, W), 3, np.uint8)
    labels[10:26, 8:30] = 21
    labels[0:2] = 0
    save(root / f"annotations/training/{ADE_STEM}.png", labels)
    photo(root / f"images/training/{ADE_STEM}.jpg")
    (root / "objectInfo150.txt").write_text(
        "Idx\tRatio\tTrain\tVal\tName\n3\t0.0878\t8816\t845\tsky\n"
        "21\t0.0109\t3070\t325\tcar, auto, automobile, machine, motorcar\n"
    )
    if instances:
        pixels = np.zeros((H, W, 3), np.uint8)
        pixels[10:26, 8:19] = (12, 1, 0)
        pixels[10:26, 19:30] = (12, 2, 0)
        save(root / f"annotations_instance/training/{ADE_STEM}.png", pixels)
    return root


# --- Open Images -------------------------------------------------------------------------------------

OPEN_ID = "0001eeaf4aed83f9"


def open_images(root: Path, mask_scale: int = 2, row: str = "", columns: str = "") -> Path:
    """Open Images V7: masks twice the size of the picture, boxes with what is known of them."""
    masks = [("m0k4j", "4a8f1d3c", CAR), ("m01bjv", "9e0b77aa", BUS)]
    lines = [columns or "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"]
    boxes = [
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    ]
    for label, box_id, (x0, y0, x1, y1) in masks:
        name = f"{OPEN_ID}_{label}_{box_id}.png"
        big = np.kron(filled((x0, y0, x1, y1)), np.ones((mask_scale, mask_scale), bool))
        save(root / "masks" / name, big)
        mid = "/m/" + label[1:]
        place = f"{x0 / W:.6f},{x1 / W:.6f},{y0 / H:.6f},{y1 / H:.6f}"
        lines.append(f"{name},{OPEN_ID},{mid},{box_id},{place},0.90123,0.31 0.52 1;0.4 0.2 0")
        boxes.append(f"{OPEN_ID},xclick,{mid},1,{place},{int(label == 'm01bjv')},0,0,0,0")
    (root / "train-annotations-object-segmentation.csv").write_text("\n".join([*lines, *filter(None, [row])]) + "\n")
    (root / "oidv6-train-annotations-bbox.csv").write_text("\n".join([*boxes, boxes[1].replace(OPEN_ID, "ff")]) + "\n")
    (root / "oidv7-class-descriptions-boxable.csv").write_text('LabelName,DisplayName\n/m/0k4j,Car\n/m/01bjv,"Bus"\n')
    photo(root / f"train/{OPEN_ID}.jpg")
    return root


# --- Cityscapes --------------------------------------------------------------------------------------


def cityscapes(root: Path, objects: list[dict[str, Any]] | None = None) -> Path:
    """gtFine and leftImg8bit: a bus drawn before the car, a group of cars, road, two traffic signs."""
    stem, part = "aachen_000003_000019", "train/aachen"
    drawn: list[tuple[str, int, Box]] = [
        ("road", 7, (0, 0, W, H)), ("ego vehicle", 1, (0, 29, W, H)), ("bus", 28000, BUS), ("car", 26000, CAR),
        ("cargroup", 26, (0, 0, 6, 4)), ("traffic sign", 20, (45, 1, 47, 3)), ("traffic sign", 20, (45, 25, 47, 28)),
    ]
    ids = np.zeros((H, W), np.uint16)
    for _, key, (x0, y0, x1, y1) in drawn:
        ids[y0:y1, x0:x1] = key
    save(root / f"gtFine/{part}/{stem}_gtFine_instanceIds.png", ids)
    save(root / f"gtFine/{part}/{stem}_gtFine_labelIds.png", np.where(ids >= 1000, ids // 1000, ids).astype(np.uint8))
    shapes = [
        {"label": label, "polygon": np.reshape(polygon(box), (-1, 2)).astype(int).tolist()} for label, _, box in drawn
    ]
    deleted = {"label": "car", "deleted": 1, "polygon": [[0, 0], [1, 0], [1, 1]]}
    content = {"imgHeight": H, "imgWidth": W, "objects": [deleted, *shapes] if objects is None else objects}
    write_json(root / f"gtFine/{part}/{stem}_gtFine_polygons.json", content)
    save(root / "gtFine/test/berlin/berlin_000000_000019_gtFine_instanceIds.png", np.ones((H, W), np.uint16))
    photo(root / f"leftImg8bit/{part}/{stem}_leftImg8bit.png")
    return root


# --- shards ------------------------------------------------------------------------------------------


def jpeg(height: int = H, width: int = W) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def shard(path: Path, members: dict[str, bytes], kind: int = tarfile.GNU_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=kind) as archive:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return path


def shards(root: Path, kind: int = tarfile.GNU_FORMAT) -> Path:
    """Two shards as img2dataset writes them: with segments and a caption of each; with a caption alone."""
    about = {"caption": "not this one", "url": "https://example.org/a.jpg", "key": "000000000", "status": "success",
             "error_message": None, "width": W, "height": H, "original_width": 640, "original_height": 480,
             "exif": "{}", "sha256": "ab"}
    segments = [{"name": "car", "segmentation": rle_encode(filled(CAR)), "caption": "a small  grey car"},
                {"name": "bus", "segmentation": [polygon(BUS)], "isthing": 1}]
    first = {"000000000.jpg": jpeg(), "000000000.json": json.dumps(about | {"segments": segments}).encode(),
             "000000000.txt": "A car  before a bus é.\n".encode()}
    second = {"000010000.jpg": jpeg(), "000010000.json": json.dumps(about | {
        "caption": "A street.", "url": "http://images.cocodataset.org/train2017/000000000009.jpg"}).encode()}
    shard(root / "00000.tar", first, kind)
    shard(root / "00001.tar", second, kind)
    return root
