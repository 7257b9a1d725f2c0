"""Files in and out: read with errors that name the file, written beside their place and then moved there."""

from __future__ import annotations

import json
import os
import reprlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

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
    """``repr`` of a value for an error's sentence: one line, printable, cut to ``longest`` characters.

    Costs little whatever the value: of long, deep or large ones only the beginning is looked at.
    """
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = longest + 4
    brief.maxlevel = 3
    try:
        text = brief.repr(value)
    except (ValueError, OverflowError):  # Python writes no whole numbers of more than some thousand digits
        text = f"a {type(value).__name__} of thousands of digits"
    text = " ".join(text.split())
    text = text if text.isprintable() else ascii(text)[1:-1]
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


def save_json(obj: Any, path: str | Path) -> None:
    """Write indented UTF-8 JSON beside its place, then move it there.

    Raises ValueError for not-a-number and infinite values, which JSON has not.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(Path(path)) as handle:
        # File names need not be Unicode; their odd bytes become JSON escapes, which read back as they were.
        handle.write(text.encode("utf-8", "backslashreplace"))


def output_folder(path: str | Path) -> Path:
    """The folder, created if it was missing and proven writable; else a ValueError of one sentence."""
    path = Path(path)
    try:
        if path.exists() and not path.is_dir():
            raise ValueError(f"The output folder '{path}' is a file; choose another name.")
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".smartmask-{secrets.token_hex(4)}"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"Cannot write to the output folder '{path}' ({reason}); choose another one.") from error
    return path


def output_file(file: Path, suffix: str) -> Path:
    """A file to be written, its folder made and proven writable; ValueError before the work if it cannot be."""
    if file.suffix.lower() != suffix:
        raise ValueError(f"The output '{file}' must end in {suffix}.")
    if file.is_dir():
        raise ValueError(f"The output '{file}' is a folder; give a file name.")
    output_folder(file.parent)
    return file


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its place at the end of the block, and leaves the old one if the block fails."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as handle:
            yield handle
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
