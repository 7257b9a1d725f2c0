"""The one module that opens what a user's path names for reading; nothing else in this package does.

Only regular files, also behind links: a pipe is waited for, a device read for ever. What was opened is judged, not the
path, so that nothing can be put in its place in between. Each kind of file has its size (``limits.py``), and each fault
is a ValueError of one sentence that names the file. Pickles are never read.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import math
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartmask.io.json_text import parse_json
from smartmask.io.limits import LIMITS, MEGABYTE, PREFIX
from smartmask.io.sentences import reason_of, short_path, short_repr

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG")
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_HEADER = 16 * MEGABYTE  # of a safetensors file: its tensors' names and places
_GLANCE = 256 << 10
_SAFETENSORS = "a safetensors file"


# --- files -----------------------------------------------------------------------------------------


def open_file(
    path: str | Path, what: str = "file", limit: str = "text_mb", wanted: str = "a file"
) -> io.BufferedReader:
    """A regular file, opened for reading; the caller closes it.

    what: names the file in sentences. limit: the field of LIMITS that its size must not exceed. wanted: what to give.
    """
    path, name = Path(path), short_path(path)
    try:
        # O_NONBLOCK: a pipe without a writer opens at once, and is then refused; on regular files it does nothing
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"The {what} '{name}' does not exist; check the path.") from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # what opening a socket says
            raise ValueError(f"The {what} '{name}' cannot be read: it is a socket; give {wanted}.") from None
        raise ValueError(f"The {what} '{name}' cannot be read ({(error.strerror or str(error)).lower()}).") from None
    except ValueError as error:  # a null character in the path
        raise ValueError(f"The {what} {str(path)!r} cannot be read ({error}).") from None
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            kind = _KINDS.get(stat.S_IFMT(about.st_mode), "a device")
            raise ValueError(f"The {what} '{name}' cannot be read: it is {kind}; give {wanted}.")
        most = getattr(LIMITS, limit)
        if about.st_size > most * MEGABYTE:
            raise ValueError(
                f"The {what} '{name}' has {about.st_size / MEGABYTE:,.0f} MB, more than {most:,}; "
                f"{PREFIX}{limit.upper()} raises this limit."
            )
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def file_says(path: str | Path, words: Sequence[str], limit: str = "dataset_mb") -> bool:
    """Whether one of some words stands in the first, middle or last 256 kB of a file: which kind of data set it is."""
    try:
        with open_file(path, "file", limit) as handle:
            length = os.fstat(handle.fileno()).st_size
            for at in (0, length // 2, max(0, length - _GLANCE)):
                handle.seek(at)
                data = handle.read(min(_GLANCE, length))
                if any(word.encode() in data for word in words):
                    return True
    except (ValueError, OSError):
        return False  # who reads it says what is wrong
    return False


def read_bytes(path: str | Path, what: str = "file", limit: str = "text_mb", wanted: str = "a file") -> bytes:
    """The content of a regular file. Raises ValueError as ``open_file`` does, also if it grows beyond its limit."""
    most = getattr(LIMITS, limit) * MEGABYTE
    with open_file(path, what, limit, wanted) as handle:
        try:
            # asked for n bytes, a file takes memory for n, however few it has; some of /proc state no size
            data = handle.read(min(os.fstat(handle.fileno()).st_size, most) + 1)
            while len(data) <= most and (more := handle.read(MEGABYTE)):
                data += more
        except OSError as error:
            raise ValueError(f"The {what} '{path}' cannot be read ({error.strerror}).") from None
    if len(data) > most:  # files of /proc state no size, and others may grow
        raise ValueError(f"The {what} '{path}' has more than {most // MEGABYTE:,} MB; give {wanted}.")
    return data


def file_sum(path: str | Path, what: str = "file", limit: str = "model_mb") -> str:
    """The SHA-256 of a file in hex digits."""
    with open_file(path, what, limit) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_text(path: str | Path, what: str = "file", wanted: str = "a text file in UTF-8") -> str:
    """The content of a UTF-8 file, with or without a byte order mark."""
    try:
        return read_bytes(path, what, wanted=wanted).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"The {what} '{path}' is not UTF-8 text; give {wanted}.") from None


def read_rows(path: str | Path, columns: Sequence[str], what: str = "table") -> list[dict[str, str]]:
    """The rows of a CSV file by the names in its first line. Raises ValueError if one of ``columns`` is missing."""
    rows = csv.DictReader(io.StringIO(read_text(path, what, "a CSV file"), newline=""))
    try:
        missing = [column for column in columns if column not in (rows.fieldnames or [])]
        if missing:
            raise ValueError(f"The {what} '{path}' has no column '{missing[0]}'; needed are {', '.join(columns)}.")
        content = list(rows)
    except csv.Error as error:
        raise ValueError(f"The {what} '{path}' is not valid CSV ({error}).") from None
    for number, row in enumerate(content, start=2):
        if any(row[column] is None for column in columns):
            raise ValueError(f"The {what} '{path}' has too few columns in line {number}.")
    return content


def lines_of(path: str | Path, what: str = "list", limit: str = "dataset_mb") -> Iterator[bytes]:
    """The lines of a file, one at a time and without their ends; one that is longer than a JSON file may be is refused.

    what, limit: as for ``open_file``; a list of a data set is never held whole.
    """
    longest = LIMITS.json_mb * MEGABYTE
    with open_file(path, what, limit, "a text file of one record a line") as handle:
        number = 0
        while line := handle.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise ValueError(f"Line {number} of the {what} '{path}' is longer than {LIMITS.json_mb:,} MB.")
            yield line.rstrip(b"\r\n")


# --- JSON ------------------------------------------------------------------------------------------


def read_json(path: str | Path, what: str = "file", unique: bool = False, dataset: bool = False) -> Any:
    """The content of a UTF-8 JSON file. Raises ValueError, naming the file, if it is missing, too large or not JSON.

    unique: a key written twice is an error, since one of its values would be lost (files that people write).
    dataset: annotations of a data set, which may be larger.
    """
    kind = "dataset" if dataset else "json"
    data = read_bytes(path, what, f"{kind}_mb", "a JSON file")
    return parse_json(data, f"The {what} '{path}'", unique, f"{kind}_values")


def field(record: Any, name: str, path: Path, what: str) -> Any:
    """``record[name]``. Raises ValueError, naming the file, if ``record`` is no object or lacks the field."""
    if not isinstance(record, dict):
        raise ValueError(f"{path}: {what} is a {type(record).__name__}, not a JSON object.")
    if name not in record:
        raise ValueError(f"{path}: {what} has no '{name}'.")
    return record[name]


# --- weights and tables ----------------------------------------------------------------------------


def read_tensors(
    path: str | Path, what: str = "weights file", finite: bool = True
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """``({name: array}, metadata)`` of a safetensors file; arrays are read-only.

    Raises ValueError, naming file and tensor, for damage, and if ``finite`` for numbers that are not.
    """
    import numpy as np

    data = read_bytes(path, what, "weights_mb", _SAFETENSORS)
    header = _header(data, f"The {what} '{path}' is damaged")
    try:
        tensors = {name: _tensor(data, about) for name, about in header.items() if name != "__metadata__"}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"The {what} '{path}' is damaged ({reason_of(error)}); restore it.") from None
    for name, array in tensors.items():
        if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(
                f"The {what} '{path}' is damaged: {short_repr(name)} holds numbers that are not finite; restore it."
            )
    return tensors, dict(header.get("__metadata__") or {})


_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


def _tensor(data: bytes, about: Any) -> np.ndarray:
    """An array of a safetensors file, as its header tells it, without a copy; the library ends the process with a
    panic where memory is short."""
    import numpy as np

    first, last = about["data_offsets"]
    shape = tuple(about["shape"])
    kind = np.dtype(_TYPES[about["dtype"]])
    start = 8 + int.from_bytes(data[:8], "little")
    if not all(isinstance(number, int) and number >= 0 for number in (first, last, *shape)):
        raise ValueError("a tensor has a shape or place that cannot be")
    if last - first != math.prod(shape) * kind.itemsize or start + last > len(data):
        raise ValueError("a tensor has another size than its shape, or the file is cut off")
    return np.frombuffer(data, kind, math.prod(shape), start + first).reshape(shape)


def tensor_names(path: str | Path, what: str = "weights file") -> set[str]:
    """The names of the tensors in a safetensors file, from its header alone."""
    with open_file(path, what, "weights_mb", _SAFETENSORS) as handle:
        data = handle.read(8 + _HEADER)
    return set(_header(data, f"The {what} '{path}' is damaged")) - {"__metadata__"}


def _header(data: bytes, damaged: str) -> dict[str, Any]:
    """The header of a safetensors file: its length (8 bytes, little-endian), then JSON."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(len(data) - 8, _HEADER):
        raise ValueError(f"{damaged} (it is no safetensors file, or cut off); restore it.")
    header = parse_json(data[8 : 8 + size], f"{damaged}: its header", unique=True)
    about = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(about, dict) or not all(isinstance(text, str) for text in about.values()):
        raise ValueError(f"{damaged} (its header is no JSON object, or its metadata are not texts); restore it.")
    return dict(header)


def read_array(path: str | Path, what: str = "array") -> np.ndarray:
    """The array of a NumPy file (.npy), never a pickle."""
    import numpy as np

    with open_file(path, what, "weights_mb", "a .npy file") as handle:
        try:
            found: np.ndarray = np.lib.format.read_array(handle, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"The {what} '{path}' is not a NumPy array ({reason_of(error)}).") from None
    return found


def read_arrays(path: str | Path, what: str = "arrays") -> dict[str, np.ndarray]:
    """The arrays of a NumPy archive (.npz), never pickles."""
    import zipfile

    import numpy as np

    with open_file(path, what, "weights_mb", "a .npz file") as handle:
        try:
            with zipfile.ZipFile(handle) as archive:  # a few kilobytes may unpack to anything
                size = sum(item.file_size for item in archive.infolist())
            if size > LIMITS.weights_mb * MEGABYTE:
                raise ValueError(f"it unpacks to {size:,} bytes")
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as found:
                return dict(found)
        except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"The {what} '{path}' is not a NumPy archive ({reason_of(error)}).") from None


def read_parquet(path: str | Path, what: str = "table", **options: Any) -> pyarrow.Table:
    """A Parquet file as an Arrow table. options: ``columns`` and ``filters`` of ``pyarrow.parquet.read_table``."""
    import pyarrow
    import pyarrow.parquet

    with open_file(path, what, "table_mb", "a Parquet file") as handle:
        try:
            return pyarrow.parquet.read_table(handle, **options)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise ValueError(
                f"The {what} '{path}' is not a Parquet file as it should be ({reason_of(error)})."
            ) from None


# --- folders ---------------------------------------------------------------------------------------


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
