"""Pictures with texts in tar shards."""

from __future__ import annotations

import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from set_writers import CAR, filled, jpeg, shard, shards

from smartmask.data.discover import discover
from smartmask.data.registry import jobs, read
from smartmask.image.files import load_photo


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_pictures_captions_segments_and_keys(tmp_path: Path, kind: int) -> None:
    root = shards(tmp_path, kind)
    assert discover(root) == [("shards", root)]
    first, second = read("shards", root, load_photos=True)
    assert (first.key, first.name) == ("https://example.org/a.jpg", "00000/000000000")
    assert first.captions == ("A car before a bus é.",), "the text file wins over the JSON"
    assert [layer.name for layer in first.scene.layers] == ["bus", "car"]
    assert first.layer_captions == ("", "a small grey car")
    np.testing.assert_array_equal(first.scene.layers[1].mask, filled(CAR))
    assert first.scene.photo is not None
    assert first.scene.photo.shape == (32, 48, 3)
    assert (second.key, second.captions, second.scene.layers) == ("9", ("A street.",), ()), "COCO's own key"


def test_jobs_go_to_other_processes_and_are_read_again(tmp_path: Path) -> None:
    job = next(jobs("shards", shards(tmp_path)))
    again = pickle.loads(pickle.dumps(job))
    assert again().key == job().key
    picture = job().image
    assert picture is not None
    assert picture.name == "000000000.jpg"
    np.testing.assert_array_equal(load_photo(picture), load_photo(again().image))  # type: ignore[arg-type]


def segment(**more: Any) -> bytes:
    return json.dumps({"segments": [{"name": "car", "segmentation": [[1, 1, 9, 1, 9, 9]]} | more]}).encode()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.txt": b"x"}, "has no picture .* of 'a'"),
        ({"a.jpg": b"no picture"}, r"0\.tar:a\.jpg' is not a picture"),
        ({"a.jpg": b""}, r"a\.jpg'.* not a picture"),
        ({"a.jpg": jpeg(), "a.json": b"[1]"}, r"a\.json' is a JSON list, not an object"),
        ({"a.jpg": jpeg(), "a.json": b"{"}, r"a\.json' is not valid JSON"),
        ({"a.jpg": jpeg(), "a.txt": b"\xff"}, r"a\.txt' is not UTF-8"),
        ({"a.jpg": jpeg(), "a.json": segment(segmentation={"size": [3, 3], "counts": [9]})}, r"has size \[3, 3\]"),
        ({"a.jpg": jpeg(), "a.json": segment(name="\x07")}, "control character"),
        ({"a.jpg": jpeg(), "a.JPG": jpeg()}, "twice in a row"),
    ],
)
def test_bad_samples(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        list(read("shards", shard(tmp_path / "0.tar", members)))
    assert "\n" not in str(caught.value)


def test_a_bad_sample_leaves_the_others(tmp_path: Path) -> None:
    errors: list[ValueError] = []
    file = shard(tmp_path / "0.tar", {"a.jpg": b"x", "b.jpg": jpeg(), "c.jpg": jpeg()})
    assert [r.name for r in read("shards", file, on_error=errors.append)] == ["0/b", "0/c"]
    assert len(errors) == 1


def test_no_shards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no shard \(\*\.tar\)"):
        list(read("shards", tmp_path))
