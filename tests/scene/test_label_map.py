"""Label maps read as runs: regions of any kind, and what is too much is told before it is made."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import sizes

from smartmask import Scene
from smartmask.geometry import mask_box
from smartmask.io.checks import MAX_LAYERS, MAX_WINDOWS
from smartmask.scene import label_map
from smartmask.scene.label_map import panoptic_ids, regions_of

ids = st.sampled_from([0, 1, 2, 255, 70_000, -3])


@given(sizes.flatmap(lambda size: hnp.arrays(np.int32, size, elements=ids)), st.integers(1, 40))
def test_regions(labels: np.ndarray, band: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_map, "_BAND", band)  # so that bands end anywhere
        found = regions_of(labels)
    assert list(found) == np.unique(labels).tolist()
    for region, (area, box) in found.items():
        assert area == np.count_nonzero(labels == region)
        assert box == mask_box(labels == region)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))))
def test_ids_of_a_panoptic_picture(pixels: np.ndarray) -> None:
    assert panoptic_ids(pixels).tolist() == (pixels.astype(int) @ [1, 256, 65536]).tolist()


def test_as_many_ids_as_pixels_are_refused_at_once() -> None:
    labels = np.arange(100_000).reshape(250, 400)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=f"100,000 regions; at most {MAX_LAYERS:,} layers"):
        Scene.from_label_map(labels, {i: f"thing {i}" for i in range(labels.size)})
    assert time.perf_counter() - start < 30


def test_instances_count_as_layers() -> None:
    dots = np.zeros((200, 200), dtype=np.uint8)
    dots[::2, ::2] = 1
    with pytest.raises(ValueError, match="split into instances, has 10,000 regions"):
        Scene.from_label_map(dots, {1: "dog"}, split_instances=True)


def test_scattered_regions_are_bounded_together() -> None:
    """1,500 ids, each at the top and at the bottom: their boxes are half of the map."""
    labels = np.zeros((2000, 2000), dtype=np.int32)
    labels[0, :1500] = labels[-1, 1499::-1] = np.arange(1, 1501)
    with pytest.raises(ValueError, match=f"hold .* pixels together, more than {MAX_WINDOWS:,}; scale it down"):
        Scene.from_label_map(labels, {i: "dog" for i in range(1, 1501)})


@pytest.mark.slow
def test_a_label_map_of_48_megapixels() -> None:
    """The map itself is 48 MB; reading it may not take more than twice as much again."""
    script = """
import sys
import numpy as np
from smartmask import Scene
labels = np.repeat(np.repeat(np.arange(1, 61, dtype=np.uint8).reshape(6, 10), 1000, 0), 800, 1)
before = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
scene = Scene.from_label_map(labels, {i: f"thing {i}" for i in range(1, 61)})
assert len(scene.layers) == 60 and scene.layers[0].window.area == 800_000
sys.exit(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) - before > 100_000)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
