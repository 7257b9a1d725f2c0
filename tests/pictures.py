"""Picture files that tests read: turned ones, broken ones, ones with notes inside."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin


def rotated_jpeg(folder: Path, picture: Image.Image, orientation: int = 6) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(folder, picture, "turned.jpg", exif=exif, quality=100)


def claimed_size(path: Path, width: int, height: int) -> Path:
    """A PNG whose header claims a size that its few bytes of data do not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def make_bad_photo(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.png"
    if kind == "text":
        path.write_text("no picture at all")
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "truncated":
        whole = saved(folder, Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
        path.write_bytes(whole.read_bytes()[:2000])
    elif kind == "header only":
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "float":
        path = saved(folder, Image.fromarray(np.zeros((2, 2), dtype=np.float32)), "float.tif")
    elif kind == "long name":
        path = folder / ("x" * 300 + ".png")
    elif kind == "under a file":
        (folder / "file").touch()
        path = folder / "file" / "under.png"
    elif kind == "slightly large":  # between Pillow's warning and its error
        claimed_size(path, 12_000, 9_000)
    elif kind == "bomb":
        claimed_size(path, 20_000, 20_000)
    return path


def exif(orientation: int = 1) -> Image.Exif:
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010F] = "Maker"
    notes.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    notes.get_ifd(0x8825)[1] = "N"
    return notes


def packet(orientation: int | None = None) -> bytes:
    """An XMP packet with a title that is not ASCII."""
    turned = "" if orientation is None else f' tiff:Orientation="{orientation}"'
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"{turned} '
        'photoshop:Headline="Zürich"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def save_with_notes(path: Path, pixels: np.ndarray, xmp: bytes, dpi: tuple[int, int], notes: Image.Exif) -> Path:
    """A picture with XMP and a resolution, each where its format has them."""
    image = Image.fromarray(pixels)
    if path.suffix == ".png":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        image.save(path, pnginfo=text, dpi=dpi, exif=notes)
    elif path.suffix == ".tif":
        notes[700] = xmp
        image.save(path, dpi=dpi, exif=notes)
    else:
        image.save(path, xmp=xmp, dpi=dpi, exif=notes, quality=95)
    return path


def saved(folder: Path, picture: Image.Image, name: str = "a.png", **options: object) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path
