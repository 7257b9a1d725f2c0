"""JSON read a row at a time: the same values as a parser that reads it whole, and the same refusals."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartmask.io import json_rows, json_text, reading
from smartmask.io.json_rows import JsonRows, read_tables

TRICKY = st.text(st.sampled_from('ab"\\[]{},: é\n'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | TRICKY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TRICKY, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(
    TRICKY, VALUES | st.lists(st.dictionaries(TRICKY, VALUES, max_size=3), max_size=4), max_size=4
)


def whole(content: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, JsonRows) else value for name, value in content.items()}


def mixed(content: dict[str, Any]) -> bool:
    """Whether a list holds objects and other things."""
    lists = [value for value in content.values() if isinstance(value, list)]
    return any(0 < sum(isinstance(row, dict) for row in rows) < len(rows) for rows in lists)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of seven bytes, so that everything is cut somewhere."""
    monkeypatch.setattr(json_rows, "_CHUNK", 7)
    monkeypatch.setattr(json_rows, "_BATCH", 20)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=OBJECTS, indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans())
def test_the_same_as_a_whole_parser(
    tmp_path: Path, narrow: None, content: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(content, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    if mixed(content):
        with pytest.raises(ValueError, match="is not a list of objects"):
            read_tables(file)
    else:
        assert whole(read_tables(file)) == content


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=OBJECTS, at=st.integers(0, 200), sign=st.sampled_from(["", "{", "}", "[", "]", '"', ",", "\\", "0"]))
def test_damage_is_refused_or_read_as_the_whole_parser_reads_it(
    tmp_path: Path, narrow: None, content: dict[str, Any], at: int, sign: str
) -> None:
    text = json.dumps(content)
    at %= len(text)
    text = text[:at] + sign + text[at + 1 :]
    (tmp_path / "a.json").write_text(text)
    try:
        found = whole(read_tables(tmp_path / "a.json"))
    except ValueError:
        return
    try:
        assert found == json.loads(text)
    except json.JSONDecodeError:
        pytest.fail(f"{text!r} is not JSON, but was read as {found}")


def write(folder: Path, text: str) -> Path:
    (folder / "a.json").write_text(text)
    return folder / "a.json"


def test_rows_by_number_and_slice_and_in_another_process(tmp_path: Path) -> None:
    file = write(tmp_path, json.dumps({"info": {"a": [{"b": 1}]}, "rows": [{"id": i} for i in range(9)], "none": []}))
    content = read_tables(file)
    rows = content["rows"]
    assert content["info"] == {"a": [{"b": 1}]}
    assert content["none"] == []
    assert (len(rows), rows[0], rows[-1]) == (9, {"id": 0}, {"id": 8})
    assert list(rows[2:5]) == [{"id": 2}, {"id": 3}, {"id": 4}]
    assert list(pickle.loads(pickle.dumps(rows.select([7, 1])))) == [{"id": 7}, {"id": 1}]
    with pytest.raises(IndexError):
        rows[9]


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    rows = read_tables(write(tmp_path, '{"rows": [{"a": 1}, {"a": 2}]}'))["rows"]
    write(tmp_path, '{"rows": [{"a": 1}, {"a": 2}, {"a": 3}]}')
    with pytest.raises(ValueError, match=r"a\.json' has changed since it was opened; read it again"):
        list(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"rows": [{"a": 1}', r"a\.json' is not valid JSON"),
        ('{"rows": [{"a": 1]}', r"a\.json' is not valid JSON"),
        ('{"rows": [{"a": 1} {"a": 2}]}', r"a\.json' is not valid JSON"),
        ('{"rows": [{"a": 1}, 5]}', "'rows' is not a list of objects"),
        ('{"rows": [], "rows": [{"a": 1}]}', "the key 'rows' occurs twice"),
        ('[{"a": 1}]', "is a JSON list, not an object"),
        ("", "is not valid JSON"),
        ('{"rows": ' + "[" * 99 + "]" * 99 + "}", r"nested too deep \(\d+ levels\); at most 64"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_tables(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_broken_row_is_told_when_it_is_read(tmp_path: Path) -> None:
    rows = read_tables(write(tmp_path, '{"rows": [{"a": 1}, {"a": NaN}]}'))["rows"]
    assert rows[0] == {"a": 1}
    with pytest.raises(ValueError, match=r"a\.json' is not valid JSON \(NaN is no number"):
        rows[1]


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(reading.LIMITS, dataset_mb=1, dataset_values=100)
    for module in (reading, json_text, json_rows):
        monkeypatch.setattr(module, "LIMITS", limits)
    with pytest.raises(ValueError, match="more than 100 values; SMARTMASK_MAX_DATASET_VALUES raises this limit"):
        read_tables(write(tmp_path, json.dumps({"rows": [{"a": 1}] * 200})))
    with pytest.raises(ValueError, match="2 MB, more than 1; SMARTMASK_MAX_DATASET_MB raises this limit"):
        read_tables(write(tmp_path, " " * (2 << 20) + "{}"))
