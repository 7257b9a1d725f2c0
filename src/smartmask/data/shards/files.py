"""One shard: a tar in which each scene is a few members of one name (WebDataset's form).

``KEY.json`` holds the row's columns, ``KEY.layout.webp`` (or png) its index map, and ``KEY.jpg`` (or whatever the
photograph is) the photograph's own bytes where it goes along. Members are written in a fixed order with no times, so
the same scenes make the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from smartmask.data.pack_rows import Row
from smartmask.image.files import decode_handle, open_picture, photo_of
from smartmask.io.json_text import parse_json
from smartmask.io.sentences import reason_of
from smartmask.io.tar import TarMember

Photo = tuple[str, bytes]  # its extension without a dot, its file's bytes
Members = dict[str, Any]  # of one scene: {extension: bytes}, and WebDataset's "__key__"
_LAYOUT = "layout."
_PHOTOS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")
_TEXTS = ("name", "key", "source", "split")
_LISTS = ("captions", "layer_names", "layer_things", "areas", "visible_areas", "boxes", "hidden")


def photo_bytes(path: Path | TarMember, height: int, width: int) -> Photo:
    """A photograph's extension and bytes. Raises ValueError if it is damaged, or of another size than its layout."""
    with open_picture(path, "photo") as handle:
        data = handle.read()
    image = decode_handle(io.BytesIO(data), f"The photo '{path}'").image
    if (image.height, image.width) != (height, width):
        raise ValueError(f"The photo {path} is {image.width}x{image.height}, but its annotation says {width}x{height}.")
    suffix = path.name.rpartition(".")[2].lower()
    return suffix if suffix in _PHOTOS else "jpg", data


class ShardWriter:
    """Writes scenes into an open tar; a context, at whose end the tar is whole."""

    def __init__(self, handle: BinaryIO) -> None:
        from webdataset import TarWriter

        self._tar = TarWriter(handle, user="", group="", encoder=False, mtime=0)
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._tar.close()

    def add(self, row: Row, photo: Photo | None, number: int) -> None:
        """One more scene, called by its number."""
        told = {name: value for name, value in row.items() if name not in ("top", "hidden")}
        told["hidden"] = [{"layer": part["layer"], "rle": part["rle"].decode("ascii")} for part in row["hidden"]]
        kind = "webp" if row["top"][8:12] == b"WEBP" else "png"
        members = {_LAYOUT + kind: row["top"], "json": json.dumps(told, separators=(",", ":")).encode("ascii")}
        if photo is not None:
            members[photo[0]] = photo[1]
        self.add_members({"__key__": f"{number:06d}", **members})

    def add_members(self, members: Members) -> None:
        """One more scene, as it lay in another shard."""
        self._tar.write({name: value for name, value in members.items() if name != "__url__"})
        self.count += 1


class Checked(io.RawIOBase):
    """A shard's bytes as they are read: no more than there should be, and at the end the right checksum."""

    def __init__(self, stream: BinaryIO, size: int, sha256: str, where: str) -> None:
        self._stream, self._left, self._sum = stream, size, hashlib.sha256()
        self._wanted, self._where = sha256, where

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        """At most ``size`` bytes. Raises ValueError if the shard is longer than its index says."""
        data = self._stream.read(self._left + 1 if size < 0 else size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"{self._where} is larger than its index says; restore it.")
        self._sum.update(data)
        return data

    def finish(self) -> None:
        """Reads what is left; ValueError unless all was as it should be."""
        while self.read(1 << 20):
            pass
        if self._left or self._sum.hexdigest() != self._wanted:
            raise ValueError(f"{self._where} is damaged: its checksum is not the one in its index; restore it.")


def members_in(stream: Any, where: str) -> Iterator[Members]:
    """The scenes' members in an open tar. Raises ValueError, naming it, if it is damaged."""
    import tarfile

    from webdataset.tariterators import group_by_keys, tar_file_iterator

    try:
        yield from group_by_keys({**file, "__url__": where} for file in tar_file_iterator(stream))
    except (tarfile.TarError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"{where} is damaged ({reason_of(error)}); restore it.") from None


def row_in(members: Members, where: str) -> Row:
    """The row of a scene's members. Raises ValueError for what cannot be one."""
    said = f"A scene of {where} is damaged"
    top = next((value for name, value in members.items() if name.startswith(_LAYOUT)), None)
    if "json" not in members or top is None:
        raise ValueError(f"{said} (it has no layout); restore it.")
    row = parse_json(members["json"], said)
    good = isinstance(row, dict) and all(isinstance(row.get(name), str) for name in _TEXTS)
    if not good or not all(isinstance(row.get(name), list) for name in _LISTS):
        raise ValueError(f"{said} (its columns are not as they should be); restore it.")
    try:
        row["hidden"] = [{"layer": int(part["layer"]), "rle": part["rle"].encode()} for part in row["hidden"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{said} ({reason_of(error)}); restore it.") from None
    return {**row, "top": top}


def photo_in(members: Members, where: str) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB, upright: the photograph of a scene's members. Raises ValueError if there is none."""
    for name in _PHOTOS:
        if name in members:
            return photo_of(decode_handle(io.BytesIO(members[name]), f"A photo of {where}"), where)
    raise ValueError(f"A scene of {where} has no photograph; 'smartmask data shards --photos' writes them.")
