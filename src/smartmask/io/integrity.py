"""Whether saved models are what was saved: checksums of their files, and settings of the right kind and range.

A folder's JSON holds under ``SUMS`` the SHA-256 of the files beside and below it; folders of older versions, and of
other programs, hold none. They tell damage, not malice: whoever can write the folder can write its sums.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from smartmask.io.limits import LIMITS
from smartmask.io.reading import file_sum
from smartmask.io.sentences import short_repr

SUMS = "sha256"
_DEEP = re.compile(r"steps|layers|depth|heads|voters|octaves|blocks")  # fields that count what is run one by one
_UNFIT = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")  # what would disturb a terminal
Range = tuple[float, float]
Config = TypeVar("Config")


# --- checksums -------------------------------------------------------------------------------------


def sums_of(folder: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """``{path below the folder: SHA-256 in hex digits}`` of these files; None: of all that there are, sorted."""
    if names is None:
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: file_sum(folder / name) for name in names}


def check_sums(index: Path, record: Mapping[str, Any]) -> None:
    """Raises ValueError, naming the file, if one has another checksum than ``record``, the content of ``index``, says.

    What is missing is told by whoever needs it: a folder may be used without a part.
    """
    sums = record.get(SUMS, {})
    good = isinstance(sums, dict) and all(isinstance(value, str) for value in sums.values())
    if not good or any(not name or name.startswith("/") or ".." in name.split("/") for name in sums):
        raise ValueError(f"{index} is damaged: its {SUMS} holds no checksums of files below it; restore it.")
    for name, wanted in sums.items():
        path = index.parent / name
        if path.exists() and file_sum(path) != wanted:
            raise ValueError(f"{path} is damaged: its checksum is not the one in {index.name}; restore it.")


# --- settings --------------------------------------------------------------------------------------


def settings_of(
    config: Callable[..., Config], record: Any, path: Path, ranges: Mapping[str, Range] | None = None, part: str = ""
) -> Config:
    """``config``, a dataclass, of a JSON object. Raises ValueError, naming file and field, for what cannot be right.

    Whole numbers go from 1 to LIMITS.network_size, or where they count layers or steps to LIMITS.network_depth; other
    numbers are finite; ``ranges`` says it otherwise. So nothing large is made of a number that is a mistake.
    part: which of the file's fields ``record`` is, in the plural; none where it is all of it.
    """
    holds, has = (f"its {part} are", f"its {part} have") if part else ("it holds", "it has")
    if not isinstance(record, dict):
        raise ValueError(f"{path} is damaged: {holds} {short_repr(record)} instead of a JSON object; restore it.")
    kinds = get_type_hints(config)
    given = {name: value for name, value in record.items() if name != SUMS}
    known = {field.name for field in fields(config)}  # type: ignore[arg-type]
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{path} is damaged: {has} the unknown field {short_repr(name)}; restore it.")
        given[name] = _checked(value, kinds[name], name, path, (ranges or {}).get(name))
    try:
        return config(**given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); restore it.") from None


def _checked(value: Any, kind: Any, name: str, path: Path, limits: Range | None) -> Any:
    if is_dataclass(kind):
        return settings_of(kind, value, path, part=name)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        if not isinstance(value, list) or len(value) > LIMITS.network_size:
            raise _unfit(path, name, value, "a list")
        return tuple(_checked(item, get_args(kind)[0], name, path, limits) for item in value)
    if kind is bool:
        if not isinstance(value, bool):
            raise _unfit(path, name, value, "true or false")
    elif kind is str:
        if not isinstance(value, str):
            raise _unfit(path, name, value, "a text")
        check_names([value], f"{path} is damaged: its {name}")
    elif kind is int:
        low, high = limits or (1, LIMITS.network_depth if _DEEP.search(name) else LIMITS.network_size)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _unfit(path, name, value, f"a whole number from {low:,} to {high:,}")
    elif kind is float:
        low, high = limits or (-1e6, 1e6)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not low <= value <= high:
            raise _unfit(path, name, value, f"a number from {low:g} to {high:g}")
    return value


def _unfit(path: Path, name: str, value: Any, wanted: str) -> ValueError:
    return ValueError(f"{path} is damaged: its {name} is {short_repr(value)}, not {wanted}; restore it.")


def check_numbers(record: Any, path: Path, place: str = "") -> None:
    """Raises ValueError if a number anywhere in another library's config is none that a network could have.

    Large ones, such as an id of a token, stay below a million; what counts layers or steps below LIMITS.network_depth.
    """
    if isinstance(record, dict):
        for name, value in record.items():
            check_numbers(value, path, f"{place}.{name}" if place else str(name))
    elif isinstance(record, list):
        for value in record:
            check_numbers(value, path, place)
    elif isinstance(record, (int, float)) and not isinstance(record, bool):
        last = place.rsplit(".", 1)[-1]
        counted = "layers" in last and "id" not in last
        most = LIMITS.network_depth if counted else 10_000_000
        if not math.isfinite(record) or abs(record) > most:
            raise _unfit(path, place[:100], record, f"a number up to {most:,}")


def check_names(names: Iterable[Any], what: str) -> tuple[str, ...]:
    """Names that a file of weights holds: texts of up to LIMITS.name characters, without control characters.

    ``what`` begins the sentence of a ValueError.
    """
    found = tuple(names)
    for name in found:
        if not isinstance(name, str):
            raise ValueError(f"{what} holds the name {short_repr(name)}, which is no text; restore it.")
        if len(name) > LIMITS.name:
            raise ValueError(f"{what} holds a name of {len(name):,} characters; at most {LIMITS.name:,} are read.")
    if _UNFIT.search("".join(found)):
        wrong = next(name for name in found if _UNFIT.search(name))
        raise ValueError(f"{what} holds the name {short_repr(wrong)} with control characters; restore it.")
    return found
