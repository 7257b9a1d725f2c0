"""GIMP and Krita, where they are installed, open layered files and show the picture that we merged."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from layered import a_photo, a_scene, painted

from smartmask.export.openraster import write_openraster
from smartmask.export.psd import write_psd
from smartmask.export.stack import Stack, stack_of
from smartmask.image.photo import Photo, to_8_bit

pytestmark = pytest.mark.slow
KINDS = {"8": (8, 3), "16": (16, 3), "grey": (8, 1), "alpha": (8, 4)}
GIMP = """
(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{file}" "{file}"))) (count (car (gimp-image-get-layers image))))
  (gimp-message (string-append "layers " (number->string count)))
  (gimp-image-merge-visible-layers image CLIP-TO-IMAGE)
  (gimp-file-save RUN-NONINTERACTIVE image (car (gimp-image-get-active-layer image)) "{out}" "{out}"))
"""


def written(folder: Path, kind: str, suffix: str) -> tuple[Path, Stack]:
    stack = stack_of(a_scene(), a_photo(*KINDS[kind]), painted())
    file = folder / f"{kind}{suffix}"
    with file.open("wb") as handle:
        (write_psd if suffix == ".psd" else write_openraster)(stack, handle)
    return file, stack


def check(shown: Path, stack: Stack) -> None:
    """All channels within a step of 255 of ours; colours where something is seen."""
    found, wanted = (to_8_bit(photo.pixels).astype(int) for photo in (Photo.load(shown), stack.merged))
    colours = 3 if wanted.shape[2] > 2 else 1
    assert np.abs(found[..., :colours] - wanted[..., :colours]).max() <= 1
    if wanted.shape[2] == 4:
        assert np.abs(found[..., 3] - wanted[..., 3]).max() <= 1


@pytest.mark.skipif(shutil.which("gimp") is None, reason="GIMP is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_gimp_opens_a_psd(kind: str, tmp_path: Path) -> None:
    file, stack = written(tmp_path, kind, ".psd")
    script = GIMP.format(file=file, out=tmp_path / "gimp.png")
    done = subprocess.run(["gimp", "-i", "-d", "-f", "-b", script, "-b", "(gimp-quit 0)"], cwd=tmp_path, text=True,
                          capture_output=True, timeout=120)  # fmt: skip
    assert "layers 4" in done.stdout + done.stderr
    check(tmp_path / "gimp.png", stack)


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a program that needs a screen."""
    if shutil.which("Xvfb") is None or shutil.which("krita") is None:
        pytest.skip("Krita or Xvfb is not installed")
    server = subprocess.Popen(["Xvfb", ":93", "-screen", "0", "800x600x24"], stderr=subprocess.DEVNULL)
    time.sleep(2)
    place = tmp_path_factory.mktemp("runtime")
    place.chmod(0o700)
    yield {**os.environ, "DISPLAY": ":93", "XDG_RUNTIME_DIR": str(place)}
    server.terminate()
    server.wait()


@pytest.mark.parametrize("suffix", [".ora", ".psd"])
@pytest.mark.parametrize("kind", KINDS)
def test_krita_opens_both(kind: str, suffix: str, tmp_path: Path, display: dict[str, str]) -> None:
    file, stack = written(tmp_path, kind, suffix)
    out = tmp_path / "krita.png"
    subprocess.run(["krita", "--export", "--export-filename", str(out), str(file)], env=display, timeout=120,
                   capture_output=True)  # fmt: skip
    check(out, stack)
