"""Files that are read, with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG")


def read_json(path: Path, what: str = "file", unique: bool = False) -> Any:
    """The content of a UTF-8 JSON file. Raises ValueError, naming the file, if it is missing or not JSON.

    unique: a key written twice is an error, since one of its values would be lost (files that people write).
    """

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
            raise ValueError(f"the key {short_repr(twice)} occurs twice")
        return record

    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe would be waited for, a device read for ever
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ValueError(f"The {what} '{path}' cannot be read: it is {kind}; give a JSON file.")
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=checked if unique else None)
    except FileNotFoundError as error:
        raise ValueError(f"The {what} '{path}' does not exist; check the path.") from error
    except OSError as error:
        raise ValueError(f"The {what} '{path}' cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The {what} '{path}' is not UTF-8 text; save it as JSON in UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The {what} '{path}' is not valid JSON ({error}).") from error


def short_repr(value: Any, longest: int = 60) -> str:
    """``repr`` of a value for an error's sentence, cut to ``longest`` characters."""
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


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
