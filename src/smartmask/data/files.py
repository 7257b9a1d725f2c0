"""Reading the files of a data set, with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ValueError, naming the file, if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}).") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from None


def field(record: Any, name: str, path: Path, what: str) -> Any:
    """``record[name]``. Raises ValueError, naming the file, if ``record`` is no object or lacks the field."""
    if not isinstance(record, dict):
        raise ValueError(f"{path}: {what} is a {type(record).__name__}, not a JSON object.")
    if name not in record:
        raise ValueError(f"{path}: {what} has no '{name}'.")
    return record[name]


def photo_beside(folder: Path, stem: str) -> Path | None:
    """The photograph of that stem in a folder, whatever its extension; None if there is none."""
    for suffix in PHOTO_SUFFIXES:
        if (folder / (stem + suffix)).is_file():
            return folder / (stem + suffix)
    return None


def files_in(folder: Path, pattern: str, what: str) -> list[Path]:
    """The files that match a glob pattern, sorted. Raises ValueError, naming the folder, if there are none."""
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        raise ValueError(f"{folder} holds no {what} ({pattern}).")
    return found
