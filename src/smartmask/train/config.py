"""Configs: settings of a training command in a YAML file; those of the papers are shipped in ``configs/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartmask.io.sentences import short_repr
from smartmask.io.settings import Settings, given_settings
from smartmask.io.yaml_text import read_settings_yaml

FOLDER = Path(__file__).parent / "configs"


def shipped() -> list[str]:
    """Names of the configs that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_config(name: str, settings: type[Settings]) -> dict[str, Any]:
    """The settings of a config: a shipped one's name, or a file's path.

    settings: the class they are of; not all of it needs to be there. Raises ValueError, naming the file, for a name
    that is not known, a setting that the class has not, or a value that it refuses.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if name not in shipped():
            known = ", ".join(shipped())
            raise ValueError(f"There is no config {short_repr(name)}; give a .yaml file, or one of {known}.")
        path = FOLDER / f"{name}.yaml"
    values = read_settings_yaml(path)
    try:
        return given_settings(settings, values)
    except ValueError as error:
        raise ValueError(f"The config '{path}' does not fit: {error}") from None
