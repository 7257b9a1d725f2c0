"""Adding outlines of the user's own: names, sets, what is refused, nothing half-written; then asked for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from outlined import lump, made_memory, tiny_chooser
from PIL import Image

from smartmask.errors import WriteError
from smartmask.geometry import mask_iou
from smartmask.guides import Box
from smartmask.image.files import save_png
from smartmask.masks.exemplar.attributes import read_wish
from smartmask.masks.exemplar.guess import FEATURES, StrokeTable
from smartmask.masks.exemplar.memory import read_memory
from smartmask.masks.exemplar.names import own_rows
from smartmask.masks.exemplar.outline import draw, place
from smartmask.masks.exemplar.own import embedded, own_sets, read_own
from smartmask.masks.exemplar.own_add import Added, add_own, read_name
from smartmask.scene import Scene
from smartmask.text.labels import bundled_encoder

TEXT = bundled_encoder()


def add(path: Path, folder: Path, **more: object) -> Added:
    return add_own(path, TEXT, tiny_chooser(), folder=folder, **more)  # type: ignore[arg-type]


# --- adding --------------------------------------------------------------------------------------


def test_a_folder_of_masks_becomes_a_set(zoo: Path, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    added = add(zoo, folder, progress=lambda done, total: seen.append((done, total)))
    assert (added.set, added.licence, added.file) == ("my zoo", "own", folder / "my zoo.safetensors")
    assert (added.outlines, added.names, added.cut) == (4, (("dog", 3), ("cat", 1)), 1)
    assert added.left_out == {"empty": 1}
    assert seen == [(i, 5) for i in range(1, 6)]
    assert any("1 empty" in note for note in added.notes)
    assert sorted(f.name for f in folder.iterdir()) == ["my zoo.safetensors"]
    memory = read_memory(added.file)
    known = [memory.describe(row) for row in range(4)]
    assert {k["source"]: (k["name"], k["cut"]) for k in known} == {
        "cat_4": ("cat", "b"), "dog/1": ("dog", ""), "dog/2": ("dog", ""), "dog_sitting/3": ("dog", ""),
    }  # fmt: skip
    assert {(k["set"], k["licence"], k["kind"]) for k in known} == {("my zoo", "own", "photo")}
    sitting = memory.traits[:, memory.trait_names.index("sitting")]
    assert dict(zip((k["source"] for k in known), sitting.tolist(), strict=True)) == {
        "cat_4": 0, "dog/1": 0, "dog/2": 0, "dog_sitting/3": 127,
    }  # fmt: skip
    row = [k["source"] for k in known].index("dog/2")
    drawn = draw(place(memory.outline(row), (0.0, 0.0, 80.0, 60.0)), 60, 80)
    assert mask_iou(drawn, lump(1)) > 0.96


def test_one_file_and_given_names(zoo: Path, folder: Path) -> None:
    added = add(zoo / "cat_4.png", folder, set_name="Tigers", name="a tiger", licence="CC BY 4.0")
    assert (added.set, added.names) == ("Tigers", (("tiger", 1),))
    memory = read_memory(folder / "Tigers.safetensors")
    assert memory.sets == (("Tigers", "CC BY 4.0"),)


@pytest.mark.parametrize(
    ("label", "name", "traits"),
    [
        ("dog", "dog", {}), ("dogs", "dog", {}), ("black dog", "dog", {}), ("doughnut", "donut", {}),
        ("gizmo", "gizmo", {}), ("gizmos", "gizmo", {}), ("unicorn", "unicorn", {}), ("my dog", "dog", {}),
        ("man riding", "man", {"riding": 1}), ("a red sofa", "sofa", {}), ("toy truck", "truck", {}),
        ("cow facing left", "cow", {"left": 1}), ("???", "???", {}), ("wine glass", "wine glass", {}),
        ("crystal glass", "glass", {}), ("hot dog", "hot dog", {}),
    ],
)  # fmt: skip
def test_names_and_traits_of_labels(label: str, name: str, traits: dict[str, float]) -> None:
    assert read_name(label, TEXT) == (name, traits)


def test_names_of_the_users_own_are_told(zoo: Path, folder: Path) -> None:
    added = add(zoo, folder, name="gizmo")
    assert any("no name 'gizmo'" in note for note in added.notes)


@pytest.mark.parametrize(
    "asked", ["gizmo", "a gizmo", "two gizmos", "a red gizmo", "Gizmos facing left", "gizmo lying"]
)
def test_what_the_vocabulary_does_not_know_is_found_by_its_own_words(asked: str, zoo: Path, folder: Path) -> None:
    add(zoo, folder, name="gizmo")
    (memory,) = read_own(folder, tiny_chooser())
    wish = read_wish(asked)
    found = own_rows(memory, TEXT, TEXT.understand(wish.rest), wish)
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.note is None


# --- what cannot be added ------------------------------------------------------------------------


def test_a_set_without_a_usable_outline(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "bad").mkdir()
    save_png(np.zeros((30, 30), dtype=bool), tmp_path / "bad" / "dog_1.png")
    save_png(np.pad(np.ones((4, 4), dtype=bool), 9), tmp_path / "bad" / "dog_2.png")
    with pytest.raises(ValueError, match=r"has no usable outline \(1 empty, 1 under 16 pixels a side\); ") as told:
        add(tmp_path / "bad", folder)
    assert "\n" not in str(told.value)
    assert not folder.exists()  # nothing is made until something is added
    (tmp_path / "bad" / "dog_1.png").write_bytes(b"PNG?")
    (tmp_path / "bad" / "dog_2.png").unlink()
    with pytest.raises(ValueError, match=r"The first: The mask .* is not a picture"):
        add(tmp_path / "bad", folder)


def test_a_set_is_replaced_only_on_request(zoo: Path, folder: Path) -> None:
    add(zoo, folder, set_name="zoo")
    with pytest.raises(ValueError, match=r"The set 'zoo' exists in .*--replace"):
        add(zoo, folder, set_name="zoo")
    add(zoo, folder, set_name="zoo", name="tiger", replace=True)
    assert [item.names for item in own_sets(folder)] == [(("tiger", 4),)]


@pytest.mark.parametrize("name", ["", "  ", "../up", "a/b", ".hidden", "x" * 61, "a\nb", "-set", "a."])
def test_names_that_no_set_can_have(name: str, zoo: Path, folder: Path) -> None:
    with pytest.raises(ValueError, match="The set's name is"):
        add(zoo, folder, set_name=name)


def test_texts_that_are_refused(zoo: Path, folder: Path) -> None:
    with pytest.raises(ValueError, match="'coco' is the name of a bundled set"):
        add(zoo, folder, set_name="coco", bundled={"coco", "voc"})
    with pytest.raises(ValueError, match="The licence is empty"):
        add(zoo, folder, licence=" ")
    with pytest.raises(ValueError, match=r"The licence .* has 101 characters"):
        add(zoo, folder, licence="x" * 101)
    with pytest.raises(ValueError, match="The outlines' name is empty"):
        add(zoo, folder, name="")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("path", "name"), [("my zoo!", "my zoo"), ("_._", "own"), ("été", "été"), ("x" * 99, "x" * 60)]
)
def test_the_folder_names_the_set(path: str, name: str, tmp_path: Path, folder: Path) -> None:
    (tmp_path / path).mkdir()
    save_png(np.pad(lump(1), 9), tmp_path / path / "dog.png")
    assert add(tmp_path / path, folder).set == name


def test_nothing_half_written_stays(zoo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", refuse)
    add(zoo, folder, set_name="one")  # no links on this disk: renamed instead
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(WriteError, match=r"two\.safetensors' cannot be written: no space"):
        add(zoo, folder, set_name="two")
    assert sorted(f.name for f in folder.iterdir()) == ["one.safetensors"]


def test_two_who_add_at_once(zoo: Path, folder: Path) -> None:
    """Sets of different names both stay; of one name the first stays whole, and the others are told."""

    def attempt(name: str) -> str:
        try:
            return add(zoo, folder, set_name=name).set
        except ValueError as error:
            assert "exists" in str(error)  # noqa: PT017
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(attempt, ["a", "same", "b", "same", "c", "same", "same", "d"]))
    assert sorted(told) == ["a", "b", "c", "d", "refused", "refused", "refused", "same"]
    assert [(item.name, item.outlines) for item in own_sets(folder)] == [(n, 4) for n in ("a", "b", "c", "d", "same")]
    assert not [f for f in folder.iterdir() if f.name.startswith(".")]


def test_odd_file_names(tmp_path: Path, folder: Path) -> None:
    """Whatever a file system allows is kept as one readable line."""
    (tmp_path / "dog").mkdir()
    for name in ("a\nb.png", os.fsdecode(b"caf\xe9.png"), "x" * 200 + ".png"):
        Image.fromarray(np.pad(lump(1), 9).astype(np.uint8) * 255).save(tmp_path / "dog" / name)
    add(tmp_path / "dog", folder)
    memory = read_memory(folder / "dog.safetensors")
    assert sorted(memory.sources)[0] == "a b"
    assert len(memory) == 3


# --- asked for -----------------------------------------------------------------------------------


class AnyPlace:
    """Places that know nothing; guides tell where things are."""

    def propose(self, *_: object) -> list[object]:
        raise AssertionError("the guide tells the place")

    def fits(self, scene: Scene, name: str, boxes: list[object]) -> np.ndarray:
        return np.zeros(len(boxes))

    def order(self, scene: Scene, box: object) -> int:
        return len(scene.layers)

    def in_front(self, scene: Scene, box: object) -> list[int]:
        return []


def test_the_users_outlines_are_suggested(zoo: Path, folder: Path) -> None:
    from smartmask.masks.exemplar.memory import join
    from smartmask.masks.exemplar.model import ExemplarModel
    from smartmask.masks.model import MaskRequest

    add(zoo, folder, set_name="mine", name="gizmo")
    chooser = tiny_chooser()
    memory = join([embedded(made_memory(30), chooser), *read_own(folder, chooser)])
    strokes = StrokeTable(np.zeros((3, FEATURES + 4)))
    model = ExemplarModel(TEXT, memory, chooser, strokes, AnyPlace())  # type: ignore[arg-type]
    for asked, set_name in (("gizmo", "mine"), ("dog", "made")):
        request = MaskRequest(object=asked, guides=(Box(40, 30, 200, 150),))
        found = model.suggest(Scene.empty(200, 300), request, range(8))
        assert {item.why["outline"]["set"] for item in found} == {set_name}
        assert all(item.mask.any() for item in found)
