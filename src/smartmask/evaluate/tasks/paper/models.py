"""The models of a run: a folder with a model a subfolder, or a file that names them; what each says of itself.

The file, ``models.yaml`` in a folder or anywhere (JSON is YAML too)::

    inserters:  {SD Inpaint: sd-inpaint, ControlNet-Inpaint: {path: sd15, controlnet: seg}}
    masks:      {SmartMask: bundled, SmartMask of sd15: latent-sd15}
    editors:    {InstructPix2Pix: instruct-pix2pix}
    pictures:   {ControlNet-seg: {path: sd15, controlnet: seg}}
    segmenters: {SAM: sam-vit-huge}
    features:   {Inception: inception}
    clip:       {CLIP: clip-vit-large-patch14}

Paths are relative to the file; what is no folder there is a hub name. Further fields go to the model's loader. Without
such a file the classes in the subfolders' ``model_index.json`` and ``config.json`` tell what each is for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smartmask.insertion.editors import EDITORS
from smartmask.insertion.load import INSERTERS, METHODS
from smartmask.insertion.stable_diffusion.families import FAMILIES, PICTURE
from smartmask.io.hub import cached_folder
from smartmask.io.reading import read_json, read_text
from smartmask.io.yaml_text import read_settings_yaml
from smartmask.masks.load import MODELS as MASK_MODELS
from smartmask.metrics.inception_weights import weights_in

ROLES = ("inserters", "masks", "editors", "pictures", "segmenters", "features", "clip")
ONE = ("features", "clip")  # roles of which a run takes one model
FILE = "models.yaml"
BUNDLED = "bundled"
_RANDOM = re.compile(
    r"\b(tiny random|randomly initiali[sz]ed|untrained)\b|\brandom[^.]{0,20}\b(weights?|networks?|parameters?)\b",
    re.IGNORECASE,
)
_LINE = 160  # characters of a card that a report shows


@dataclass(frozen=True)
class Model:
    """One model. name: its row's.  path: a folder, or a hub name.  kind: its class as saved, "" if unknown.

    options: for its loader.  card: what its README.md says first.  random: whether that says random weights.
    identity: changes when a file of the folder does, for the cache.
    """

    name: str
    role: str
    path: str
    kind: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    random: bool = False
    identity: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What a report says of it."""
        said = {"name": self.name, "role": self.role, "class": self.kind, "card": self.card, "random": self.random}
        return {**said, **({"options": dict(self.options)} if self.options else {})}


@dataclass(frozen=True)
class Roster:
    """The models of a run by role, each in the order of the file, or of their names."""

    models: tuple[Model, ...]

    def of(self, role: str) -> tuple[Model, ...]:
        return tuple(model for model in self.models if model.role == role)

    def one(self, role: str) -> Model | None:
        """The one of a role of which a run takes one; None if there is none."""
        return next(iter(self.of(role)), None)


def read_models(path: str | Path) -> Roster:
    """The models of a file, or of a folder. Raises ValueError, naming it, for anything else or for none at all."""
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        models = tuple(_found_in(path))
        if not models:
            raise ValueError(f"The folder '{path}' holds no model; give one with a model a subfolder, or {FILE} in it.")
    else:
        models = tuple(_listed(read_settings_yaml(file, "list of models", nested=True), file))
    if not any(model.role == "masks" for model in models):
        models = (_model("SmartMask", "masks", BUNDLED, {}), *models)
    for role in ONE:
        several = [model.name for model in models if model.role == role]
        if len(several) > 1:
            raise ValueError(f"'{path}' has {len(several)} models for {role} ({', '.join(several)}); leave one.")
    return Roster(models)


# --- a file that names them ------------------------------------------------------------------------


def _listed(content: Mapping[str, Any], file: Path) -> Iterable[Model]:
    for role, models in content.items():
        if role not in ROLES:
            raise ValueError(f"'{file}' has the role '{role}'; use {', '.join(ROLES)}.")
        if not isinstance(models, dict):
            raise ValueError(f"The {role} of '{file}' are {models!r}; give models by name, such as {{NAME: FOLDER}}.")
        for name, told in models.items():
            fields = dict(told) if isinstance(told, dict) else {"path": told}
            path = fields.pop("path", None)
            if not isinstance(path, str) or not path:
                raise ValueError(f"The model '{name}' of '{file}' has the path {path!r}; give a folder or hub name.")
            options = {key: _beside(file, value) if key == "controlnet" else value for key, value in fields.items()}
            yield _model(str(name), role, _beside(file, path), options)


def _beside(file: Path, text: str) -> str:
    """A folder relative to the file, or the text as it is: a hub name, or BUNDLED."""
    folder = file.parent / Path(text).expanduser()
    return str(folder) if folder.is_dir() else text


# --- a folder of folders ---------------------------------------------------------------------------


def _found_in(root: Path) -> Iterable[Model]:
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    controls = {folder: _config(folder) for folder in folders if _kind(folder) == "ControlNetModel"}
    for folder in folders:
        role, kind = _role(folder), _kind(folder)
        if role == "pictures":  # sees the layout through a ControlNet alone
            control = next((str(path) for path, about in controls.items() if _fits(about, folder)), None)
            if control is not None or "ControlNet" in kind:
                yield _model(folder.name, role, str(folder), {} if control is None else {"controlnet": control})
            for method in METHODS if "ControlNet" not in kind else ():  # the papers' baselines, of the same folder
                yield _model(f"{folder.name}, {method}", "inserters", str(folder), {"method": method})
        elif role is not None:
            yield _model(folder.name, role, str(folder), {})


def _fits(control: Mapping[str, Any], pipeline: Path) -> bool:
    unet = _config(pipeline / "unet")
    return all(control.get(key) == unet.get(key) for key in ("cross_attention_dim", "block_out_channels"))


def _role(folder: Path) -> str | None:
    """What a folder's model is for; None for a part of another, and for what is no model."""
    kind = _kind(folder)
    if weights_in(folder) is not None:
        return "features"
    if (folder / "model_index.json").is_file():
        plain = [name for family in FAMILIES.values() for name in family.classes.get(PICTURE.key, ())]
        painters = [*INSERTERS, *(name for family in FAMILIES.values() for name in family.saved_as)]
        known = {**dict.fromkeys(painters, "inserters"), **dict.fromkeys(plain, "pictures")}
        return {**known, **dict.fromkeys(MASK_MODELS, "masks"), **dict.fromkeys(EDITORS, "editors")}.get(kind)
    if kind.startswith("Sam"):
        return "segmenters"
    if kind.startswith(("CLIPModel", "ChineseCLIP", "SiglipModel", "AltCLIP")):
        return "clip"
    return "features" if kind and kind != "ControlNetModel" else None


def _kind(folder: Path) -> str:
    """The class that a folder was saved from; "" where it does not say."""
    index = _config(folder, "model_index.json") or _config(folder)
    return str(index.get("_class_name") or next(iter(index.get("architectures") or ()), ""))


def _config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    file = folder / name
    if not file.is_file():
        return {}
    content = read_json(file, "config")
    return content if isinstance(content, dict) else {}


# --- what a model says of itself -------------------------------------------------------------------


def _model(name: str, role: str, path: str, options: Mapping[str, Any]) -> Model:
    folder = Path(path) if Path(path).is_dir() else cached_folder(path) if "/" in path else None
    card = "the project's own weights" if path == BUNDLED else "" if folder is None else first_words(folder)
    whole = "" if folder is None or not (folder / "README.md").is_file() else read_text(folder / "README.md", "card")
    parts = [path, json.dumps(dict(options), sort_keys=True, default=str), *_stamps(folder)]
    parts += [stamp for value in options.values() if isinstance(value, str) for stamp in _stamps(Path(value))]
    identity = hashlib.sha1("\n".join(parts).encode()).hexdigest()[:16]
    kind = "" if folder is None else _kind(folder)
    return Model(name, role, path, kind, dict(options), card, bool(_RANDOM.search(whole)), identity)


def _stamps(folder: Path | None) -> list[str]:
    """Names, sizes and times of a folder's files: another version of the weights has others."""
    if folder is None or not folder.is_dir():
        return []
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return [f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]


def first_words(folder: Path) -> str:
    """The first line of a folder's README.md that is no heading, front matter or badge; "" where there is none."""
    file = folder / "README.md"
    if not file.is_file():
        return ""
    text = re.sub(r"\A---\n.*?\n---\n", "", read_text(file, "card"), flags=re.S)
    lines = [line.strip() for line in text.splitlines()]
    said = next(
        (line for line in lines if line and not line.startswith(("#", "<", "[!", "![", "|", ">", "-", "```"))), ""
    )
    return said if len(said) <= _LINE else said[: _LINE - 1].rstrip() + "…"
