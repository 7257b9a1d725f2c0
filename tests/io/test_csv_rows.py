"""CSV files by the value of a column."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartmask.io.csv_rows import CsvRows


def write(folder: Path, text: str | bytes) -> Path:
    (folder / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / "a.csv"


def test_lines_by_key(tmp_path: Path) -> None:
    file = write(tmp_path, '\ufeffid,name,n\r\nb,x,1\r\n\r\na,"y, z",2\nb,é,3')
    rows = CsvRows(file, ("id", "n"), "id")
    assert rows.keys == ["b", "a"]
    assert [row["name"] for row in rows.of("b")] == ["x", "é"]
    assert list(rows.of("a")) == [{"id": "a", "name": "y, z", "n": "2"}]
    assert list(rows.of("c")) == []
    assert CsvRows(file, (), "id", only={"a"}).keys == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,n\n1\n", r"a\.csv' has 1 columns in line 2, not 2"),
        ("n,m\n1,2\n", "has no column 'id'; needed are id"),
        ("", "has no column 'id'"),
        ("id,n\n" + "x" * (1 << 17), "more than 65,536 characters in line 2"),
        (b"id,n\n\xff,1\n", "is not ASCII in line 2"),
        (b"\xff\xfe,n\n", r"is not valid CSV in line 1"),
    ],
)
def test_bad_files(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CsvRows(write(tmp_path, text), ("id",), "id")
