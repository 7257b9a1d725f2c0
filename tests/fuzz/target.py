"""What a target is, and what is judged of each input: success, or one plain sentence of the package's own."""

from __future__ import annotations

import linecache
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from telling import fault_of_sentence

import smartmask
from fuzz.mutate import Mutation, mutate_bytes

PACKAGE = str(Path(smartmask.__file__).parent)
CORPUS = Path(__file__).parent / "corpus"
LARGEST = 1 << 16  # bytes of an input


@dataclass(frozen=True)
class Target:
    """One thing that reads what comes from outside.

    run: takes an input's bytes and a folder to write into; it raises what the reader raises. seeds: good inputs, made
    in code. mutate: makes other inputs of them. share: of the inputs that a light target gets, less the slower it is.
    """

    name: str
    run: Callable[[bytes, Path], object]
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutation = mutate_bytes
    share: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """accepted: the input was read. finding: what is wrong with how it was not, None if nothing is. where: in the
    code, which tells findings apart."""

    accepted: bool
    finding: str | None = None
    where: str = ""


def judge(target: Target, data: bytes, folder: Path) -> Outcome:
    """Runs one input. Any outcome but success or one plain sentence of the package's own is a finding."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)  # numpy's, on a user's terminal
            target.run(data, folder)
    except Exception as error:
        return _judged(error)
    return Outcome(True)


def tried(target: Target, data: bytes) -> Outcome:
    """``judge`` in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="smartmask-fuzz-") as folder:
        return judge(target, data, Path(folder))


def _judged(error: Exception) -> Outcome:
    kind, text = type(error), str(error)
    if kind is not ValueError and not kind.__module__.startswith("smartmask."):
        return Outcome(False, f"{kind.__name__}: {text[:200]}", _where(error))
    if (fault := fault_of_sentence(text)) is not None:
        return Outcome(False, f"{fault}: {text[:200]!a}", _where(error))
    if not _said_here(error.__traceback__):
        return Outcome(False, f"not the package's own sentence: {text[:200]}", _where(error))
    return Outcome(False)


def _said_here(trace: TracebackType | None) -> bool:
    """Whether the error was raised by a ``raise`` of the package."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    file = trace.tb_frame.f_code.co_filename
    return file.startswith(PACKAGE) and "raise" in linecache.getline(file, trace.tb_lineno)


def _where(error: Exception) -> str:
    """The innermost line of the package, or of the targets."""
    frames = traceback.extract_tb(error.__traceback__)
    last = ([frame for frame in frames if frame.filename.startswith(PACKAGE)] or frames)[-1]
    return f"{Path(last.filename).name}:{last.name}: {re.sub(r'[0-9]+', '0', (last.line or '').strip())[:80]}"


def stop(reason: str) -> None:
    """Ends the process with a sentence."""
    print(f"fuzz: {reason}", file=sys.stderr)
    raise SystemExit(2)
