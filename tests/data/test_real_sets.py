"""The readers on real files; skipped where the data sets are absent (SMARTMASK_DATA names their folder)."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from smartmask.data.discover import discover, read_all
from smartmask.data.pack import Pack, write_pack
from smartmask.data.registry import read
from smartmask.data.splits import split_of
from smartmask.geometry import rle_decode
from smartmask.image.files import load_photo


def folder(root: Path, name: str) -> Path:
    if not (root / name).is_dir():
        pytest.skip(f"no {name} under {root}")
    return root / name


def test_coco_counts(data_root: Path) -> None:
    coco = folder(data_root, "coco")
    instances = list(read("coco_instances", coco))
    assert len(instances) == 446
    assert sum(len(r.scene.layers) for r in instances) == 3806 - 39  # all but the crowds
    assert sum(bool(r.captions) for r in instances) == 276
    panoptic = list(read("coco_panoptic", coco))
    assert len(panoptic) == 165
    assert sum(bool(r.captions) for r in panoptic) == 84
    assert all(r.image is not None for r in instances + panoptic)
    assert len({r.key for r in instances + panoptic}) == 526


def test_coco_masks_match_photos_and_areas(data_root: Path) -> None:
    coco = folder(data_root, "coco")
    for record in islice(read("coco_instances", coco, load_photos=True), 20):
        assert record.scene.photo is not None
        assert record.image is not None
        np.testing.assert_array_equal(record.scene.photo, load_photo(record.image))
    for record in islice(read("coco_panoptic", coco), 20):
        total = sum(int(layer.mask.sum()) for layer in record.scene.layers)
        assert total == np.count_nonzero(record.scene.top() >= 0)  # panoptic layers never overlap


def test_cocoa_agrees_with_its_own_visible_masks(data_root: Path) -> None:
    import json

    root = folder(data_root, "cocoa")
    checked = 0
    for file, record in zip(sorted(root.glob("*.json")), read("cocoa", root), strict=True):
        regions = sorted(json.loads(file.read_text())["regions"], key=lambda r: -r["order"])
        assert len(regions) == len(record.scene.layers)
        for index, region in enumerate(regions):
            if "visible_mask" in region:
                np.testing.assert_array_equal(record.scene.visible(index), rle_decode(region["visible_mask"]))
                checked += 1
        assert not record.modal
    assert checked == 24
    assert [split_of(r.key) for r in read("cocoa", root)].count("test") == 0


@pytest.mark.parametrize(
    ("format", "pictures", "keys"),
    [("camvid", 468, 3), ("pennfudan", 134, 134), ("lalonde_efros", 1819, 1819), ("shapes", 1783, 1783)],
)
def test_small_sets(data_root: Path, format: str, pictures: int, keys: int) -> None:
    records = list(read(format, folder(data_root, format)))
    assert len(records) == len({r.name for r in records}) == pictures
    assert len({r.key for r in records}) == keys
    assert all(r.scene.layers for r in records)
    assert all(layer.name == layer.name.strip().lower() for r in records for layer in r.scene.layers)


def test_voc_and_idd(data_root: Path) -> None:
    voc = list(islice(read("voc", folder(data_root, "voc")), 300))
    share = np.mean([record.scene.layers[0].mask.mean() for record in voc if record.scene.layers])
    assert 0.05 < share < 0.5
    idd = list(islice(read("idd_lite", folder(data_root, "idd_lite")), 50))
    assert np.mean([np.mean(record.scene.top() < 0) for record in idd]) < 0.05
    assert all(record.image is not None for record in idd)


def test_shapes_have_their_listed_names(data_root: Path) -> None:
    root = folder(data_root, "shapes")
    with (root / "names.csv").open(encoding="utf-8", newline="") as stream:
        names = [row["name"] for row in csv.DictReader(stream)]
    assert [record.scene.layers[0].name for record in read("shapes", root)] == names


@pytest.mark.slow
def test_everything_packs_under_25_mib(data_root: Path, tmp_path: Path) -> None:
    sources = discover(data_root)
    report = write_pack(read_all(sources), tmp_path / "p.parquet")
    assert report.size < 25 * 2**20
    pack = Pack(tmp_path / "p.parquet")
    coco = [key for key, source in zip(pack.meta.keys, pack.meta.sources, strict=True) if source.startswith("coco")]
    assert len(coco) == len(set(coco))
    originals = read_all([source for source in sources if source[0] == "cocoa"])
    for index, original in enumerate(originals):
        assert pack[index].key == original.key
        assert [layer.name for layer in pack[index].scene.layers] == [layer.name for layer in original.scene.layers]
