"""The locked requirements agree with pyproject.toml and keep what the project promises about them."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines_of(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pins(name: str) -> dict[str, str]:
    """{package: version} of a lock file, with what it includes."""
    found: dict[str, str] = {}
    for line in lines_of(name):
        if line.startswith("-r "):
            found |= pins(line[3:])
            continue
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)==([A-Za-z0-9_.]+)", line)
        assert match, f"{name}: '{line}' is not PACKAGE==VERSION"
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-dev.txt", PROJECT["dependencies"] + EXTRAS["insert"] + EXTRAS["train"] + EXTRAS["test"]),
        ("requirements-studio.txt", PROJECT["dependencies"] + EXTRAS["studio"]),
        ("requirements-fuzz.txt", EXTRAS["fuzz"]),
    ],
)
def test_locks_hold_a_fitting_version_of_everything(lock: str, requirements: list[str]) -> None:
    pinned = pins(lock)
    for text in requirements:
        requirement = Requirement(text)
        version = pinned.get(requirement.name.lower())
        assert version is not None, f"{lock} lacks {text}"
        assert requirement.specifier.contains(version), f"{lock} has {requirement.name} {version}, not {text}"


def test_torch_comes_first_and_torchvision_never() -> None:
    assert lines_of("requirements.txt")[0].startswith("torch==")
    assert lines_of("requirements-dev.txt")[0] == "-r requirements.txt"
    for name in pins("requirements-dev.txt"):
        assert name != "torchvision"
        assert not name.startswith(("nvidia", "triton", "cuda"))


def test_the_runtime_stays_small() -> None:
    extra = {Requirement(text).name for text in chain(*EXTRAS.values())} & set(pins("requirements.txt"))
    assert not extra, f"requirements.txt holds development packages: {sorted(extra)}"
    assert len(pins("requirements.txt")) <= 30
