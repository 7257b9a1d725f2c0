"""Files that are read: only regular ones, each fault a sentence that names the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smartmask.io.files import read_json


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match=f"The names '{path}' cannot be read"):
            read_json(path, "names")


def test_a_key_written_twice(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text('{"1": "sky", "1": "road"}')
    assert read_json(file) == {"1": "road"}
    with pytest.raises(ValueError, match="the key '1' occurs twice"):
        read_json(file, "names", unique=True)
