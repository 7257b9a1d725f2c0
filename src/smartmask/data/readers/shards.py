"""Pictures with texts in tar shards, as img2dataset writes LAION and WebDataset reads them, with segments if known.

Files of one picture share a name up to its first dot: ``000001234.jpg``, ``.txt`` (a caption), ``.json`` (``url``,
``caption``, ``sha256`` ...). SmartBrush also needs objects. They stand in the JSON:
``"segments": [{"name": "dog", "segmentation": RLE or polygons, "caption": "a brown dog", "isthing": 1}]``, of the size
of the picture in the shard. Nothing is unpacked, and no pickle is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.image.files import photo_size
from smartmask.io.json_text import parse_json
from smartmask.io.reading import field
from smartmask.io.sentences import short_repr
from smartmask.io.tar import TarMember, open_member, tar_members
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import is_thing
from smartmask.scene.coco import mask_of, table

PICTURES = ("jpg", "jpeg", "png", "webp")
_COCO_URL = re.compile(r"^https?://(?:images\.)?(?:cocodataset|mscoco)\.org/.*/(?:COCO_\w+_)?\d{12}\.jpg$")


@reader("shards", "tar shards of pictures with texts (*.tar of KEY.jpg, KEY.txt, KEY.json: LAION, WebDataset)")
def read_shards(path: Path) -> Iterator[Job]:
    """One job a picture. path: a shard, or a folder of them (00000.tar, ...).

    The key is the picture's address, so that one picture in two shards is in one split, and the COCO image id where
    the address is COCO's; without an address the shard's and the picture's name.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.tar"))
    if not files:
        raise ValueError(f"{path} holds no shard (*.tar).")
    for file in files:
        for key, members in samples(file):
            yield partial(_record, file, key, members)


def samples(file: Path) -> Iterator[tuple[str, dict[str, TarMember]]]:
    """(key, {extension: member}) of each picture of a shard, in its order; files without a dot are passed over.

    Files of one picture follow each other. Raises ValueError, naming the shard, if it is damaged.
    """
    now, found = "", dict[str, TarMember]()
    for member in tar_members(file):
        folder, slash, name = member.member.rpartition("/")
        stem, dot, extension = name.partition(".")
        if not dot or not stem:
            continue
        if found and folder + slash + stem != now:
            yield now, found
            found = {}
        now = folder + slash + stem
        if extension.lower() in found:
            raise ValueError(f"The shard '{file}' holds {short_repr(member.member)} twice in a row.")
        found[extension.lower()] = member
    if found:
        yield now, found


def _record(file: Path, key: str, members: dict[str, TarMember]) -> Record:
    picture = next((members[kind] for kind in PICTURES if kind in members), None)
    if picture is None:
        raise ValueError(f"The shard '{file}' has no picture ({', '.join(PICTURES)}) of {short_repr(key)}.")
    height, width = photo_size(picture)
    about = _about(members.get("json"))
    layers, texts = _segments(about, height, width, members.get("json"))
    caption = _text(members["txt"]) if "txt" in members else " ".join(str(about.get("caption") or "").split())
    captions = (caption,) if caption else ()
    scene = Scene(height, width, layers, caption=caption or None)
    name = f"{file.stem}/{key}"
    return Record(
        _key(about, name), "shards", scene, captions, image=picture, name=name,
        layer_captions=texts if any(texts) else (),
    )  # fmt: skip


def _about(member: TarMember | None) -> dict[str, Any]:
    if member is None:
        return {}
    content = parse_json(open_member(member, limit="json_mb").read(), f"The file '{member}'")
    if not isinstance(content, dict):
        raise ValueError(f"The file '{member}' is a JSON {type(content).__name__}, not an object.")
    return content


def _text(member: TarMember) -> str:
    data = open_member(member, "caption", "text_mb").read()
    try:
        return " ".join(data.decode("utf-8-sig").split())
    except UnicodeDecodeError:
        raise ValueError(f"The caption '{member}' is not UTF-8 text.") from None


def _key(about: dict[str, Any], name: str) -> str:
    url = about.get("url")
    if not isinstance(url, str) or not url.strip():
        return name
    return coco_key(url) if _COCO_URL.match(url) else url.strip()


def _segments(
    about: dict[str, Any], height: int, width: int, member: TarMember | None
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """Layers from large to small, and a caption of each."""
    if "segments" not in about or member is None:
        return (), ()
    file = Path(str(member))
    found: list[tuple[int, Layer, str]] = []
    for index, segment in enumerate(table(about, "segments", file)):
        what = f"segment {index}"
        mask = mask_of(field(segment, "segmentation", file, what), height, width, file, what)
        name = " ".join(str(field(segment, "name", file, what)).split())
        layer = Layer(name, mask, bool(segment.get("isthing", is_thing(name))))
        if layer.window.any():
            found.append((layer.window.area, layer, " ".join(str(segment.get("caption") or "").split())))
    found.sort(key=lambda item: -item[0])
    return tuple(layer for _, layer, _ in found), tuple(text for _, _, text in found)
