"""scene.json reads back as it was, and every broken one is told by the place in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as coco
from strategies import scenes

from smartmask import Layer, Scene
from smartmask.geometry import MaskWindow
from smartmask.io.checks import MAX_LAYERS, MAX_WINDOWS
from smartmask.scene.scene_file import load_scene, save_scene, scene_from_dict, scene_to_dict

HISTORY = [{"action": "insert", "name": "dog", "order": 1, "seed": 7, "inpainter": "paste"}]


def two_layers() -> Scene:
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 1:3] = True
    return Scene(3, 4, (Layer("sky", ~mask, thing=False), Layer("dog", mask)), caption="a dog", source="x.png")


@given(scenes())
def test_round_trip(scene: Scene) -> None:
    stored = json.loads(json.dumps(scene_to_dict(scene, HISTORY)))
    again, history = scene_from_dict(stored)
    assert (again.height, again.width, history) == (scene.height, scene.width, HISTORY)
    assert [(layer.name, layer.thing) for layer in again.layers] == [(x.name, x.thing) for x in scene.layers]
    for one, other in zip(again.layers, scene.layers, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
    assert scene_to_dict(again, history) == stored, "a file read and written again stays the same"


def test_files(tmp_path: Path) -> None:
    save_scene(two_layers(), tmp_path / "scene.json", HISTORY)
    scene, history = load_scene(tmp_path / "scene.json")
    assert (scene.caption, scene.source, history) == ("a dog", "x.png", HISTORY)
    assert scene.layers[1].mask.sum() == 2
    assert not scene.layers[0].thing


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("format", value="other"), "'other' at format; it must be 'smartmask-scene'"),
        (put("version", value=2), "2 at version; it must be 1"),
        (put("version", value=True), "True at version"),
        (put("width", value="4"), "'4' at width; it must be a whole number"),
        (put("width", value=0), "is 0x3; it must have 1 to"),
        (put("height", value=10**9), "4x1000000000"),
        (put("layers", value={}), "{} at layers; it must be a list"),
        (put("layers", 0, value=3), "3 at layers[0]; it must be an object"),
        (put("layers", 1, "name", value=None), "None at layers[1].name; it must be a text"),
        (put("layers", 1, "thing", value=1), "1 at layers[1].thing; it must be true or false"),
        (put("layers", 1, "mask", value="x"), "'x' at layers[1].mask; it must be an object"),
        (put("layers", 1, "mask", "size", value=[4, 3]), "[4, 3] at layers[1].mask.size; it must be [3, 4]"),
        (put("layers", 1, "mask", "counts", value="1"), "'1' at layers[1].mask.counts; it must be a run-length code"),
        (put("layers", 1, "mask", "counts", value="\u00e9"), "layers[1].mask.counts"),
        (put("layers", 1, "mask", "counts", value="PPPPPPPPPPPPPPPP0"), "layers[1].mask.counts"),
        (put("caption", value=3), "3 at caption; it must be a text"),
        (put("history", value=[{"name": "dog"}]), "nothing at history[0].action; it must be a text"),
        (put("history", value=[{"action": "insert", "name": "dog", "seed": 1.5}]), "1.5 at history[0].seed"),
    ],
)
def test_broken_files_name_the_place(tmp_path: Path, change: Callable[[Any], None], says: str) -> None:
    data = scene_to_dict(two_layers(), HISTORY)
    change(data)
    (tmp_path / "scene.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"\.$") as error:
        load_scene(tmp_path / "scene.json")
    assert str(error.value).startswith(f"The scene '{tmp_path / 'scene.json'}' ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[", "[]", "null", '{"format": 1, "format": 2}'])
def test_other_contents(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"The scene '.*a\.json'"):
        load_scene(tmp_path / "a.json")


def full(width: int, height: int) -> str:
    """The run lengths of a mask that is true everywhere."""
    return str(
        coco.frPyObjects({"size": [height, width], "counts": [0, width * height]}, height, width)["counts"], "ascii"
    )


def many(count: int, width: int, height: int) -> dict[str, Any]:
    mask = {"size": [height, width], "counts": full(width, height)}
    layers = [{"name": "dog", "thing": True, "mask": mask}] * count
    return scene_to_dict(Scene.empty(1, 1)) | {"width": width, "height": height, "layers": layers}


def test_too_many_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=f"^The scene has 96,000 regions; at most {MAX_LAYERS:,} layers are read"):
        scene_from_dict(many(96_000, 4, 3))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read by Linux's means")
def test_60_layers_of_100_megapixels_are_refused_in_a_sentence(tmp_path: Path) -> None:
    """A small file that means 6 GB of pixels: told within the memory of what is allowed."""
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(many(60, 10_000, 10_000)))
    script = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2_500_000_000,) * 2)
from smartmask.scene.scene_file import load_scene
try:
    load_scene({str(path)!r})
except ValueError as error:
    print(error)
# not ru_maxrss, into which Linux counts the process that started this one
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    said, peak = done.stdout.strip().splitlines()
    assert f"hold more than {MAX_WINDOWS:,} pixels together (21 of them, 10000x10000)" in said
    assert int(peak) < 1_200_000, "kilobytes"


def test_60_layers_with_small_masks_in_100_megapixels_are_read() -> None:
    side = np.ones((50, 50), dtype=bool)
    windows = [MaskWindow.within((10_000, 10_000), 100 * i, 50 * i, side) for i in range(60)]
    scene = Scene(10_000, 10_000, tuple(Layer("dog", window) for window in windows))
    again, _ = scene_from_dict(scene_to_dict(scene))
    assert [layer.window.box for layer in again.layers] == [window.box for window in windows]
    assert sum(layer.window.area for layer in again.layers) == 60 * 2500
