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
import json
import math
import os
import reprlib
import stat
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartmask.io.limits import LIMITS, MEGABYTE, PREFIX

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG")
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_NO_MARKS = bytes(set(range(256)) - set(b'"[]{}'))  # what says nothing of how deep a JSON text is nested
# Numbers that may be beyond any use have three digits of exponent, or nineteen in a row. This table leaves what tells.
_DIGITS = bytes(0x30 if 0x30 <= code <= 0x39 else code if code == 0x2B else code | 32 if code | 32 == 0x65 else 32
                for code in range(256))  # fmt: skip
_LONG_NUMBERS = (b"e000", b"e+000", b"0" * 19)
_HEADER = 16 * MEGABYTE  # of a safetensors file: its tensors' names and places
_SAFETENSORS = "a safetensors file"


# --- files -----------------------------------------------------------------------------------------


def open_file(
    path: str | Path, what: str = "file", limit: str = "text_mb", wanted: str = "a file"
) -> io.BufferedReader:
    """A regular file, opened for reading; the caller closes it.

    what: names the file in sentences. limit: the field of LIMITS that its size must not exceed. wanted: what to give.
    """
    path = Path(path)
    try:
        # O_NONBLOCK: a pipe without a writer opens at once, and is then refused; on regular files it does nothing
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"The {what} '{path}' does not exist; check the path.") from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # what opening a socket says
            raise ValueError(f"The {what} '{path}' cannot be read: it is a socket; give {wanted}.") from None
        raise ValueError(f"The {what} '{path}' cannot be read ({(error.strerror or str(error)).lower()}).") from None
    except ValueError as error:  # a null character in the path
        raise ValueError(f"The {what} {str(path)!r} cannot be read ({error}).") from None
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            kind = _KINDS.get(stat.S_IFMT(about.st_mode), "a device")
            raise ValueError(f"The {what} '{path}' cannot be read: it is {kind}; give {wanted}.")
        most = getattr(LIMITS, limit)
        if about.st_size > most * MEGABYTE:
            raise ValueError(
                f"The {what} '{path}' has {about.st_size / MEGABYTE:,.0f} MB, more than {most:,}; "
                f"{PREFIX}{limit.upper()} raises this limit."
            )
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


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


# --- JSON ------------------------------------------------------------------------------------------


def read_json(path: str | Path, what: str = "file", unique: bool = False, dataset: bool = False) -> Any:
    """The content of a UTF-8 JSON file. Raises ValueError, naming the file, if it is missing, too large or not JSON.

    unique: a key written twice is an error, since one of its values would be lost (files that people write).
    dataset: annotations of a data set, which may be larger.
    """
    kind = "dataset" if dataset else "json"
    data = read_bytes(path, what, f"{kind}_mb", "a JSON file")
    return parse_json(data, f"The {what} '{path}'", unique, f"{kind}_values")


def parse_json(data: bytes, what: str, unique: bool = False, limit: str = "json_values") -> Any:
    """The value of a JSON text in UTF-8; ``what`` begins the sentence of a ValueError.

    How many values it has and how deep they are nested is known before it is parsed, which takes memory and stack.
    NaN, Infinity, and numbers beyond floats and 64 bits are no JSON.
    """
    count, most = data.count(b",") + data.count(b"[") + data.count(b"{"), getattr(LIMITS, limit)
    if count > most:
        raise ValueError(f"{what} holds more than {most:,} values; {PREFIX}{limit.upper()} raises this limit.")
    depth = _depth(data)
    if depth > LIMITS.json_depth:
        raise ValueError(f"{what} is nested too deep ({depth:,} levels); at most {LIMITS.json_depth} are read.")
    hooks: dict[str, Any] = {"parse_constant": _no_number}
    if unique:
        hooks["object_pairs_hook"] = _unique
    digits = data.translate(_DIGITS)
    if any(long in digits for long in _LONG_NUMBERS):  # the hooks are slow, and hardly any file needs them
        hooks |= {"parse_float": _float, "parse_int": _int}
    try:
        return json.loads(data.decode("utf-8-sig"), **hooks)
    except UnicodeDecodeError:
        raise ValueError(f"{what} is not UTF-8 text; save it as JSON in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not valid JSON ({error}).") from None


def _depth(data: bytes) -> int:
    """How deep lists and objects are nested, strings left out."""
    if data.count(b"[") + data.count(b"{") <= LIMITS.json_depth:
        return 0  # nothing to look at: most files
    marks = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    outside = b"".join(marks.split(b'"')[::2])
    return max(accumulate(1 if mark in b"[{" else -1 for mark in outside), default=0)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {short_repr(twice)} occurs twice")
    return record


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), -float("inf")):
        raise ValueError(f"the number {short_repr(text)} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError(f"the number {short_repr(text)} is too large")
    return int(text)


def field(record: Any, name: str, path: Path, what: str) -> Any:
    """``record[name]``. Raises ValueError, naming the file, if ``record`` is no object or lacks the field."""
    if not isinstance(record, dict):
        raise ValueError(f"{path}: {what} is a {type(record).__name__}, not a JSON object.")
    if name not in record:
        raise ValueError(f"{path}: {what} has no '{name}'.")
    return record[name]


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


def few_of(names: Iterable[object], most: int = 10) -> str:
    """Names in an error's sentence: the first ``most``, each cut, and how many more; "none" without any."""
    shown = [str(name) if len(str(name)) <= 30 else f"{str(name)[:27]}..." for name in dict.fromkeys(names)]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) or "none") + more


def reason_of(error: BaseException, longest: int = 100) -> str:
    """What a library says is wrong, for an error's sentence: its first line, printable, cut, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[0] if lines[0].isprintable() else ascii(lines[0])[1:-1]
    return (text if len(text) <= longest else text[: longest - 3] + "...").rstrip(".:")


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
    if not isinstance(header, dict):
        raise ValueError(f"{damaged} (its header is no JSON object); restore it.")
    return header


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
