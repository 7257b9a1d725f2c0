"""What a batch is made of: tasks, each of which publishes something whole, and the work that does them."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from smartmask.errors import BusyError
from smartmask.io.explain import explain
from smartmask.io.sentences import short_repr

BUSY_SECONDS = 30.0  # how long a task waits for a worker of a run that was killed, which may not have noticed yet
# what the folder of a batch holds beside its results
JOURNAL, FAILED, SUMMARY = "journal.jsonl", "failed.jsonl", "summary.json"
_PART = re.compile(r"[\w(][\w .,+=@()'&-]*")


@dataclass(frozen=True)
class Task:
    """One thing to do. id: unique, and a path in the output folder, with forward slashes.

    payload: what the work needs, to be pickled.  digest: of all that its output depends on.
    """

    id: str
    payload: Any
    digest: str


Work = Callable[[Task], Mapping[str, Any]]  # does a task and publishes; returns what the journal keeps of it


class Make(Protocol):
    """Makes the work of worker ``number``, in that worker's process: loads models there. To be pickled."""

    def __call__(self, number: int) -> Work: ...


class Event(NamedTuple):
    """What a worker tells.

    kind: "ready" (its work is made), "broken" (it cannot be), "done", "failed", or "dead" (its process has gone).
    told: of what was done, what the journal keeps; of failures {"error": one sentence, "code": exit code}; of the dead
    {"error": how}.
    """

    worker: int
    kind: Literal["ready", "broken", "done", "failed", "dead"]
    told: Mapping[str, Any]


class Crew(Protocol):
    """Workers, numbered from 0, each with one task at a time. One that dies is replaced under its number."""

    size: int

    def give(self, worker: int, task: Task) -> None:
        """To a worker that is ready and has none."""
        ...

    def wait(self) -> list[Event]:
        """What happened since, at least one thing."""
        ...

    def close(self) -> None:
        """Ends all workers at once, whatever they do."""
        ...


def attempt(work: Work, task: Task) -> tuple[Literal["done", "failed"], Mapping[str, Any]]:
    """A task, done or failed; whatever goes wrong is a sentence."""
    begun = time.monotonic()
    while True:
        try:
            told = dict(work(task))
            return "done", told | {"seconds": round(time.monotonic() - begun, 3)}
        except BusyError as error:
            if time.monotonic() - begun > BUSY_SECONDS:
                return "failed", failure(error)
            time.sleep(0.2)
        except Exception as error:
            return "failed", failure(error)


def failure(error: BaseException) -> dict[str, Any]:
    """``{"error": one sentence, "code": exit code}`` of any error."""
    code, sentence = explain(error)
    return {"error": sentence, "code": code}


def digest_of(value: Any) -> str:
    """A short digest of JSON values; paths and the like count by their texts."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:20]


def check_id(name: Any, what: str) -> str:
    """An id that may be a folder's path: parts of letters, digits and a few signs. ``what`` begins the sentence."""
    parts = name.split("/") if isinstance(name, str) and len(name) <= 500 else [""]
    if not all(_PART.fullmatch(part) and len(part) <= 120 and part == part.strip() for part in parts):
        raise ValueError(
            f"{what} has the id {short_repr(name)}; give letters, digits and - _ . = + @, in parts of at most 120 "
            "between slashes, none of which begins with a point."
        )
    if parts[0] in (JOURNAL, FAILED, SUMMARY):
        raise ValueError(f"{what} has the id {short_repr(name)}, which is the name of a file of the batch; change it.")
    return str(name)


def safe_id(text: str) -> str:
    """An id made of any text, such as a file's name: what it may not hold becomes an underscore."""
    parts = [re.sub(r"[^\w .,+=@()'&-]", "_", part).strip() or "_" for part in text.split("/")]
    return "/".join((part if _PART.match(part) else f"_{part[1:]}")[:120].rstrip() for part in parts)
