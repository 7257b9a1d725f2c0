"""``smartmask eval insertion`` from files to report, with real classes of every model, tiny and random."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from photographs import HEIGHT, WIDTH, write_coco

from smartmask.cli import main as cli
from smartmask.image.files import load_photo
from smartmask.insertion import load
from smartmask.insertion.inpainter import Painting, PaintRequest


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coco(tmp_path_factory.mktemp("data"), test=2, train=3)


def line(coco: Path, weights: Path, *more: str) -> list[str]:
    return ["eval", "insertion", "--data", str(coco), "--weights", str(weights), "--num-masks", "2", *more]


class Noise:
    """Paints noise of the request's seed; sees the object in the upper half of the mask's rows."""

    name, side = "noise", None

    def __call__(self, request: PaintRequest) -> Painting:
        rng = np.random.default_rng(request.seed)
        rows = np.flatnonzero(request.mask.any(axis=1))
        alpha = np.zeros(request.mask.shape, dtype=np.float32)
        alpha[rows[: len(rows) // 2]] = 1
        return Painting(rng.integers(0, 256, (*request.mask.shape, 3), dtype=np.uint8), alpha)


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "load_inpainter", lambda name, **options: Noise())


def test_without_an_inpainter_as_a_process(coco: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "smartmask", *line(coco, tiny_weights, "--limit", "0", "--out", str(out))]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert sorted(path.name for path in out.iterdir()) == [
        "insertion.json", "insertion.md", "objects.csv", "sheet.png"
    ]  # fmt: skip
    report = json.loads((out / "insertion.json").read_text("utf-8"))
    assert (report["benchmark"], report["objects"], report["images"]) == ("insertion", 4, 2)
    assert list(report["results"]) == [
        "smartmask", "smartmask, unranked", "box", "ellipse", "same-area", "class-mean", "retrieval", "exact"
    ]  # fmt: skip
    assert report["results"]["box"]["background"] == [1.0] * 3
    assert report["results"]["exact"]["background"] == [0.0] * 3
    assert all(not found["pictures"] for found in report["results"].values())
    assert report["weights_digest"]
    assert report["protocol"]["split"] == "test"
    assert shown.stdout == (out / "insertion.md").read_text("utf-8")
    assert "No inpainter was given" in shown.stdout
    assert f"- weights digest: {report['weights_digest']}" in shown.stdout
    assert len((out / "objects.csv").read_text().splitlines()) == 1 + 4 * 8


def test_with_an_inpainter_pictures_and_a_comparison(
    coco: Path, tiny_weights: Path, tmp_path: Path, noise: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    names = "smartmask,box,exact"
    more = ["--inpainter", "some/painter", "--makers", names, "--out", str(out), "--pictures", "--json"]
    assert cli.main(line(coco, tiny_weights, *more)) == 0
    report = json.loads(capsys.readouterr().out)
    makers = ["smartmask", "box", "exact", "inserter's own mask"]
    assert list(report["results"]) == makers
    for maker in makers:
        assert report["results"][maker]["pictures"]["changed_outside"] == 0
    assert report["results"]["exact"]["pictures"]["l2_background"] == [0.0] * 3
    own, box = (report["results"][name] for name in ("inserter's own mask", "box"))
    assert own["area"][0] == pytest.approx(0.5, abs=0.05)
    assert 0 < own["pictures"]["l2_background"][0] < box["pictures"]["l2_background"][0]
    folders = out / "pictures"
    assert sorted(path.name for path in folders.iterdir()) == [
        "box", "exact", "inserters-own-mask", "labels.json", "real", "smartmask"
    ]  # fmt: skip
    labels = json.loads((folders / "labels.json").read_text("utf-8"))
    assert set(labels.values()) == {"ball", "bus"}
    for name in labels:
        assert load_photo(folders / "box" / f"{name}.png").shape == (HEIGHT, WIDTH, 3)
    sides = [str(folders / name) for name in ("smartmask", "box", "exact")]
    page = ["eval", "study", "make", *sides, "--photos", str(folders / "real")]
    assert cli.main([*page, "--labels", str(folders / "labels.json"), "--out", str(tmp_path / "page")]) == 0


def test_an_interrupted_run_leaves_nothing(
    coco: Path, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Noise):
        def __call__(self, request: PaintRequest) -> Painting:
            raise KeyboardInterrupt

    monkeypatch.setattr(load, "load_inpainter", lambda name, **options: Broken())
    out = tmp_path / "out"
    assert cli.main(line(coco, tiny_weights, "--inpainter", "x", "--pictures", "--out", str(out))) == 130
    assert not out.exists()


@pytest.mark.slow
def test_every_judge_from_its_folder(
    coco: Path, tiny_weights: Path, tmp_path: Path, noise: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole command with transformers' own classes; the weights are random, so only that it runs is shown."""
    pytest.importorskip("transformers")
    from tiny_judges import save_clip, save_resnet, save_sam

    judges = ["--features", str(save_resnet(tmp_path / "resnet")), "--clip", str(save_clip(tmp_path / "clip"))]
    judges += ["--segmenter", str(save_sam(tmp_path / "sam"))]
    out = tmp_path / "out"
    more = ["--inpainter", "x", *judges, "--makers", "smartmask,box,exact", "--out", str(out)]
    assert cli.main(line(coco, tiny_weights, *more)) == 0
    report = json.loads((out / "insertion.json").read_text("utf-8"))
    assert list(report["results"])[-2:] == ["inserter's own mask", "inpaint-then-segment"]
    for found in report["results"].values():
        pictures = found["pictures"]
        assert pictures["changed_outside"] == 0
        for name in ("fid", "local_fid"):
            assert pictures[name]["fid"] is None, "four pictures of six features make no FID"
            assert pictures[name]["kid"] is not None
        assert -1 <= pictures["clip"][0] <= 1
    assert "## The inpainter by mask" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd-inpaint", "smartbrush"])
def test_real_inserters_from_their_folders(kind: str, coco: Path, tiny_weights: Path, tmp_path: Path) -> None:
    """diffusers' inpainting and SmartBrush as they are loaded by name; random weights, so no figure is looked at."""
    pytest.importorskip("diffusers")
    folder = tmp_path / kind
    if kind == "smartbrush":
        import torch

        from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
        from smartmask.io.package import BUNDLED_MASKS
        from smartmask.text.encoder import TextEncoder

        torch.manual_seed(0)
        SmartBrushPipeline.new("tiny", TextEncoder.from_pretrained(BUNDLED_MASKS / "text")).save_pretrained(folder)
    else:
        from tiny_diffusion import save_diffusion

        save_diffusion(kind, folder)
    out = tmp_path / "out"
    more = ["--inpainter", str(folder), "--steps", "2", "--limit", "2", "--makers", "smartmask,box,exact"]
    assert cli.main(line(coco, tiny_weights, *more, "--out", str(out))) == 0
    report = json.loads((out / "insertion.json").read_text("utf-8"))
    for found in report["results"].values():
        assert found["pictures"]["changed_outside"] == 0
    assert report["results"]["box"]["pictures"]["l2_background"][0] > 0
    assert report["results"]["exact"]["pictures"]["l2_background"] == [0.0] * 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--makers", "smartmask,nobody"], "no mask maker 'nobody'"),
        (["--makers", "same-area"], "name 'smartmask' too"),
        (["--clip", "x"], "--clip judges painted pictures"),
        (["--pictures", "--inpainter", "x"], "--pictures needs a folder"),
        (["--inpainter", "paste"], "draws no object of its own"),
        (["--split", "tests"], "no split 'tests'"),
        (["--min-area", "0.9"], "No object of the test split"),
        (["--limit", "-3"], "limit"),
    ],
)
def test_bad_input(
    coco: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert cli.main(line(coco, tiny_weights, *more)) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_missing_data_folder(tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line(tmp_path / "nowhere", tiny_weights)) == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


@pytest.mark.slow
def test_real_photographs(data_root: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    more = ["--limit", "6", "--makers", "smartmask,box,exact", "--out", str(out)]
    assert cli.main(line(data_root, tiny_weights, *more)) == 0
    report = json.loads((out / "insertion.json").read_text("utf-8"))
    assert report["objects"] == 6
    assert set(report["sources"]) == {"coco_panoptic", "coco_instances", "pennfudan"}
    assert report["results"]["exact"]["iou"] == [1.0] * 3
