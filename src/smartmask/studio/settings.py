"""How the service runs: where it listens, which models it offers, and how much of anything it takes."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import field_validator, model_validator

from smartmask.io.sentences import short_repr
from smartmask.io.settings import option
from smartmask.masks.weights import Weights

PASTE = "paste"


class ServeSettings(Weights):
    """What ``smartmask serve`` takes. Limits are of one request unless they say otherwise."""

    outputs = ("data",)

    host: str = option("127.0.0.1", "Where to listen; anything but this machine alone needs --keys.", metavar="ADDRESS")
    port: int = option(8420, "Port; 0 takes a free one.", ge=0, le=65535)
    open: bool = option(False, "Open the page in a browser.", flags=("--open",))
    inpainter: tuple[str, ...] = option(
        (), "Models that insert: NAME=FOLDER or a hub name; may be repeated. 'paste' is always there.", metavar="NAME"
    )
    segmenter: str | None = option(None, "Panoptic model that reads photos without a layout.", metavar="MODEL")
    device: str | None = option(None, "Where models that paint run: cpu, cuda, cuda:1, mps.")
    keys: Path | None = option(None, "File of API keys, one a line; requests then need one.", metavar="FILE")
    allow_origin: tuple[str, ...] = option(
        (), "Other sites whose pages may ask (CORS); none by default.", metavar="ORIGIN"
    )
    data: Path | None = option(None, "Where sessions keep their files; a temporary folder by default.", metavar="DIR")
    workers: int = option(2, "Requests worked on at a time.", ge=1, le=64)
    queue: int = option(16, "Requests that may wait; beyond them the answer is 429.", ge=0, le=10_000)
    sessions: int = option(100, "Sessions at a time.", ge=1, le=100_000)
    session_minutes: float = option(120.0, "Minutes after its last request until a session ends.", gt=0)
    session_mb: int = option(2048, "Megabytes that the files of one session may take.", ge=1)
    session_files: int = option(500, "Files of one session.", ge=1)
    upload_mb: int = option(256, "Megabytes of one request.", ge=1)
    masks: int = option(64, "Masks of one request.", ge=1)
    seconds: float = option(600.0, "Seconds until a request that is being worked on is given up.", gt=0)

    @field_validator("inpainter")
    @classmethod
    def _inpainters(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [name for name, _ in map(named_model, value)]
        for name in names:
            if name == PASTE or names.count(name) > 1:
                raise ValueError(
                    f"There are two inserters {short_repr(name)}; give each a name of its own, NAME=FOLDER."
                )
        return value

    @field_validator("allow_origin")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not origin.startswith(("http://", "https://")) or "*" in origin or origin.rstrip("/").count("/") != 2:
                raise ValueError(f"The origin {short_repr(origin)} is none; write it as https://pictures.example.")
        return tuple(origin.rstrip("/") for origin in value)

    @model_validator(mode="after")
    def _guarded(self) -> ServeSettings:
        if not self.is_local and self.keys is None:
            raise ValueError(
                f"The address {self.host} can be reached from other machines; add --keys FILE, or listen on 127.0.0.1."
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether it listens on this machine alone."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def inpainters(self) -> dict[str, str]:
        """{name: folder or hub name} of the models that insert, without 'paste'."""
        return dict(map(named_model, self.inpainter))


def named_model(text: str) -> tuple[str, str]:
    """``(name, folder or hub name)`` of "NAME=FOLDER", or of a folder or hub name alone, whose last part names it."""
    name, sign, model = text.partition("=")
    model = model if sign else name
    name = name if sign else Path(name).name
    if not name or not model:
        raise ValueError(f"The inserter {short_repr(text)} is not NAME=FOLDER; write for instance sd=./inpainting.")
    return name, model
