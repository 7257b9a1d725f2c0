from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.cli.main import main
from smartmask.data.discover import discover, parse_source
from smartmask.data.pack import Pack
from smartmask.data.record import Record
from smartmask.data.summary import sheet, summarise
from smartmask.image.files import load_photo
from smartmask.scene import Layer, Scene


def record(key: str, *names: str) -> Record:
    mask = np.zeros((10, 20), dtype=bool)
    mask[2:4] = True
    layers = tuple(Layer(name, mask, name != "sky-other-merged") for name in names)
    return Record(key, "voc", Scene(10, 20, layers), ("a caption",) if names else ())


def test_counts() -> None:
    records = [record("9", "dog", "dog", "sky-other-merged"), record("42", "cat"), record("25")]
    summary, kept = summarise(records)
    assert kept == []
    found = summary.to_json(top=1)
    assert (found["scenes"], found["empty_scenes"], found["modal_scenes"], found["amodal_scenes"]) == (3, 1, 3, 0)
    assert (found["captioned_scenes"], found["captions"]) == (2, 2)
    assert found["splits"] == {"train": 1, "dev": 1, "test": 1}
    assert (found["objects"], found["stuff_regions"]) == (3, 1)
    assert found["top_things"] == {"dog": 2}
    assert found["object_share_of_picture"] == {"min": 0.2, "median": 0.2, "max": 0.2}
    assert found["layers_per_scene"] == {"min": 0, "median": 1, "max": 3}
    json.dumps(found)


def test_sample_is_repeatable_and_fair() -> None:
    records = [record(str(i), "dog") for i in range(30)]
    drawn = [r.key for r in summarise(records, sample=5, seed=1)[1]]
    assert drawn == [r.key for r in summarise(records, sample=5, seed=1)[1]]
    assert len(set(drawn)) == 5
    assert drawn == sorted(drawn, key=int)
    hits = sum("29" in [r.key for r in summarise(records, sample=5, seed=s)[1]] for s in range(400))
    assert abs(hits / 400 - 5 / 30) < 0.06
    assert len(summarise(records, sample=99)[1]) == 30


def test_sheet_is_a_picture() -> None:
    picture = sheet([record("9", "dog", "sky-other-merged"), record("25")], columns=2, tile=64)
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 2 * 72


# --- folders and the command line ------------------------------------------------------------------


def voc(root: Path) -> Path:
    folder = root / "voc" / "SegmentationClassAug"
    folder.mkdir(parents=True)
    for name in ("2007_000032", "2007_000033"):
        labels = np.zeros((40, 50), dtype=np.uint8)
        labels[10:20, 10:20] = 12
        Image.fromarray(labels).save(folder / f"{name}.png")
    return root / "voc"


def test_discover(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        discover(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds none of the folders ade20k, adechallengedata2016, camvid"):
        discover(tmp_path)
    assert discover(voc(tmp_path).parent) == [("voc", tmp_path / "voc")]
    assert discover(tmp_path / "voc") == [("voc", tmp_path / "voc")], "the folder of one set is that set"
    assert discover(f"voc={tmp_path / 'voc'}") == [("voc", tmp_path / "voc")]
    (tmp_path / "more").mkdir()
    (tmp_path / "voc").rename(tmp_path / "more" / "voc")
    with pytest.raises(ValueError, match=re.escape(f"but {tmp_path / 'more'} does; give that folder")):
        discover(tmp_path)
    (tmp_path / "more" / "voc").rename(tmp_path / "pascal")
    with pytest.raises(ValueError, match=r"folders of other names \(pascal\); give one of them"):
        discover(tmp_path)
    assert discover(tmp_path / "pascal") == [("voc", tmp_path / "pascal")]
    assert parse_source("voc=a=b") == ("voc", Path("a=b"))
    for text in ("voc", "voc=", "mapillary=folder"):
        with pytest.raises(ValueError, match=f"'{text}' is not FORMAT=PATH with one of the formats ade20k"):
            parse_source(text)


def test_summary_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = voc(tmp_path)
    assert main(["data", "summary", str(folder), "--format", "voc", "--out", str(tmp_path / "s.png"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["splits"] == {"train": 1, "dev": 1, "test": 0}
    assert found["top_things"] == {"dog": 2}
    assert load_photo(tmp_path / "s.png").ndim == 3
    assert main(["data", "summary", str(folder), "--format", "voc"]) == 0
    assert "2 objects of 1 names" in capsys.readouterr().out


def test_bad_pictures_are_counted_never_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = voc(tmp_path)
    (folder / "SegmentationClassAug" / "2008_000001.png").write_bytes(b"\x89PNG")
    command = ["data", "summary", str(folder), "--format", "voc"]
    assert main(command) == 2
    assert "2008_000001.png" in capsys.readouterr().err
    assert main([*command, "--skip-bad"]) == 0
    printed = capsys.readouterr()
    assert "1 bad pictures were left out" in printed.out
    assert "2008_000001.png" in printed.err
    assert main([*command, "--skip-bad", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 1
    out = tmp_path / "p.parquet"
    assert main(["data", "pack", str(tmp_path), "--out", str(out)]) == 2
    assert not out.exists()
    assert main(["data", "pack", str(tmp_path), "--out", str(out), "--skip-bad"]) == 0
    assert "1 bad pictures were left out" in capsys.readouterr().out
    assert len(Pack(out)) == 2


def test_pack_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = voc(tmp_path), tmp_path / "new" / "p.parquet"
    assert main(["data", "pack", "--source", f"voc={folder}", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scenes"] == {"voc": 2}
    assert found["bytes"] == out.stat().st_size
    assert main(["data", "summary", str(out), "--format", "pack"]) == 0
    assert "2 scenes (1 train, 1 dev, 0 test)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summary", "nowhere", "--format", "voc"], "nowhere does not exist"),
        (["summary", ".", "--format", "mapillary"], "There is no format 'mapillary'"),
        (["summary", ".", "--format", "voc", "--out", "sheet.jpg"], "must end in .png"),
        (["pack", "--out", "p.parquet"], "nothing to pack"),
        (["pack", "--out", "p.zip", "--source", "voc=."], "must end in .parquet"),
        (["pack", "--out", "p.parquet", "--source", "voc"], "'voc' is not FORMAT=PATH"),
        (["pack", "nowhere", "--out", "p.parquet"], "nowhere is not a folder"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_formats_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "formats", "--json"]) == 0
    assert "voc" in json.loads(capsys.readouterr().out)
    assert main(["data", "formats"]) == 0
    assert "voc" in capsys.readouterr().out
