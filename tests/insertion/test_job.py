"""Jobs of insertion: one request builds what the command line builds, and its report is result.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_pipeline import FakePipeline
from painters import FlatPainter
from PIL import Image

from smartmask import remove
from smartmask.image.files import save_png
from smartmask.insertion import paint
from smartmask.insertion.job import InsertJob, PaintJob, RemoveJob
from smartmask.insertion.settings import ModelOptions, PaintOptions, PasteOptions
from smartmask.io.watch import Progress

HEIGHT, WIDTH = 40, 60
PHOTO = np.random.default_rng(1).integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A photo, a finished mask and a cut-out."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[10:30, 20:40] = True
    cutout = np.full((20, 20, 4), 255, dtype=np.uint8)
    cutout[:3, :, 3] = 0
    save_png(PHOTO, tmp_path / "photo.png")
    save_png(mask, tmp_path / "mask.png")
    Image.fromarray(cutout).save(tmp_path / "dog.png")
    return tmp_path


def test_a_report_is_what_the_file_says(files: Path) -> None:
    job = InsertJob(
        photo=files / "photo.png", out=files / "out", object=("dog",), mask=(files / "mask.png",),
        cutout=(files / "dog.png",), seed=3,
    )  # fmt: skip
    stages: list[str] = []

    @contextmanager
    def watch(what: str) -> Iterator[Progress]:
        stages.append(what)
        yield lambda done, of: stages.append(f"{done} of {of}")

    report = job.run(watch)
    assert report.model_dump(mode="json") == json.loads((files / "out" / "result.json").read_text())
    assert stages == ["reading", "loading", "masks", "painting", "1 of 1", "writing"]
    assert (report.command, report.status, report.trouble, report.objects[0].seed) == ("insert", "painted", "", 3)
    written = {str(path.relative_to(files / "out")) for path in (files / "out").rglob("*") if path.is_file()}
    assert {*report.files, "result.json"} == written
    told = InsertJob.model_json_schema()["properties"]
    assert all(told[name].get("description") for name in InsertJob.model_fields), "every setting says what it is"


def test_without_an_inserter_nothing_is_wrong(files: Path) -> None:
    """Masks and jobs for other tools are what can be wanted; a note says what would paint."""
    report = RemoveJob(photo=files / "photo.png", out=files / "out", region="1,1,9,9").run()
    assert (report.status, report.painted, report.jobs) == ("not painted", None, ["jobs/00_background"])
    assert report.trouble == ""
    (note,) = report.notes
    assert note.startswith("Nothing is painted. No inserter is given: ")
    assert json.loads((files / "out" / "result.json").read_text())["notes"] == [note]


def test_trouble_is_told_but_not_written(files: Path) -> None:
    """An inserter that was named and is not at hand; masks and jobs are there all the same."""
    job = RemoveJob(photo=files / "photo.png", out=files / "out", region="1,1,9,9", inpainter="no-one/nothing")
    report = job.run()
    assert (report.status, report.painted, report.jobs) == ("not painted", None, ["jobs/00_background"])
    assert report.trouble.startswith("The inserter 'no-one/nothing' is not")
    assert report.notes == []
    assert "trouble" not in json.loads((files / "out" / "result.json").read_text())


def test_only_options_that_were_given_reach_a_loader() -> None:
    job = RemoveJob(photo=Path("p"), out=Path("o"), region="0", control_scale=0.0, slicing=True, device="cpu")
    assert job.given(ModelOptions) == {"device": "cpu", "slicing": True, "control_scale": 0.0}
    assert InsertJob(photo=Path("p"), out=Path("o"), mirror=False).given(PasteOptions) == {"mirror": False}
    assert InsertJob(photo=Path("p"), out=Path("o")).given(ModelOptions) == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"shadow": "big"}, "The shadow is 'big'; use 'none', 'layer' or 'paint'."),
        ({"precision": 2}, "The precision is 2.0; it must be from 0 (exact outline) to 1 (box)."),
        ({"feathers": 2}, "There is no setting 'feathers'; leave it out."),
    ],
)
def test_a_wrong_option_is_one_sentence(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the whole sentence is compared)
        PaintOptions.of(**values)
    assert str(error.value) == says


def test_the_photo_is_read_before_anything_is_loaded(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakePipeline().install(monkeypatch)
    job: PaintJob = InsertJob(photo=files / "none.png", out=files / "out", object=("dog",))
    with pytest.raises(ValueError, match=r"none\.png' does not exist"):
        job.run()
    assert not (files / "out").exists()
    assert fake.calls == []


def test_a_generator_draws_the_seed_of_a_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    painter = FlatPainter()
    monkeypatch.setattr(paint, "load_inpainter", lambda name, **options: painter)
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[10:30, 20:40] = True
    for generator in (torch.Generator().manual_seed(5), torch.Generator().manual_seed(5), 7):
        remove(PHOTO, mask, inpainter="model", generator=generator)
    first, again, said = (request.seed for request in painter.requests)
    assert first == again
    assert said == 7
    with pytest.raises(ValueError, match="seed is -1"):
        remove(PHOTO, mask, inpainter="model", generator=-1)
