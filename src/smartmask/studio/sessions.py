"""Sessions: each has a folder of its own, reached by a secret alone, and gone when it ends."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from smartmask.io.publish import output_folder, remove_file, remove_folder
from smartmask.studio.refused import RefusedError

_TOKEN = 24  # bytes of a session's secret


@dataclass(frozen=True)
class StoredFile:
    """A file of a session: its id and name for people, where it lies, what it is, and its size in bytes."""

    id: str
    name: str
    path: Path
    media: str
    size: int
    about: dict[str, Any]

    def described(self) -> dict[str, Any]:
        """For answers; ``about`` holds width, height, ... of pictures."""
        url = f"/v1/files/{self.id}"
        return {"id": self.id, "name": self.name, "media": self.media, "bytes": self.size, "url": url, **self.about}


@dataclass
class Session:
    """The files and answers of one user at one time. token: the secret that leads to it."""

    token: str
    folder: Path
    most_bytes: int
    most_files: int
    files: dict[str, StoredFile] = field(default_factory=dict)
    jobs: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[str, Any]] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def file(self, number: str) -> StoredFile:
        """The file of an id. Raises RefusedError, 404, for one that this session has not."""
        found = self.files.get(number)
        if found is None:
            raise RefusedError(404, "no_file", f"There is no file '{number[:40]}' in this session; upload it first.")
        return found

    @contextmanager
    def writing(self, suffix: str) -> Iterator[tuple[Path, BinaryIO]]:
        """``(path, handle)`` of a new file, gone if the block fails; ``keep`` makes it one of the session's.

        Not brought to the disk at once, as results are: it does not outlive the session.
        """
        path = self.folder / f"{secrets.token_hex(8)}{suffix}"
        try:
            with open(path, "xb") as handle:
                yield path, handle
        except BaseException:
            remove_file(path)
            raise

    def keep(self, path: Path, name: str, media: str, about: dict[str, Any] | None = None) -> StoredFile:
        """Makes a file of the folder one of the session. Raises RefusedError, 413, beyond what it may hold."""
        size = path.stat().st_size
        with self.lock:
            if len(self.files) >= self.most_files:
                self._refuse(path, f"holds {len(self.files)} files already")
            if self.size() + size > self.most_bytes:
                self._refuse(path, f"would hold more than {self.most_bytes >> 20:,} MB")
            stored = StoredFile(f"f_{secrets.token_hex(8)}", name[:200], path, media, size, about or {})
            self.files[stored.id] = stored
        return stored

    def _refuse(self, path: Path, trouble: str) -> None:
        remove_file(path)
        raise RefusedError(413, "session_full", f"The session {trouble}; delete files that are no longer needed.")

    def size(self) -> int:
        """Bytes of its files."""
        return sum(stored.size for stored in self.files.values())

    def forget(self, number: str) -> None:
        """Deletes a file. Raises RefusedError, 404, for one that this session has not."""
        stored = self.file(number)
        with self.lock:
            self.files.pop(number, None)
            self.kept.clear()
        remove_file(stored.path)


class Sessions:
    """All sessions of a service. root: their folder. minutes: until one that is not used ends."""

    def __init__(self, root: Path, most: int, minutes: float, most_mb: int, most_files: int) -> None:
        self.root = output_folder(root)
        self.most, self.seconds, self.most_bytes, self.most_files = most, minutes * 60, most_mb << 20, most_files
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self) -> Session:
        """A new session. Raises RefusedError, 429, when there are too many."""
        self.sweep()
        with self._lock:
            if len(self._sessions) >= self.most:
                raise RefusedError(
                    429, "too_many_sessions", f"There are {self.most} sessions already; try again later.",
                    {"Retry-After": "60"},
                )  # fmt: skip
            token = secrets.token_urlsafe(_TOKEN)
            folder = output_folder(self.root / f"session-{secrets.token_hex(8)}")
            session = Session(token, folder, self.most_bytes, self.most_files)
            self._sessions[token] = session
        return session

    def find(self, token: str | None) -> Session | None:
        """The session of a secret, None for one that has ended or never was."""
        session = self._sessions.get(token or "")
        if session is not None:
            session.used = time.monotonic()
        return session

    def end(self, token: str) -> None:
        """Ends a session: its jobs are cancelled, its files deleted."""
        with self._lock:
            session = self._sessions.pop(token, None)
        if session is not None:
            for job in list(session.jobs.values()):
                job.cancel("The session has ended.")
            with suppress(OSError):
                remove_folder(session.folder)

    def sweep(self) -> None:
        """Ends those that were not used for their time, unless a job of theirs is at work."""
        now = time.monotonic()
        for token, session in list(self._sessions.items()):
            if now - session.used > self.seconds and not any(job.is_open for job in session.jobs.values()):
                self.end(token)

    def close(self) -> None:
        """Ends all."""
        for token in list(self._sessions):
            self.end(token)
