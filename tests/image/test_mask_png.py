"""Masks written as PNG: every reader finds them, white on black."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import masks

from smartmask.geometry import MaskWindow
from smartmask.image import mask_png


@given(masks, st.integers(1, 60))
def test_what_is_read_is_the_mask(mask: np.ndarray, band: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mask_png, "_BAND", band)  # so that bands end anywhere
        data = b"".join(mask_png.mask_png(MaskWindow.of(mask)))
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        np.testing.assert_array_equal(np.asarray(picture), mask * np.uint8(255))


@pytest.mark.filterwarnings("ignore:Image size")
def test_a_large_mask_takes_little_memory(tmp_path: Path) -> None:
    """100 megapixels, half of them true, within the memory that the modules take and some bands."""
    script = f"""
import sys
import numpy as np
from pathlib import Path
from smartmask.geometry import MaskWindow
from smartmask.image.mask_png import save_mask
half = MaskWindow(10_000, 10_000, (0, 0, 5_000, 10_000), np.full((10_000, 625), 255, np.uint8))
before = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
save_mask(half, Path({str(tmp_path / "mask.png")!r}))
sys.exit(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) - before > 50_000)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    with Image.open(tmp_path / "mask.png") as picture:
        assert picture.size == (10_000, 10_000)
        assert picture.getpixel((4_999, 9_999)) == 255
        assert picture.getpixel((5_000, 0)) == 0
