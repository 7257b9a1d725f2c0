"""A finished folder takes the place of another: at once where the system can, else by moves that can be undone.

1. The finished files lie in a hidden folder inside the target. Nothing of the target has changed.
2. Where the target may be exchanged, the hidden folder moves beside it, gets hard links of what else is in the target,
   and both change names in one step (renameat2). A process killed before that step has changed nothing; one killed
   after it has left the new result whole, and beside it the old folder, which the next writer clears away.
3. Else (a mount point, the present folder, no right to its parent, a system without that step) the earlier files move
   into a journal's folder, ``result.json`` first, and the new ones out of it, ``result.json`` last. Where
   ``result.json`` lies, the result is whole; a process killed between has left the earlier result in the journal, and
   the next writer puts it back.

Callers hold the target's lock and have flushed what is to be published. Names are relative to the target, with forward
slashes.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from smartmask.io.flush import flush_folder
from smartmask.io.locks import PREFIX, discard

RESULT = "result.json"
_FRESH = PREFIX + "fresh"  # lies in a finished folder until nothing of the earlier one is left
_JOURNAL = PREFIX + "journal"
_MOST_LINKS = 500  # other entries of a target that are linked over; a fuller one is not exchanged
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def files_of(folder: Path) -> list[str]:
    """The names of all files below a folder, ``result.json`` last."""
    found = []
    for where, _, files in os.walk(folder):
        found += [(Path(where) / file).relative_to(folder).as_posix() for file in files if file != _FRESH]
    return sorted(found, key=lambda name: (name == RESULT, name))


def publish(hidden: Path, target: Path, old: Iterable[str]) -> None:
    """Moves the files of ``hidden``, a folder in ``target``, into place, and those called ``old`` away: all or none."""
    new = files_of(hidden)
    gone = sorted({*old, *(name for name in new if os.path.lexists(target / name))})
    if not _exchanged(hidden, target, {*gone, *new}):
        _moved(hidden, target, gone, new)


def mark(hidden: Path) -> None:
    """Tells a finished folder from what it will have replaced, should the process be killed around the exchange."""
    (hidden / _FRESH).touch()


def recover(target: Path) -> None:
    """Finishes or undoes what a killed process has begun at a target, whose lock is held."""
    aside = _aside(target)
    if _ours(aside):
        if (aside / _FRESH).exists():  # never exchanged: links and unpublished files
            _clear(aside)
        else:
            _rescue(aside, target, set(listed(aside)))
            _clear(aside)
    (target / _FRESH).unlink(missing_ok=True)
    if _ours(target / _JOURNAL):
        _undo(target)


def _ours(folder: Path) -> bool:
    """Whether that is a folder, no link, that no other user has put there."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "geteuid") or status.st_uid == os.geteuid())


def exchange(one: Path, other: Path) -> None:
    """Two folders change names in one step. Raises OSError where that cannot be."""
    call = _renameat2()
    if call is None:
        raise OSError(38, "renameat2 is missing")
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


@lru_cache(maxsize=1)
def _renameat2() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # another system, or an old C library
        return None


def _aside(target: Path, way: str = "") -> Path:
    """Where the other folder lies around an exchange: beside the target, a name for each target."""
    return target.parent / (PREFIX + way + hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16])


def _exchanged(hidden: Path, target: Path, own: set[str]) -> bool:
    """Whether the target was exchanged; if not, nothing has changed. own: names that are not linked over."""
    aside = _aside(target)
    linked: list[str] = []
    try:
        if not _may_exchange(target) or os.path.lexists(aside):
            return False
        _copy_rights(target, hidden)
        os.rename(hidden, aside)
    except OSError:
        return False
    try:
        if _link(target, aside, own, linked):
            if linked:
                flush_folder(aside)
            exchange(aside, target)
            done = True
        else:
            done = False
    except OSError:
        done = False
    if done:
        _rescue(aside, target, own, set(linked))
        _clear(aside)
        (target / _FRESH).unlink()
    else:
        for name in linked:
            (aside / name).unlink()
        os.rename(aside, hidden)
    return done


def _copy_rights(source: Path, goal: Path) -> None:
    there, here = os.lstat(source), os.lstat(goal)
    if there.st_gid != here.st_gid:
        os.chown(goal, -1, there.st_gid)
    shutil.copystat(source, goal)


def _may_exchange(target: Path) -> bool:
    """Whether nobody is harmed: ours, no mount point, and not the folder that we stand in."""
    there, parent = os.lstat(target), os.stat(target.parent)
    try:
        inside = Path.cwd().is_relative_to(target)
    except OSError:  # the present folder is gone
        inside = False
    mine = not hasattr(os, "geteuid") or there.st_uid == os.geteuid()
    return mine and not inside and there.st_dev == parent.st_dev


def _link(target: Path, aside: Path, own: set[str], linked: list[str]) -> bool:
    """Links what else is in the target into the new folder; whether all of it could be. linked: the names done."""
    device = os.lstat(target).st_dev
    for where, folders, files in os.walk(target):
        inside = Path(where).relative_to(target)
        status = os.lstat(where)
        links = [name for name in folders if (Path(where) / name).is_symlink()]
        if status.st_dev != device or len(linked) > _MOST_LINKS:
            return False
        others = [name for name in (*files, *links) if (inside / name).as_posix() not in own]
        empty = not folders and not files
        if where != str(target) and (others or empty):
            _make_like(target, aside, inside)
        for name in others:
            relative = (inside / name).as_posix()
            os.link(target / relative, aside / relative, follow_symlinks=False)
            linked.append(relative)
    return True


def _make_like(target: Path, aside: Path, inside: Path) -> None:
    """Makes a folder, and those that it is in, with the rights that they have in the target."""
    for part in (*reversed(inside.parents), inside):
        if not (aside / part).is_dir():
            (aside / part).mkdir()
            _copy_rights(target / part, aside / part)


def _rescue(aside: Path, target: Path, own: set[str], linked: set[str] | None = None) -> None:
    """Moves over what came into the earlier folder after its entries were linked; ``linked`` ones that were changed."""
    for where, folders, files in os.walk(aside):
        inside = Path(where).relative_to(aside)
        for name in (*files, *(name for name in folders if (Path(where) / name).is_symlink())):
            relative = (inside / name).as_posix()
            there = target / relative
            changed = linked is not None and relative in linked and not _same(aside / relative, there)
            if relative not in own and (changed or not os.path.lexists(there)):
                there.parent.mkdir(parents=True, exist_ok=True)
                os.replace(aside / relative, there)


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def _clear(folder: Path) -> None:
    """Removes a folder; what tells how it came to be goes last."""
    last = (RESULT, _FRESH)
    for name in sorted(os.listdir(folder), key=lambda name: last.index(name) if name in last else -1):
        discard(folder / name)
    try:
        folder.rmdir()
    except OSError:  # its owner forbids it, or somebody has put something there
        return


def _moved(hidden: Path, target: Path, gone: list[str], new: list[str]) -> None:
    journal = target / _JOURNAL
    (journal / "old").mkdir(parents=True)
    with open(journal / "plan.json", "xb") as file:
        file.write(json.dumps({"new": new}).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    os.rename(hidden, journal / "new")
    flush_folder(journal)
    try:
        for name in sorted(gone, key=lambda name: (name != RESULT, name)):
            _move(target / name, journal / "old" / name)
        _flush_folders(target, gone)
        for name in new:
            _move(journal / "new" / name, target / name)
    except BaseException:
        _undo(target)
        raise
    _flush_folders(target, new)
    _clear_journal(journal)
    _drop_empty(target, gone)


def _undo(target: Path) -> None:
    """Puts the earlier files back, unless all new ones are in place. May itself be stopped and begun again."""
    journal = target / _JOURNAL
    plan = journal / "plan.json"
    fresh = files_of(journal / "new") if (journal / "new").is_dir() else []
    if plan.is_file() and fresh:
        new = [name for name in json.loads(plan.read_bytes())["new"] if _inside(name)]
        for name in sorted(new, key=lambda name: (name != RESULT, name)):
            if not (journal / "new" / name).exists() and os.path.lexists(target / name):
                _move(target / name, journal / "new" / name)
        for name in files_of(journal / "old"):
            _move(journal / "old" / name, target / name)
        _flush_folders(target, new)
        _drop_empty(target, new)
    _clear_journal(journal)


def _clear_journal(journal: Path) -> None:
    """Removes the journal: first what would undo, so that a process stopped here has nothing to undo."""
    (journal / "plan.json").unlink(missing_ok=True)
    discard(journal)


def _move(source: Path, goal: Path) -> None:
    goal.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, goal)


def _drop_empty(target: Path, names: Iterable[str]) -> None:
    for part in sorted({part for name in names for part in Path(name).parents}, key=lambda part: -len(part.parts)):
        if part.parts:
            try:
                (target / part).rmdir()  # only ever removes an empty folder
            except OSError:
                continue


# --- what is on the disk, and what was there -----------------------------------------------------------


def _flush_folders(target: Path, names: Iterable[str]) -> None:
    for part in {Path(name).parent for name in names} | {Path()}:
        if (target / part).is_dir():
            flush_folder(target / part)


def listed(folder: Path) -> list[str]:
    """The files that the ``result.json`` of a folder calls its own and that are there; no link leads to them."""
    try:
        record = json.loads((folder / RESULT).read_bytes()) if _plain(folder, RESULT) else None
    except (OSError, ValueError, RecursionError):
        return [RESULT]
    if record is None:
        return []
    return sorted({RESULT, *(name for name in _named(record) if _inside(name) and _plain(folder, name))})


def _named(record: Any) -> Iterable[str]:
    """File names of a result: what stands under the keys that name files."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key in ("files", "mask", "visible", "overlay", "file") and isinstance(value, (str, list)):
                yield from (name for name in ([value] if isinstance(value, str) else value) if isinstance(name, str))
            elif isinstance(value, (dict, list)):
                yield from _named(value)
    elif isinstance(record, list):
        for value in record:
            yield from _named(value)


def _inside(name: str) -> bool:
    path = Path(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not name.startswith(PREFIX)


def _plain(folder: Path, name: str) -> bool:
    """Whether that is a regular file, and real folders lead to it."""
    try:
        parents = [os.lstat(folder / part).st_mode for part in Path(name).parents if part.parts]
        return all(map(stat.S_ISDIR, parents)) and stat.S_ISREG(os.lstat(folder / name).st_mode)
    except (OSError, ValueError):
        return False


def publish_whole(hidden: Path, target: Path) -> None:
    """``hidden``, beside the target, takes its place with all that it holds; what the target was is gone."""
    if not target.exists():
        os.rename(hidden, target)
    else:
        try:
            exchange(hidden, target)  # the caller removes what is then hidden
        except OSError:
            aside = _aside(target, "whole-")
            os.rename(target, aside)
            os.rename(hidden, target)
            flush_folder(target.parent)
            discard(aside)
    flush_folder(target.parent)


def recover_whole(target: Path) -> None:
    """Puts a folder back that a killed process had moved aside for one that never came, or removes it."""
    aside = _aside(target, "whole-")
    if not _ours(aside):
        return
    if target.exists():
        discard(aside)
    else:
        os.rename(aside, target)
