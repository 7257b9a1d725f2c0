"""A client of the service for Python programs: masks as arrays, pictures as files, progress as a callback.

Of this package it needs numpy and the geometry of masks alone; the service may be on another machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np

from smartmask.geometry import rle_decode
from smartmask.io.publish import save_bytes
from smartmask.io.reading import read_bytes

Told = Callable[[str, int, int], None]  # stage, done, all


class ServiceError(RuntimeError):
    """The service refused; the text is its sentence. status: of HTTP. code: its word for programs."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.code = status, code


@dataclass(frozen=True, eq=False)
class Suggested:
    """A suggestion. mask, visible: (H, W) bool, whole and seen. about: box, score, order, seed, why, ... as told."""

    mask: np.ndarray
    visible: np.ndarray
    score: float
    order: int
    seed: int
    about: dict[str, Any]


class Client:
    """A session with a service, ended by ``close`` or at the end of a ``with`` block.

    address: "http://127.0.0.1:8420". key: an API key, where the service wants one. seconds: until an answer is missed.
    """

    def __init__(self, address: str = "http://127.0.0.1:8420", key: str | None = None, seconds: float = 600) -> None:
        self.address, self.seconds = address.rstrip("/"), seconds
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._headers["X-SmartMask-Session"] = self._json("POST", "/v1/sessions")["session"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session; the service deletes its files."""
        self._send("DELETE", "/v1/session").close()

    # --- requests --------------------------------------------------------------------------------

    def upload(self, path: str, name: str = "picture") -> str:
        """The id of a picture's file, to be used where a request takes a picture."""
        data = read_bytes(path, "picture", "picture_mb", "a picture file")
        with self._send("POST", f"/v1/files?name={name}", data, "application/octet-stream") as answer:
            return str(json.load(answer)["id"])

    def masks(self, object: str, told: Told | None = None, **request: Any) -> list[Suggested]:
        """Suggestions, best first. request: as ``POST /v1/masks`` takes it (photo, size, scene, guides, ...)."""
        found = self.ask("masks", {"object": object, **request}, told)
        return [
            Suggested(_mask(one["mask"]), _mask(one["visible"]), one["score"], one["order"], one["seed"], one)
            for one in found["masks"]
        ]

    def ask(self, name: str, request: Mapping[str, Any], told: Told | None = None) -> dict[str, Any]:
        """The answer of ``POST /v1/NAME`` as JSON. told: hears how far it is. Raises ServiceError."""
        if told is None:
            return self._json("POST", f"/v1/{name}", request)
        for event, data in self._events(f"/v1/{name}", request):
            if event == "progress":
                told(data["stage"], data["done"], data["all"])
            elif event == "error":
                raise ServiceError(0, data["error"]["code"], data["error"]["message"])
            elif event == "result":
                return dict(data["result"])
        raise ServiceError(0, "cut_off", "The service ended before it answered; ask again.")

    def save(self, file: Mapping[str, Any], path: str) -> None:
        """Writes a file of an answer (``answer["result"]``) to a path."""
        with self._send("GET", file["url"]) as answer:
            save_bytes(answer.read(), path)

    # --- HTTP ------------------------------------------------------------------------------------

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with self._send(method, path, data, "application/json") as answer:
            return dict(json.load(answer))

    def _events(self, path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        name, more = "", {"Accept": "text/event-stream"}
        with self._send("POST", path, json.dumps(body).encode(), "application/json", more) as answer:
            for line in answer:
                text = line.decode().rstrip("\n")
                name = text.removeprefix("event: ") if text.startswith("event: ") else name
                if text.startswith("data: "):
                    yield name, json.loads(text.removeprefix("data: "))

    def _send(
        self, method: str, path: str, data: bytes | None = None, kind: str = "", more: Mapping[str, str] | None = None
    ) -> Any:
        headers = {**self._headers, **({"Content-Type": kind} if data is not None else {}), **(more or {})}
        try:
            return urlopen(Request(self.address + path, data, headers, method=method), timeout=self.seconds)
        except HTTPError as error:
            try:
                told = json.load(error)["error"]
            except (ValueError, KeyError, TypeError):
                told = {"code": "http", "message": f"The service answered {error.code} {error.reason}."}
            raise ServiceError(error.code, told["code"], told["message"]) from None
        except URLError as error:
            raise ServiceError(0, "unreachable", f"There is no service at {self.address} ({error.reason}).") from None


def _mask(code: Mapping[str, Any]) -> np.ndarray:
    return np.asarray(rle_decode(dict(code)), dtype=bool)
