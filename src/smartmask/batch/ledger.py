"""What is known of a batch: which tasks are done and which failed, in a journal that outlives whatever ends the run.

A task is done when its output is published and then its line is in the journal. Killed between the two, it is done
again and publishes the same over the same; so nothing is lost, and nothing is there twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from smartmask.batch.tasks import FAILED, JOURNAL, Task
from smartmask.io.journal import Journal, journal
from smartmask.io.publish import output_folder, remove_file, save_text

VERSION = 1
State = Literal["done", "failed", "new"]


class Ledger:
    """The journal as tables. Its lines: a head, then {"id", "digest", "state", ...} of each task that ended."""

    def __init__(self, folder: Path, lines: Journal, kind: str) -> None:
        self.folder, self._lines = folder, lines
        self.done: dict[str, str] = {}
        self.failed: dict[str, dict[str, Any]] = {}
        head = {"batch": kind, "version": VERSION}
        if not lines.records:
            lines.add(head)
        elif lines.records[0] != head:
            raise ValueError(
                f"The folder '{folder}' holds another kind of batch ({lines.records[0]}); give a new --out."
            )
        for record in lines.records[1:]:
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        name = str(record.get("id"))
        self.done.pop(name, None)
        self.failed.pop(name, None)
        if record.get("state") == "done":
            self.done[name] = str(record.get("digest"))
        else:
            self.failed[name] = record

    def state(self, task: Task) -> State:
        """What is known of the task as it is asked for now: one that is asked otherwise is new."""
        if self.done.get(task.id) == task.digest:
            return "done"
        return "failed" if self.failed.get(task.id, {}).get("digest") == task.digest else "new"

    def add(self, task: Task, state: Literal["done", "failed"], told: Mapping[str, Any]) -> None:
        """A task has ended."""
        record = {"id": task.id, "digest": task.digest, "state": state, **told}
        self._lines.add(record)
        self._take(record)

    def save_failed(self) -> None:
        """``failed.jsonl``: {"id", "error", "code", "tries", of a shard also "part"} of what failed; else no file."""
        file = self.folder / FAILED
        if not self.failed:
            remove_file(file)
            return
        rows = [row for record in self.failed.values() for row in _rows(record)]
        save_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), file)


def _rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of ``failed.jsonl`` about a task: one, or one for each part of it that failed."""
    told = {key: record.get(key) for key in ("id", "error", "code", "tries")}
    parts = record.get("failures") or {}
    yield from ([{**told, "part": part, "error": error} for part, error in parts.items()] or [told])


@contextmanager
def ledger(folder: str | Path, kind: str) -> Iterator[Ledger]:
    """The ledger of an output folder, which is made if it is missing. Raises BusyError if another run works there."""
    folder = output_folder(folder)
    with journal(folder / JOURNAL) as lines:
        found = Ledger(folder, lines, kind)
        try:
            yield found
        finally:
            found.save_failed()
