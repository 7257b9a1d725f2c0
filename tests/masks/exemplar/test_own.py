"""Outlines of the user's own: kept in their place, read with the weights in use, listed, removed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from outlined import made_memory, tiny_chooser

from smartmask.masks.exemplar import own, own_add
from smartmask.masks.exemplar.memory import read_file, read_memory, write_memory
from smartmask.masks.exemplar.own import checksum, embedded, memory_folder, own_sets, read_own, remove_own
from smartmask.masks.exemplar.own_add import Added, add_own
from smartmask.text.labels import bundled_encoder

TEXT = bundled_encoder()


def add(path: Path, folder: Path, **more: object) -> Added:
    return add_own(path, TEXT, tiny_chooser(), folder=folder, **more)  # type: ignore[arg-type]


# --- reading -------------------------------------------------------------------------------------


def test_embeddings_are_those_of_the_chooser(zoo: Path, folder: Path) -> None:
    add(zoo, folder)
    (memory,) = read_own(folder, tiny_chooser())
    assert memory.embeddings is not None
    assert memory.embeddings.shape == (4, 2, 8)
    np.testing.assert_array_equal(memory.embeddings, read_memory(folder / "my zoo.safetensors").embeddings)
    assert (np.linalg.norm(memory.embeddings.astype(float), axis=2) - 127).max() < 3
    mirrored = embedded(memory, tiny_chooser())
    assert mirrored.embeddings is not None
    assert (mirrored.embeddings[:, 0] != mirrored.embeddings[:, 1]).any()


def test_another_chooser_makes_them_anew(zoo: Path, folder: Path) -> None:
    add(zoo, folder)
    other = tiny_chooser(1)
    (memory,) = read_own(folder, other)
    wanted = embedded(read_memory(folder / "my zoo.safetensors"), other)
    np.testing.assert_array_equal(memory.embeddings, wanted.embeddings)
    assert (memory.embeddings != read_memory(folder / "my zoo.safetensors").embeddings).any()  # the file stays


def test_a_file_without_embeddings_gets_them(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "plain.safetensors").write_bytes(write_memory(made_memory(2)))
    (memory,) = read_own(folder, tiny_chooser())
    assert memory.embeddings is not None


def test_the_checksum_is_that_of_the_saved_tower(tmp_path: Path) -> None:
    from smartmask.io.components import save_component
    from smartmask.masks.exemplar.choose import Chooser

    chooser = tiny_chooser()
    save_component(tmp_path / "chooser", chooser, chooser.config)
    loaded = Chooser.load(tmp_path / "chooser")
    assert checksum(loaded) == checksum(chooser) != checksum(tiny_chooser(1))
    chooser.tensors["scene.0.weight"] += 1  # the other tower
    assert checksum(chooser) == checksum(loaded)


def test_open_licences_only(zoo: Path, folder: Path) -> None:
    add(zoo, folder, set_name="mine")
    add(zoo, folder, set_name="shut", licence="all rights reserved")
    assert len(read_own(folder, tiny_chooser())) == 2
    (kept,) = read_own(folder, tiny_chooser(), "open")
    assert kept.sets == (("mine", "own"),)


def test_a_damaged_set_is_told_with_what_to_do(zoo: Path, folder: Path) -> None:
    file = add(zoo, folder, set_name="zoo").file
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match=re.escape(str(file))) as told:
        read_own(folder, tiny_chooser())
    assert "'smartmask memory remove zoo'" in str(told.value)
    (listed,) = own_sets(folder)
    assert (listed.name, listed.outlines) == ("zoo", 0)
    assert listed.damaged is not None
    remove_own("zoo", folder)
    assert read_own(folder, tiny_chooser()) == []


# --- the place -----------------------------------------------------------------------------------


def test_the_standard_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMARTMASK_MEMORY", str(tmp_path / "here"))
    assert memory_folder() == tmp_path / "here"
    monkeypatch.delenv("SMARTMASK_MEMORY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert memory_folder() == tmp_path / "data" / "smartmask" / "memory"
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert memory_folder() == tmp_path / ".local" / "share" / "smartmask" / "memory"


def test_the_standard_place_need_not_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zoo: Path) -> None:
    monkeypatch.setenv("SMARTMASK_MEMORY", str(tmp_path / "none"))
    assert read_own(None, tiny_chooser()) == []
    assert own_sets() == []
    assert not (tmp_path / "none").exists()
    add_own(zoo, TEXT, tiny_chooser())
    assert len(read_own(None, tiny_chooser())) == 1


def test_without_a_home_folder(monkeypatch: pytest.MonkeyPatch, zoo: Path) -> None:
    monkeypatch.setattr(own, "memory_folder", lambda: None)
    monkeypatch.setattr(own_add, "memory_folder", lambda: None)
    assert read_own(None, tiny_chooser()) == []
    with pytest.raises(ValueError, match="no home folder"):
        add_own(zoo, TEXT, tiny_chooser())


def test_an_explicit_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"The memory folder '.*nowhere' does not exist; "):
        read_own(tmp_path / "nowhere", tiny_chooser())
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        read_own(tmp_path / "file", tiny_chooser())
    assert read_own(tmp_path, tiny_chooser()) == []  # nor are other files sets


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_is_shut(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o000)
    with pytest.raises(ValueError, match="cannot be read"):
        read_own(tmp_path / "shut", tiny_chooser())


def test_removing(zoo: Path, folder: Path) -> None:
    add(zoo, folder, set_name="one")
    add(zoo, folder, set_name="two")
    assert remove_own("one", folder) == folder / "one.safetensors"
    assert [item.name for item in own_sets(folder)] == ["two"]
    with pytest.raises(ValueError, match="There is no set 'one' of your own; there are two"):
        remove_own("one", folder)
    remove_own("two", folder)
    with pytest.raises(ValueError, match=r"no set '\.\./two' of your own; 'smartmask memory add'"):
        remove_own("../two", folder)


def test_metadata_names_the_tower(zoo: Path, folder: Path) -> None:
    file = add(zoo, folder).file
    assert read_file(file)[1][own.EMBEDDED_BY] == checksum(tiny_chooser())
