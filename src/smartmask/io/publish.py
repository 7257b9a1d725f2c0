"""The one way to a user's path: every file and folder appears whole or not at all, and takes nobody else's place.

``staging`` fills a result folder, ``replacing_folder`` a folder that is one thing (weights, checkpoints), ``replacing``
one file; what they write lies under a hidden name until it is whole (``locks.py``, ``swap.py``). Nothing that the call
reads is written over (``inputs.py``), no link is followed but the output's own name, and what dead processes have left
in the folder goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from smartmask.io import signals, swap
from smartmask.io.flush import Flusher, flush_folder
from smartmask.io.inputs import check_file_not_read, check_not_read
from smartmask.io.locks import discard, hidden_name, hold, locked, sweep
from smartmask.io.places import check_folder, check_free, explained, no_room, settled, size_of
from smartmask.io.swap import RESULT, files_of

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["RESULT", "check_replaceable", "files_of", "joining", "output_file", "output_folder", "publish_folder",
           "remove_file", "remove_folder", "replacing", "replacing_folder", "save_bytes", "save_json", "save_tensors",
           "save_text", "staging"]  # fmt: skip

# What a folder that ``replacing_folder`` may replace is known by.
_KNOWN = ("model_index.json", "config.json", "adapter_config.json", "state.json", "pack.json", ".safetensors")
# Folders that are being staged: what they will be called, and what brings their files to the disk.
_staged: dict[Path, tuple[str, Flusher]] = {}


# --- folders -------------------------------------------------------------------------------------


@contextmanager
def staging(folder: str | Path, adding: bool = False) -> Iterator[Path]:
    """A hidden folder to write results into; its files appear in ``folder`` when the block succeeds.

    The folder is created and proven writable before the block runs, so a long computation never ends in front of a
    closed door. If the block fails or is interrupted, nothing has changed: folders made for it are removed. Files that
    the folder's earlier ``result.json`` lists give way, unless the new ones are only ``adding``, as do regular files
    of the same names; others stay. A process killed at any moment leaves the earlier result whole or the new one.
    Raises ValueError for a folder that cannot be written, something in the way or an input of this call, BusyError if
    another process writes there, WriteError where the space is short.
    """
    target = settled(folder, "output folder")
    check_folder(target, folder)
    with ExitStack() as stack:
        stack.callback(_remove_empty, [part for part in (target, *target.parents) if not part.exists()])
        with explained(folder):
            stack.enter_context(locked(target))
            swap.recover(target)
            sweep(target)
            old = [] if adding else swap.listed(target)
            check_free(target, old, folder)
            check_not_read(target, old)
            signals.tell(str(folder), "the earlier result is untouched in" if old else "nothing was written to")
            hidden = stack.enter_context(_hidden(target, str(folder)))
        yield hidden
        with signals.undisturbed():
            new = files_of(hidden)
            check_free(target, new, folder)
            check_not_read(target, [*old, *new])
            with explained(folder):
                swap.mark(hidden)
                _staged[hidden][1].finish(hidden)
                swap.publish(hidden, target, old)
            signals.tell(str(folder), "the new result is complete in")


@contextmanager
def replacing_folder(folder: str | Path) -> Iterator[Path]:
    """A hidden folder to fill, which takes the place of ``folder`` as a whole when the block succeeds.

    Within a folder that is itself being staged it is simply made. Raises ValueError for a folder that cannot be
    written, or that holds other things than what is saved in folders, WriteError where the space is short.
    """
    target = settled(folder, "output folder")
    if _is_staged(target):
        target.mkdir(parents=True, exist_ok=True)
        yield target
        return
    check_folder(target, folder)
    with ExitStack() as stack:
        parent = target.parent
        stack.callback(_remove_empty, [part for part in (parent, *parent.parents) if not part.exists()])
        with explained(folder):
            parent.mkdir(parents=True, exist_ok=True)
            sweep(parent)
            swap.recover_whole(target)
            check_not_read(target, ["."])
            _check_known(target, folder)
            hidden = stack.enter_context(_hidden(parent, str(folder)))
        yield hidden
        with signals.undisturbed(), explained(folder):
            _staged[hidden][1].finish(hidden)
            swap.publish_whole(hidden, target)


def check_replaceable(folder: str | Path) -> Path:
    """The settled path of a folder that ``publish_folder`` may put in place. Raises ValueError as that does."""
    target = settled(folder, "output folder")
    check_folder(target, folder)
    with explained(folder):
        sweep(target.parent)
        swap.recover_whole(target)
        check_not_read(target, ["."])
        _check_known(target, folder)
    return target


def publish_folder(finished: Path, folder: Path) -> None:
    """``finished``, a folder of ours on the same disk, takes the place of ``folder`` in one step; what was there goes.

    Raises ValueError for a folder that holds other things than what is saved in folders.
    """
    target = check_replaceable(folder)
    with signals.undisturbed(), explained(folder):
        for path in (*(finished / name for name in files_of(finished)), finished):
            flush_folder(path)
        swap.publish_whole(finished, target)
        if finished.exists():  # the two have changed names
            remove_folder(finished)


@contextmanager
def joining(hidden: Path, folder: str | Path) -> Iterator[Path]:
    """A folder that another process of the same run is filling (``replacing_folder``), to be filled here as well.

    The other brings all of it to the disk. Raises ValueError if the folder is not there: processes that fill one
    together need a disk that all of them see.
    """
    if not hidden.is_dir():
        raise ValueError(f"The folder '{folder}' of the main process is not seen by this one; give one that all share.")
    flusher = Flusher()
    _staged[hidden] = str(folder), flusher
    try:
        with no_room(hidden, str(folder), lambda: size_of(hidden)):
            yield hidden
    finally:
        _staged.pop(hidden, None)
        flusher.close()


@contextmanager
def _hidden(parent: Path, shown: str) -> Iterator[Path]:
    """A new hidden folder, known as living while its lock is held; whatever is left of it goes in the end."""
    hidden = parent / hidden_name()
    lock = None
    flusher = Flusher()
    try:
        hidden.mkdir()
        lock = hold(hidden)
        _staged[hidden] = shown, flusher
        with no_room(parent, shown, lambda: size_of(hidden)):
            yield hidden
    finally:
        with signals.undisturbed():
            flusher.close()
            discard(hidden)
            _staged.pop(hidden, None)
            if lock is not None:
                os.close(lock)


def _check_known(target: Path, shown: str | Path) -> None:
    names = os.listdir(target) if target.is_dir() else []
    if names and not any(name.endswith(_KNOWN) for name in names):
        raise ValueError(f"The folder '{shown}' holds other things, such as '{sorted(names)[0]}'; give a new folder.")


def _remove_empty(folders: list[Path]) -> None:
    with signals.undisturbed():
        for folder in folders:
            try:
                folder.rmdir()  # only ever removes an empty folder
            except OSError:
                return


def output_folder(path: str | Path) -> Path:
    """The folder, created if it was missing and proven writable; else a ValueError of one sentence."""
    target = settled(path, "output folder")
    check_folder(target, path)
    with explained(path):
        target.mkdir(parents=True, exist_ok=True)
        sweep(target)
        probe = target / hidden_name()
        probe.touch(exist_ok=False)
        probe.unlink()
    return Path(path)


def remove_folder(folder: Path) -> None:
    """Removes a folder of ours as a whole: it has gone under its name before the first of its files goes."""
    if folder.is_symlink() or not folder.is_dir():
        return
    hidden = folder.with_name(hidden_name())
    os.rename(folder, hidden)
    discard(hidden)


# --- files ---------------------------------------------------------------------------------------


def output_file(file: str | Path, suffix: str) -> Path:
    """A file to be written, its folder made and proven writable; ValueError before the work if it cannot be.

    What is a link stays one: the file that it leads to is returned, and will be replaced.
    """
    target = settled(file)
    if target.suffix.lower() != suffix:
        raise ValueError(f"The output '{file}' must end in {suffix}.")
    if target.is_dir():
        raise ValueError(f"The output '{file}' is a folder; give a file name.")
    check_file_not_read(target)
    output_folder(target.parent)
    return target


@contextmanager
def replacing(path: str | Path, new: bool = False) -> Iterator[BinaryIO]:
    """A file to write that takes its place at the end of the block, and leaves the old one if the block fails.

    Within a staged folder its folders are made. Only a regular file is replaced, and with ``new`` none:
    FileExistsError if one has come in the meantime. Raises ValueError for an input of this call, WriteError where the
    space is short.
    """
    path = Path(path)
    if _is_staged(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(path, "wb", _called(path)) as handle:
            yield handle
        next(_staged[folder][1] for folder in path.parents if folder in _staged).begin(path)
        return
    check_file_not_read(path)
    if os.path.lexists(path) and not path.is_file():
        raise ValueError(f"'{path}' is no file, and in the way of one; move it away, or choose another name.")
    temporary = path.with_name(hidden_name())
    try:
        with _opened(temporary, "xb", str(path)) as handle:
            lock = hold(temporary)
            try:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
                _place(temporary, path, new)
            finally:
                os.close(lock)
        flush_folder(path.parent)
    finally:
        discard(temporary)


@contextmanager
def _opened(path: Path, mode: str, shown: str) -> Iterator[BinaryIO]:
    handle: BinaryIO = open(path, mode)  # type: ignore[assignment]  # noqa: SIM115 - closing it may fail too
    try:
        with no_room(path.parent, shown, handle.tell):
            yield handle
            handle.flush()
    except BaseException:
        with suppress(OSError):  # what is still in its buffer cannot be written either
            handle.close()
        raise
    handle.close()


def _place(temporary: Path, path: Path, new: bool) -> None:
    if not new:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # unlike a rename it fails where a file is
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(17, os.strerror(17), str(path)) from None
        os.replace(temporary, path)


def save_json(obj: Any, path: str | Path, indent: int | None = 2) -> None:
    """Writes UTF-8 JSON, as a whole. Raises ValueError for not-a-number and infinite values, which JSON has not."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(obj, indent=indent, ensure_ascii=False, allow_nan=False, separators=separators) + "\n"
    # File names need not be Unicode; their odd bytes become JSON escapes, which read back as they were.
    save_bytes(text.encode("utf-8", "backslashreplace"), path)


def save_text(text: str, path: str | Path) -> None:
    """Writes UTF-8 text, as a whole."""
    save_bytes(text.encode("utf-8", "backslashreplace"), path)


def save_bytes(data: bytes, path: str | Path, new: bool = False) -> None:
    """Writes bytes, as a whole. new: see ``replacing``."""
    with replacing(path, new) as handle, no_room(Path(path).parent, _called(Path(path)), lambda: len(data)):
        handle.write(data)
        handle.flush()


def save_tensors(
    tensors: Mapping[str, torch.Tensor] | Mapping[str, np.ndarray], path: str | Path,
    metadata: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Writes a safetensors file of torch's tensors or numpy's arrays, into a folder that is being staged."""
    path = Path(path)
    if not _is_staged(path):
        raise RuntimeError(f"'{path}' lies in no staged folder")  # a mistake of ours: the library writes by name
    path.parent.mkdir(parents=True, exist_ok=True)
    if any(hasattr(tensor, "detach") for tensor in tensors.values()):
        from safetensors.torch import save_file
    else:
        from safetensors.numpy import save_file  # type: ignore[assignment]
    save_file(tensors, path, metadata)  # type: ignore[arg-type]


def remove_file(path: Path) -> None:
    """Removes a file of ours; nothing if it is not there."""
    path.unlink(missing_ok=True)


def _is_staged(path: Path) -> bool:
    return any(folder in _staged for folder in path.parents)


def _called(path: Path) -> str:
    """What a file will be called once its folder is in place."""
    for folder in path.parents:
        if folder in _staged:
            return str(Path(_staged[folder][0]) / path.relative_to(folder))
    return str(path)
