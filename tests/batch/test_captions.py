"""Captions by a model, as shards that restart, and what reads them. The models are tiny and of the real classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brushes import coco_folder
from tiny_blip import WORDS, save_blip
from tiny_llava import save_llava

from smartmask.batch.captioner import Captioner
from smartmask.batch.captions import CaptionJob, crops
from smartmask.cli.main import main
from smartmask.data.captions import Captions
from smartmask.data.pack import Pack
from smartmask.data.record import Record
from smartmask.data.registry import read
from smartmask.geometry import box_mask
from smartmask.image.files import load_photo, save_png
from smartmask.scene import Layer, Scene

COLOURS = ((250, 10, 10), (10, 240, 20), (0, 0, 250), (255, 255, 255))
PICTURES = [np.full((40 + i, 60, 3), colour, np.uint8) for i, colour in enumerate(COLOURS)]


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_blip(tmp_path_factory.mktemp("models") / "blip")


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn COCO with photographs: 9, a dog and a cat each."""
    return coco_folder(tmp_path_factory.mktemp("sets")) / "coco"


def lines(out: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for file in sorted(out.glob("0*.jsonl")) for line in file.read_text().splitlines()]
    return [line for line in found if "caption" in line]


def test_a_captioner_says_the_same_alone_and_with_others(blip: Path) -> None:
    captioner = Captioner.from_pretrained(blip, tokens=6)
    together = captioner(PICTURES)
    assert together == [captioner([picture])[0] for picture in PICTURES]
    assert len(set(together)) > 1, "it looks at the picture"
    assert all(set(text.split()) <= set(WORDS) for text in together)
    begun = Captioner.from_pretrained(blip, tokens=6, prompt="a photo of")
    assert all(text.startswith("a photo of ") for text in begun(PICTURES))
    assert Captioner.from_pretrained(blip, tokens=6, beams=3)(PICTURES[:1])[0]


def test_a_chat_model_is_asked_in_its_own_form(tmp_path: Path) -> None:
    captioner = Captioner.from_pretrained(save_llava(tmp_path / "llava", 30.0), tokens=8, prompt="What is this?")
    assert captioner.words.startswith("user: <image>\nWhat is this?")
    said = captioner(PICTURES[:2])
    assert said == [captioner([picture])[0] for picture in PICTURES[:2]]
    assert all(text and "What is this" not in text for text in said)


def test_where_memory_is_short_pictures_go_in_halves(blip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = Captioner.from_pretrained(blip, tokens=4)
    whole, said, seen = captioner(PICTURES), Captioner._said, []

    def short(self: Captioner, pictures: list[np.ndarray]) -> list[str]:
        seen.append(len(pictures))
        if len(pictures) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        return said(self, pictures)

    monkeypatch.setattr(Captioner, "_said", short)
    assert captioner(PICTURES) == whole
    assert seen == [4, 2, 1, 1, 2, 1, 1]


@pytest.mark.usefixtures("here")
def test_captions_of_a_folder(blip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    for name, picture in zip(("a.png", "more/b.png", "000000000009.png"), PICTURES, strict=False):
        save_png(picture, photos / name)
    (photos / "bad.png").write_bytes(b"no picture")
    command = ["data", "caption", str(photos), "--model", str(blip), "--out", str(tmp_path / "out"), "--shard", "2",
               "--tokens", "5", "--batch", "2"]  # fmt: skip
    assert main(command) == 1
    assert "1 shards done" in capsys.readouterr().out
    found = {line["name"]: line for line in lines(tmp_path / "out")}
    assert set(found) == {"a", "more/b", "000000000009"}, "a bad picture takes no others along"
    assert {line["key"] for line in found.values()} == {"a", "b", "9"}, "COCO's photographs by their ids, for the split"
    captioner = Captioner.from_pretrained(blip, tokens=5)
    for name, line in found.items():
        assert line["caption"] == captioner([load_photo(photos / f"{name}.png")])[0]
    (failed,) = [json.loads(line) for line in (tmp_path / "out" / "failed.jsonl").read_text().splitlines()]
    assert (failed["id"], failed["part"]) == ("000001.jsonl", "bad")
    assert "bad.png" in failed["error"]
    # mended and retried: that shard alone
    save_png(PICTURES[3], photos / "bad.png")
    before = (tmp_path / "out" / "000000.jsonl").stat().st_mtime_ns
    assert main([*command, "--retry"]) == 0
    assert len(lines(tmp_path / "out")) == 4
    assert (tmp_path / "out" / "000000.jsonl").stat().st_mtime_ns == before
    assert not (tmp_path / "out" / "failed.jsonl").exists()


@pytest.mark.slow
def test_by_two_processes_it_is_the_same(blip: Path, coco: Path, tmp_path: Path) -> None:
    job = CaptionJob(source=str(coco / "images"), out=tmp_path / "two", model=str(blip), tokens=5, shard=2, workers=2)
    assert job.run().done == 5
    captioner = Captioner.from_pretrained(blip, tokens=5)
    for line in lines(tmp_path / "two"):
        assert line["caption"] == captioner([load_photo(coco / "images" / f"{line['name']}.png")])[0]
    assert [line["name"] for line in lines(tmp_path / "two")] == sorted(p.stem for p in (coco / "images").iterdir())


@pytest.mark.usefixtures("here")
def test_segments_by_their_crops(blip: Path, coco: Path, tmp_path: Path) -> None:
    job = CaptionJob(
        source=f"coco_instances={coco}", out=tmp_path / "out", model=str(blip), tokens=5, segments=True, margin=0.2
    )
    report = job.run()
    found = lines(tmp_path / "out")
    assert report.counts["captions"] == len(found) > 9
    records = {record.name: record for record in read("coco_instances", coco)}
    captioner = Captioner.from_pretrained(blip, tokens=5)
    for line in found:
        record = records[line["name"]]
        assert record.scene.layers[line["layer"]].name == line["object"]
    record = records[found[0]["name"]]
    assert record.image is not None
    cut = list(crops(record, load_photo(record.image), 0.2, False))
    assert [captioner([pixels])[0] for _, pixels in cut] == [
        line["caption"] for line in found if line["name"] == record.name
    ]
    told = Captions.read([tmp_path / "out"]).added(record)
    for line in (line for line in found if line["name"] == record.name):
        assert told.layer_captions[line["layer"]] == line["caption"]


def test_how_a_segment_is_cut() -> None:
    photo = np.arange(60 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(60, 80, 3)
    mask = box_mask((10, 0, 50, 30), 60, 80)
    mask[0:5, 10:15] = False
    record = Record("1", "x", Scene(60, 80, (Layer("sky", ~mask, thing=False), Layer("dog", mask))), name="1")
    ((about, pixels),) = crops(record, photo, 0.25, False)
    assert about == {"layer": 1, "object": "dog", "box": [10, 0, 50, 30]}
    assert np.array_equal(pixels, photo[0:40, 0:60]), "ten pixels round it, as far as the photo goes"
    ((_, masked),) = crops(record, photo, 0.0, True)
    assert np.array_equal(masked[mask[0:30, 10:50]], photo[mask])
    assert (masked[0:5, 0:5] == 127).all()


@pytest.mark.usefixtures("here")
def test_a_pack_takes_them(blip: Path, coco: Path, tmp_path: Path) -> None:
    """By key, whatever of COCO's annotations is packed; the model's come first and are the scene's."""
    assert CaptionJob(source=str(coco / "images"), out=tmp_path / "out", model=str(blip), tokens=5).run().whole
    said = {line["key"]: line["caption"] for line in lines(tmp_path / "out")}
    for captions in (tmp_path / "out", tmp_path / "out" / "000000.jsonl"):
        pack = tmp_path / "pack.parquet"
        line = ["data", "pack", "--source", f"coco_instances={coco}", "--captions", str(captions), "--out", str(pack)]
        assert main(line) == 0
        records = list(Pack(pack))
        assert len(records) == len(said)
        assert {record.key: record.captions[0] for record in records} == said
        assert all(record.scene.caption == said[record.key] for record in records)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "Line 1 of the captions '.*' is not valid JSON"),
        ('{"key": "1", "source": "photos"}', "has no caption"),
        ('{"source": "photos", "caption": "a dog"}', "has no key"),
        ('{"key": "1", "source": "x", "caption": "a dog", "layer": "1", "object": "dog"}', "has the layer '1'"),
        ('{"captions": {}}', "holds no caption"),
    ],
)
def test_what_are_no_captions_is_told(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=says):
        Captions.read([tmp_path / "captions.jsonl"])


def test_frames_of_one_drive_keep_their_own(tmp_path: Path) -> None:
    rows = [{"key": "156", "source": "idd_lite", "name": f"156/{n}", "caption": f"street {n}"} for n in (1, 2)]
    rows.append({"key": "156", "source": "photos", "caption": "another"})
    (tmp_path / "0.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    captions, scene = Captions.read([tmp_path]), Scene(4, 4, ())
    assert captions.added(Record("156", "idd_lite", scene, name="156/2")).captions == ("street 2",)
    assert captions.added(Record("156", "idd_lite", scene, ("own",), name="156/3")).captions == ("another", "own")


@pytest.mark.usefixtures("here")
def test_wrong_requests_are_told(blip: Path, tmp_path: Path) -> None:
    good: dict[str, Any] = {"source": str(tmp_path), "out": tmp_path.parent / "o", "model": str(blip)}
    for more, says in (
        ({}, "holds no photo"),
        ({"source": "voc2=x"}, "'voc2=x' is neither FORMAT=PATH nor a path"),
        ({"dtype": "int8"}, "There are no numbers 'int8'"),
        ({"device": "cuda:7"}, "The device 'cuda:7' is not there"),
        ({"device": "gpu"}, "There is no device 'gpu'"),
        ({"segments": True}, "have no segments"),
    ):
        with pytest.raises(ValueError, match=says):
            CaptionJob(**good | more).run()
    save_png(PICTURES[0], tmp_path / "a.png")
    with pytest.raises(ValueError, match="is neither an existing folder nor a hub name"):
        CaptionJob(**good | {"model": "/nowhere"}).run()
