"""Files by address (http, https), read in turn: a connection that breaks is taken up again where it broke.

Nothing is asked for but the address that a user gave and files beside it. The standard library's client answers for
proxies and certificates; a reply that is no file, too large or not to be gone on with is a ValueError.
"""

from __future__ import annotations

import http.client
import io
import time
import urllib.error
import urllib.request
from typing import Any

from smartmask.io.limits import LIMITS, MEGABYTE
from smartmask.io.sentences import short_repr

SECONDS = 60.0  # until a server has to say something
TRIES = 5  # in a row without a byte
_BROKEN = (OSError, http.client.HTTPException)


def is_address(text: str) -> bool:
    """Whether that is an address that can be read."""
    return text.startswith(("http://", "https://"))


def read_address(address: str) -> bytes:
    """A small file's content; at most ``LIMITS.dataset_mb``."""
    most = LIMITS.dataset_mb * MEGABYTE
    with open_address(address) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{address} has more than {LIMITS.dataset_mb:,} MB.")
    return data


def open_address(address: str) -> Remote:
    """A file behind an address, to be read from its beginning. Raises ValueError where it cannot be had."""
    if not is_address(address):
        raise ValueError(f"{short_repr(address)} is no address that can be read; give one with http:// or https://.")
    return Remote(address)


class Remote(io.RawIOBase):
    """The bytes behind an address. ``read`` gives all that was asked for, but at the end."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address, self._at, self._length = address, 0, -1
        self._reply: Any = None
        self._ask()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        """``size`` bytes (all, if negative), fewer at the end alone. Raises ValueError if the server is lost."""
        found = bytearray()
        tries = 0
        while size < 0 or len(found) < size:
            try:
                data = self._some(MEGABYTE if size < 0 else size - len(found))
            except _BROKEN as error:
                tries += 1
                if tries == TRIES:
                    raise ValueError(f"{self._address} broke off at byte {self._at:,} ({_reason(error)}).") from None
                time.sleep(0.1 * 2**tries)
                self._reply = None
                continue
            if not data:
                break
            tries = 0
            found += data
        return bytes(found)

    def close(self) -> None:
        """Lets the connection go."""
        if self._reply is not None:
            self._reply.close()
        super().close()

    def _some(self, size: int) -> bytes:
        if self._reply is None:
            self._ask()
        data: bytes = self._reply.read(size)
        self._at += len(data)
        if not data and 0 <= self._at < self._length:
            raise http.client.IncompleteRead(b"", self._length - self._at)
        return data

    def _ask(self) -> None:
        """A reply that starts at the present byte. Raises ValueError for an answer that no retry would mend."""
        headers = {"Range": f"bytes={self._at}-"} if self._at else {}
        request = urllib.request.Request(self._address, headers=headers)
        try:
            self._reply = urllib.request.urlopen(request, timeout=SECONDS)
        except urllib.error.HTTPError as error:
            if error.code >= 500 and self._at:
                raise
            raise ValueError(f"{self._address} cannot be read (HTTP {error.code}); check the address.") from None
        except _BROKEN as error:
            if self._at:
                raise
            raise ValueError(f"{self._address} cannot be read ({_reason(error)}); check the address.") from None
        if self._at and self._reply.status != 206:
            raise ValueError(f"{self._address} broke off at byte {self._at:,}, and its server cannot go on there.")
        if not self._at:
            self._length = int(self._reply.headers.get("Content-Length") or -1)


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    return "no answer in time" if isinstance(reason, TimeoutError) else str(reason) or type(reason).__name__
