"""The bill of materials lists what is locked, under licences that may be passed on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from smartmask.io.package import WEIGHTS

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt")
BILL: dict[str, Any] = json.loads((ROOT / "docs" / "sbom.json").read_text(encoding="utf-8"))
PARTS = {canonicalize_name(part["name"]): part for part in BILL["components"]}
# Copyleft beyond a file or a library, and why it may stand in the list all the same.
STRONG = re.compile(r"(?<![A-Za-z])A?GPL")
EXCUSED = {
    "GCC's Fortran runtime": "WITH GCC-exception-3.1", "GCC's OpenMP runtime": "WITH GCC-exception-3.1",
    "FreeType": "FTL OR", "Zstandard": "BSD-3-Clause OR",
}  # fmt: skip


def pins() -> dict[str, str]:
    text = "\n".join((ROOT / lock).read_text(encoding="utf-8") for lock in LOCKS)
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.M)}


def licences(part: dict[str, Any]) -> str:
    return " AND ".join(said["expression"] for said in part["licenses"])


def strong(part: dict[str, Any]) -> list[str]:
    """What in a component is under strong copyleft without an excuse that its licence bears out."""
    inside = [part, *part.get("components", [])]
    return [
        one["name"]
        for one in inside
        if STRONG.search(licences(one)) and EXCUSED.get(one["name"], "no excuse") not in licences(one)
    ]


def test_every_locked_package_is_listed_with_its_version_and_licence() -> None:
    assert {name: part["version"] for name, part in PARTS.items()} == pins()
    assert all(re.search(r"[A-Za-z]", licences(part)) for part in PARTS.values())


def test_scopes_tell_the_runtime_from_extras_and_development() -> None:
    scopes = {name: part["scope"] for name, part in PARTS.items()}
    assert scopes["torch"] == scopes["numpy"] == scopes["mdurl"] == "required"
    assert scopes["diffusers"] == scopes["uvicorn"] == scopes["onnxruntime"] == "optional"
    assert scopes["pytest"] == scopes["atheris"] == "excluded"
    runtime = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)
    assert {name for name, scope in scopes.items() if scope == "required"} == {*map(canonicalize_name, runtime)}


@pytest.mark.parametrize("name", PARTS)
def test_nothing_is_under_strong_copyleft(name: str) -> None:
    assert not strong(PARTS[name])


@pytest.mark.parametrize(
    ("name", "licence", "found"),
    [("a", "AGPL-3.0-only", ["a"]), ("a", "MIT AND GPL-2.0-only", ["a"]), ("a", "LGPL-2.1-or-later", []),
     ("FreeType", "GPL-2.0-only", ["FreeType"]), ("FreeType", "FTL OR GPL-2.0-or-later", [])],
)  # fmt: skip
def test_that_check_can_fail(name: str, licence: str, found: list[str]) -> None:
    assert strong({"name": name, "licenses": [{"expression": licence}]}) == found


def test_list_and_page_are_what_the_tool_makes() -> None:
    """Of the environment, where it is the lock's; only the wheels of Linux on x86-64 have these shared libraries."""
    try:
        here = {name: metadata.version(name).split("+")[0] for name in pins() if name != "atheris"}
    except metadata.PackageNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    if here != {name: version for name, version in pins().items() if name != "atheris"} or sys.platform != "linux":
        pytest.skip("another environment than the locked one")
    command = [sys.executable, str(ROOT / "docs" / "make_sbom.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_set_behind_the_outlines_is_named() -> None:
    """The page names each set of the model card's table, but those of which no licence is stated, as one."""
    card = (WEIGHTS / "small" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (open|research) \| (\w+) \| [\d,]+ \|.*\| ([^|]+) \|$", card, re.M)
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    assert len(rows) > 30
    missing = [name for _, name, licence in rows if "not stated" not in licence and name not in page]
    assert not missing
