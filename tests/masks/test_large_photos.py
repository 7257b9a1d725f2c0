"""What a whole command takes of memory on large photos: a bound, generous to other machines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MOST = 800  # megabytes of the whole process at its peak
WATCHED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "smartmask", *sys.argv[1:]], capture_output=True, text=True)
print(done.stderr[-500:], file=sys.stderr)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are counted in kilobytes on Linux")
@pytest.mark.parametrize(("width", "height", "count"), [(8000, 6000, 8), (4000, 3000, 128)])
def test_masks_of_a_large_photo(tmp_path: Path, width: int, height: int, count: int) -> None:
    rows, columns = np.ogrid[:height, :width]
    photo = np.empty((height, width, 3), dtype=np.uint8)
    photo[..., 0], photo[..., 1], photo[..., 2] = rows * 255 // height, columns * 255 // width, 90
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    labels = np.full((height, width), 1, dtype=np.uint8)
    labels[height // 2 :] = 2
    labels[height // 2 : height * 3 // 4, width // 8 : width // 4] = 3
    Image.fromarray(labels).save(tmp_path / "layout.png")
    (tmp_path / "names.json").write_text(json.dumps({"1": "sky", "2": "grass", "3": "person"}))
    box = ",".join(str(value) for value in (width // 4, height // 4, width // 2, height * 7 // 8))
    asked = [
        "masks", "photo.jpg", "--layout", "layout.png", "--names", "names.json", "--object", "dog", "--box", box,
        "-n", str(count), "--out", "out",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    code, peak = map(int, done.stdout.split())
    assert code == 0, done.stderr
    assert peak < MOST
    assert len(list((tmp_path / "out").glob("mask_*.png"))) == count
