"""What a command loads: a user's call of bundled weights needs numpy, not torch, nor any package it does not use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "diffusers", "transformers", "accelerate", "scipy", "huggingface_hub", "openvino", "urllib3", "httpx")


def loaded(arguments: list[str]) -> list[str]:
    """The heavy packages that a run of the command had loaded at its end."""
    code = f"""
import sys
from smartmask.cli.main import main
code = main({arguments!r})
print(code, *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    code, *found = ran.stderr.splitlines()[-1].split()
    assert code == "0", ran.stderr
    return found


def test_masks_load_nothing_heavy(examples: Path, tmp_path: Path) -> None:
    layout = ["--layout", str(examples / "room_layout.png"), "--names", str(examples / "room_names.json")]
    for guide in ([], ["--box", "100,100,300,300"]):
        out = ["--object", "dog", "-n", "2", "--seed", "0", "--out", str(tmp_path)]
        assert loaded(["masks", str(examples / "room.png"), *layout, *guide, *out]) == []


def test_layouts_load_nothing_heavy(tmp_path: Path) -> None:
    assert loaded(["layout", "a dog on a beach", "--size", "96x64", "--ideas", "1", "--out", str(tmp_path)]) == []


@pytest.mark.parametrize("command", ["masks", "insert", "remove", "layout", "plan", "scene", "memory", "data"])
def test_help_loads_nothing_heavy(command: str) -> None:
    assert loaded([command, "--help"]) == []
