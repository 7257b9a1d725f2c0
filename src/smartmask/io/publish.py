"""Result folders: what the commands write, all of it or nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smartmask.io.files import output_folder

if TYPE_CHECKING:
    pass


RESULT = "result.json"
# Files that a later run of other content would leave behind; no dots or leading slashes, so none lies elsewhere.
_OWN_FILES = (
    r"overlay\.png|(?:mask|visible|overlay)_\d{2,}\.png|result\.(?:png|jpg|webp)|steps\.gif|picture\.png|"
    r"(?:layers|steps|jobs|\d{2,}_[a-z0-9_]+)/[a-z0-9_/]+\.(?:png|json)"
)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A hidden folder to write results into; its files appear in ``folder`` when the block succeeds.

    The folder is created and proven writable before the block runs (ValueError if not), so a long
    computation never ends in front of a closed door. If the block fails or is interrupted, nothing has changed:
    folders made for it are removed. Other files in the folder stay, but for those that its earlier
    ``result.json`` lists, which would otherwise lie beside a result that is not theirs.
    """
    folder = Path(folder)
    created = [part for part in (folder, *folder.parents) if not part.exists()]
    hidden: Path | None = None
    try:
        output_folder(folder)
        hidden = Path(tempfile.mkdtemp(prefix=".smartmask-", dir=folder))
        yield hidden
        with _undisturbed():
            _publish(hidden, folder)
    finally:
        with _undisturbed():
            if hidden is not None:
                shutil.rmtree(hidden, ignore_errors=True)
            for part in created:
                try:
                    part.rmdir()  # only ever removes an empty folder
                except OSError:
                    break


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and a request to end wait until the block is done: files are moved all or none of them.

    Without effect off the main thread, where Python never raises them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    former = {
        number: signal.signal(number, lambda came, _: waiting.append(came))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for came in waiting:
            signal.raise_signal(came)


def _publish(hidden: Path, folder: Path) -> None:
    """Move everything into place, ``result.json`` last: where it lies, the result is complete."""
    _remove_earlier(folder)
    files = sorted((path for path in hidden.rglob("*") if path.is_file()), key=lambda path: path.name == RESULT)
    for path in files:
        target = folder / path.relative_to(hidden)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)


def _remove_earlier(folder: Path) -> None:
    result = folder / RESULT
    if not result.is_file():
        return
    listed = set(re.findall(f'"({_OWN_FILES})"', result.read_text(encoding="utf-8", errors="replace")))
    result.unlink()
    for name in listed:
        (folder / name).unlink(missing_ok=True)
