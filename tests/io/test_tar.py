"""Tar archives read in place: what Python's tarfile writes, and what is refused."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from smartmask.io import reading, tar
from smartmask.io.tar import open_member, tar_members

LONG = "deep/" * 40 + "name.jpg"


def written(path: Path, names: list[str], kind: int) -> Path:
    with tarfile.open(path, "w", format=kind) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for number, name in enumerate(names):
            data = bytes([65 + number]) * (700 * number)
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_same_files_as_tarfile_reads(tmp_path: Path, kind: int) -> None:
    names = ["a.jpg", LONG, "ünï/b.txt", "c"]
    file = written(tmp_path / "a.tar", names, kind)
    found = tar_members(file)
    assert [member.member for member in found] == names
    with tarfile.open(file) as archive:
        for member in found:
            kept = archive.extractfile(member.member)
            assert kept is not None
            assert open_member(member).read() == kept.read()
    assert (found[1].name, found[1].stem, str(found[0])) == ("name.jpg", "name", f"{file}:a.jpg")


def damaged(path: Path, at: int, data: bytes) -> Path:
    content = bytearray(written(path, ["a.jpg", "b.jpg"], tarfile.GNU_FORMAT).read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)
    return path


def test_what_is_no_plain_archive(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_bytes(b"hello " * 200)
    with pytest.raises(ValueError, match=r"it is no tar archive, or a compressed one\); give a plain \.tar file"):
        tar_members(tmp_path / "text.tar")
    with tarfile.open(tmp_path / "a.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(ValueError, match=r"compressed one|cut off"):
        tar_members(tmp_path / "a.tar")
    (tmp_path / "empty.tar").write_bytes(b"")
    with pytest.raises(ValueError, match="is empty; give a plain"):
        tar_members(tmp_path / "empty.tar")
    with pytest.raises(ValueError, match="its header at byte 512 is damaged"):
        tar_members(damaged(tmp_path / "b.tar", 512, b"zzzz"))


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
        about = tarfile.TarInfo("a.jpg")
        about.type, about.linkname = kind, "/etc/passwd"
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            archive.addfile(about)
        with pytest.raises(ValueError, match="which is no regular file"):
            tar_members(tmp_path / "a.tar")


def test_what_is_cut_off(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tar", ["a.jpg", "b.jpg", "c.jpg"], tarfile.GNU_FORMAT)
    whole, members = file.read_bytes(), tar_members(file)
    file.write_bytes(whole[: members[2].begin + 100])
    with pytest.raises(ValueError, match=r"'c\.jpg' goes beyond its end; copy it again"):
        tar_members(file)
    with pytest.raises(ValueError, match=r"a\.tar:c\.jpg' is cut off"):
        open_member(members[2])
    file.write_bytes(whole[: members[2].begin - 100])
    with pytest.raises(ValueError, match="is cut off in a header"):
        tar_members(file)


def test_a_header_that_claims_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    about = tarfile.TarInfo("a.jpg")
    about.size = 1 << 36
    (tmp_path / "a.tar").write_bytes(about.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ValueError, match="goes beyond its end"):
        tar_members(tmp_path / "a.tar")


def raw(size: bytes = b"00000000000", kind: bytes = tarfile.REGTYPE, name: str = "a") -> bytes:
    """A header with a right checksum and any size."""
    about = tarfile.TarInfo(name)
    about.type = kind
    header = bytearray(about.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = size.ljust(12, b"\0")
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    return bytes(header)


BACK = b"\xff" * 10 + (-1024 & 0xFFFF).to_bytes(2, "big")  # -1024, as GNU writes numbers in binary
HUGE = b"\x80" + b"\0" * 4 + b"\x7f" + b"\xff" * 6
GLOBAL = b"10 size=5\n".ljust(512, b"\0")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (raw() * 3 + raw(BACK), "its header at byte 1,536 is damaged"),
        (raw() * 3 + raw(b"%011o" % 10, tarfile.XGLTYPE) + GLOBAL + raw(BACK), "its header at byte 2,048 is damaged"),
        (raw() + raw(BACK, tarfile.GNUTYPE_LONGNAME), "its header at byte 512 is damaged"),
        (raw() + raw(HUGE, tarfile.GNUTYPE_LONGNAME), "has headers of more than 16,384 bytes before one file"),
        (raw() + raw(HUGE, tarfile.XHDTYPE), "has headers of more than 16,384 bytes before one file"),
        (raw(kind=tarfile.GNUTYPE_LONGNAME) * 5000, "has headers of more than 16,384 bytes before one file"),
        (raw() + raw(kind=tarfile.GNUTYPE_SPARSE), "which is no regular file but of kind 'S'"),
        (raw() + raw() * 2 + b"\1" * 512 + raw(), "its header at byte 1,536 is damaged"),
    ],
)
def test_what_is_hostile(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.tar").write_bytes(content + bytes(2048))
    with pytest.raises(ValueError, match=sentence):
        tar_members(tmp_path / "a.tar")


def test_sparse_files_of_pax_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        about = tarfile.TarInfo("a.jpg")
        about.pax_headers = {"GNU.sparse.map": "0,5,900000,5", "GNU.sparse.size": "900005"}
        archive.addfile(about)
    with pytest.raises(ValueError, match=r"'a\.jpg', which is no regular file"):
        tar_members(tmp_path / "a.tar")


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "a.tar", ["a.jpg", "b.jpg"], tarfile.GNU_FORMAT)
    member = replace(tar_members(file)[1], size=5 << 20)
    monkeypatch.setattr(tar, "LIMITS", replace(tar.LIMITS, picture_mb=1))
    with pytest.raises(ValueError, match="has 5 MB, more than 1; SMARTMASK_MAX_PICTURE_MB raises this limit"):
        open_member(member)
    monkeypatch.setattr(reading, "LIMITS", replace(reading.LIMITS, shard_mb=0))
    with pytest.raises(ValueError, match="SMARTMASK_MAX_SHARD_MB raises this limit"):
        tar_members(file)
