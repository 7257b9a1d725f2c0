"""Files that are read: only regular ones, of a size, and each fault a sentence that names the file."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from smartmask.io import json_text, reading
from smartmask.io.json_text import parse_json
from smartmask.io.reading import (
    open_file,
    read_array,
    read_arrays,
    read_bytes,
    read_json,
    read_parquet,
    read_rows,
    read_tensors,
    read_text,
    tensor_names,
)

READERS: list[Callable[[Path], Any]] = [
    open_file, read_bytes, read_text, read_json, read_tensors, tensor_names, read_array, read_arrays, read_parquet,
    lambda path: read_rows(path, ("name",)),
]  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a megabyte, a thousand values, ten levels."""
    limits = replace(
        reading.LIMITS, json_mb=1, json_values=1000, dataset_mb=1, text_mb=1, table_mb=1, weights_mb=1, json_depth=10
    )
    monkeypatch.setattr(reading, "LIMITS", limits)
    monkeypatch.setattr(json_text, "LIMITS", limits)


# --- what is no file -------------------------------------------------------------------------------


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_regular_file_is_refused_at_once_also_behind_links(
    read: Callable[[Path], Any], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(tmp_path / "socket"))
        (tmp_path / "link").symlink_to(tmp_path / "pipe")
        (tmp_path / "zero").symlink_to("/dev/zero")
        kinds = {"pipe": "a pipe", "socket": "a socket", "link": "a pipe", "zero": "a device", ".": "a folder"}
        for name, kind in kinds.items():
            begun = time.monotonic()
            with pytest.raises(
                ValueError, match=rf"^The [\w ]+ '{tmp_path / name}' cannot be read: it is {kind}; give .*\.$"
            ):
                read(tmp_path / name)
            assert time.monotonic() - begun < 5


@pytest.mark.parametrize("read", READERS)
def test_what_cannot_be_opened(read: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_text("")
    for name in ("nothing", "file/nothing", "loop", "a\0b", "x" * 300):
        with pytest.raises(ValueError, match=r"^The [\w ]+ .*(does not exist|cannot be read).*\.$") as caught:
            read(tmp_path / name)
        assert "\0" not in str(caught.value)


@pytest.mark.parametrize("read", READERS)
def test_what_is_too_large_is_refused_before_it_is_read(
    read: Callable[[Path], Any], tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large"
    with file.open("wb") as handle:
        handle.truncate(3 << 20)  # of zeros that take no space
    with pytest.raises(ValueError, match=r"large' has 3 MB, more than 1; SMARTMASK_MAX_\w+_MB raises this limit\.$"):
        read(file)


def test_a_file_that_grows_is_not_read_beyond_its_limit(tmp_path: Path, small: None) -> None:
    # a file of /proc has size 0 and yet content; pretend that its content is large
    with pytest.raises(ValueError, match="has more than 1 MB"):
        read_bytes("/proc/kallsyms")


# --- JSON ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not valid JSON"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ("[-Infinity]", "-Infinity is no number of JSON"),
        ("[1e999]", "the number '1e999' is too large"),
        ("[" + "9" * 400 + "]", "is too large"),
        ("[" + "9" * 5000 + "]", "is too large"),
        ("[-" + "9" * 400 + ".5]", "is too large"),
        ("[9223372036854775808]", "is too large"),
        ('{"a": 1} x', "is not valid JSON"),
        ('["\udcff"]', "is not UTF-8 text"),
        ("[" * 10_000 + "]" * 10_000, r"is nested too deep \(10,000 levels\); at most 64 are read"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, r"is nested too deep \(10,000 levels\)"),
        ('["]]]]]]]]", ' * 100 + "]" * 100, r"is nested too deep \(100 levels\)"),
        ('["\\"]]]", ' * 100 + "]" * 100, r"is nested too deep \(100 levels\)"),
        ('["\\\\"' + ", [" * 100 + "]" * 101, r"is nested too deep \(101 levels\)"),
    ],
)
def test_what_is_no_json(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "names.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=rf"^The names '{file}' .*{says}.*\.$"):
        read_json(file, "names")


def test_brackets_in_texts_do_not_count_as_depth() -> None:
    value = ["[" * 1000, '"{[' * 500, "\\" * 7 + "[", {"a": ['\\"[[[']}] * 100
    assert parse_json(json.dumps(value).encode(), "It") == value


@given(st.recursive(st.text('[]{}",\\\\a\u00e9', max_size=6), lambda inner: st.lists(inner, max_size=3), max_leaves=30))
def test_depth_is_what_it_is(value: Any) -> None:
    def depth(item: Any) -> int:
        return 1 + max(map(depth, item), default=0) if isinstance(item, list) else 0

    many = [value, *[[]] * reading.LIMITS.json_depth]  # enough brackets that they are looked at
    for ascii_only in (True, False):
        assert json_text._depth(json.dumps(many, ensure_ascii=ascii_only).encode()) == max(depth(value) + 1, 2)


def test_numbers_that_fit_are_read_as_ever() -> None:
    text = "[9223372036854775807, -9223372036854775808, 1e308, 0.12345678901234567890123, 1E-400, 1e+20]"
    assert parse_json(text.encode(), "It") == json.loads(text)


def test_more_values_than_the_limit(tmp_path: Path, small: None) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([[]] * 1000))
    with pytest.raises(
        ValueError, match=r"holds more than 1,000 values; SMARTMASK_MAX_JSON_VALUES raises this limit\.$"
    ):
        read_json(file)
    file.write_text(json.dumps([0] * 990))
    assert len(read_json(file)) == 990


def test_a_key_written_twice(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text('{"1": "sky", "1": "road"}')
    assert read_json(file) == {"1": "road"}
    with pytest.raises(ValueError, match="the key '1' occurs twice"):
        read_json(file, "names", unique=True)


def test_many_keys_are_checked_in_time(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text(json.dumps({str(i): "a" for i in range(200_000)}).replace('"199999"', '"0"'))
    begun = time.monotonic()
    with pytest.raises(ValueError, match="the key '0' occurs twice"):
        read_json(file, unique=True)
    assert time.monotonic() - begun < 5


# --- weights and tables ----------------------------------------------------------------------------


def test_tensors_there_and_back_in_the_order_of_the_file(tmp_path: Path) -> None:
    given = {f"t{i}": np.full((2, 3), i, np.float32) for i in range(20)} | {"b": np.array([True, False])}
    save_file(given, tmp_path / "w", {"about": "me"})
    tensors, metadata = read_tensors(tmp_path / "w")
    assert metadata == {"about": "me"}
    assert tensors.keys() == given.keys() == tensor_names(tmp_path / "w")
    assert list(tensors) == list(read_tensors(tmp_path / "w")[0])
    assert all(np.array_equal(tensors[name], given[name]) for name in given)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weights_that_are_not_finite(tmp_path: Path, value: float, dtype: type) -> None:
    array = np.zeros((3, 5), dtype)
    array[1, 2] = value
    save_file({"good": np.zeros(2, np.int8), "head.bias": array}, tmp_path / "w")
    with pytest.raises(
        ValueError, match=r"/w' is damaged: 'head.bias' holds numbers that are not finite; restore it\.$"
    ):
        read_tensors(tmp_path / "w")
    assert not np.isfinite(read_tensors(tmp_path / "w", finite=False)[0]["head.bias"]).all()


@given(st.binary(max_size=200), st.booleans())
def test_anything_as_weights(data: bytes, sized: bool) -> None:
    import tempfile

    if sized:
        data = (len(data) // 2).to_bytes(8, "little") + data
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        for read in (read_tensors, tensor_names):
            with pytest.raises(ValueError, match=f"^The weights file '{file.name}' is damaged"):
                read(file.name)


def test_a_header_as_large_as_it_likes(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes((1 << 62).to_bytes(8, "little") + b"{}" * 100)
    with pytest.raises(ValueError, match="it is no safetensors file, or cut off"):
        read_tensors(tmp_path / "w")


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read_array(tmp_path / "a.npy").tolist() == [0, 1, 2]
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array(["a", "b"]))
    assert {k: v.tolist() for k, v in read_arrays(tmp_path / "a.npz").items()} == {"x": [0, 1, 2], "y": ["a", "b"]}


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    trap = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", trap=trap)
    with pytest.raises(ValueError, match="is not a NumPy array"):
        read_array(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="is not a NumPy archive"):
        read_arrays(tmp_path / "a.npz")


def test_an_archive_that_unpacks_to_more_than_its_limit(tmp_path: Path, small: None) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(3 << 20, np.uint8))
    with pytest.raises(ValueError, match=r"is not a NumPy archive \(it unpacks to 3,145,\d+ bytes\)"):
        read_arrays(tmp_path / "a.npz")


def test_rows_of_csv(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes('\ufeffname,x\r\n"a,\nb",1\r\nc,2\r\n'.encode())
    assert read_rows(file, ("name", "x")) == [{"name": "a,\nb", "x": "1"}, {"name": "c", "x": "2"}]
    with pytest.raises(ValueError, match=r"a\.csv' has no column 'y'; needed are name, y\.$"):
        read_rows(file, ("name", "y"))
    file.write_text("name,x\na\n")
    with pytest.raises(ValueError, match="too few columns in line 2"):
        read_rows(file, ("name", "x"))
    file.write_text("name,x\n" + "a" * 200_000 + ",1\n")
    with pytest.raises(ValueError, match="is not valid CSV"):
        read_rows(file, ("name", "x"))
