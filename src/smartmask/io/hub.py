"""Pretrained models by local folder or hub name: what may be loaded, and what to say when it cannot be.

Only safetensors weights are loaded: a pickle runs code when it is read. Nothing here imports torch.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smartmask.errors import ModelError, ModelMissingError, OutOfMemoryError
from smartmask.io.explain import is_out_of_memory
from smartmask.io.limits import LIMITS, PREFIX
from smartmask.io.terminal import say

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def model_folder(name: str | Path, what: str) -> Path | None:
    """The local folder of this name, or None where it can only be a hub name ("owner/model").

    A file, an empty name, or a path that does not exist and cannot be a hub name is a ModelError.
    """
    text = str(name).strip()
    folder = Path(text).expanduser()
    if text and folder.is_dir():
        return folder
    if text and folder.exists():
        raise ModelError(f"The {what} '{text}' is a file; give the model's folder, or a hub name such as owner/model.")
    if not _HUB_NAME.fullmatch(text):
        raise ModelError(
            f"The {what} '{text}' is neither an existing folder nor a hub name; check the path, or write owner/model."
        )
    return None


def hub_cache() -> Path:
    """The folder in which Hugging Face's libraries keep what they fetched; their variables, read anew each time."""
    for variable, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser() / below
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


def cached_folder(name: str, revision: str = "main") -> Path | None:
    """The folder of a hub model that was fetched earlier, or None; asks the disk alone, never a network."""
    from smartmask.io.reading import read_text  # not above: explain.py asks this module, also of wrong limits

    model = hub_cache() / f"models--{name.replace('/', '--')}"
    try:
        commit = read_text(model / "refs" / revision).strip()
    except ValueError:
        return None
    folder = model / "snapshots" / commit
    return folder if commit and folder.is_dir() else None


def fetched_folder(name: str | Path, what: str, without: str, revision: str | None = None) -> Path:
    """The folder of a model: a local one as it is, a hub name's from the cache, else fetched (JSON and safetensors).

    Raises ModelError for what is neither, ModelMissingError where the hub is off or out of reach; ``without`` says what
    works without the model.
    """
    folder = model_folder(name, what)
    if folder is not None:
        return folder
    kept = cached_folder(str(name), revision or "main")
    if kept is not None:
        return kept
    with loading(name, what, without):
        from huggingface_hub import snapshot_download

        wanted = ["*.json", "*.safetensors", "*.txt", "*.md"]
        return Path(snapshot_download(str(name), revision=revision, allow_patterns=wanted))


def check_files(folder: Path, what: str, *needed: str) -> None:
    """ModelError of one sentence unless the folder holds these files; ``a|b`` stands for either of two."""
    for names in needed:
        options = names.split("|")
        if not any((folder / name).is_file() for name in options):
            raise ModelError(f"The {what} '{folder}' lacks {' or '.join(options)}; download the whole folder again.")


def check_weights(folder: Path, what: str, stems: Iterable[str] = ("model",)) -> None:
    """ModelError unless ``folder`` has whole safetensors weights: ``STEM.safetensors``, or an index and its shards.

    Names with a variant (``model.fp16.safetensors``) count too. A pickle in their place is refused.
    """
    stems = tuple(stems)
    for index in sorted(folder.glob("*.safetensors.index*.json")):
        shards = read_config(index, what).get("weight_map")
        if not isinstance(shards, dict):
            raise ModelError(f"The {what} has an index '{index}' without a weight_map; download it again.")
        lost = sorted({str(shard) for shard in shards.values() if not (folder / str(shard)).is_file()})
        if lost:
            raise ModelError(f"The {what} '{folder}' lacks {lost[0]}, which its index names; download it again.")
        return
    found = [path for stem in stems for path in folder.glob(f"{stem}*.safetensors")]
    if found:
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise ModelError(
            f"The {what} '{folder}' has only pickled weights ({pickles[0]}), which can run code when they are read; "
            f"give a folder with {stems[0]}.safetensors."
        )
    raise ModelError(f"The {what} '{folder}' lacks {stems[0]}.safetensors; download the whole folder again.")


def read_config(path: Path, what: str) -> dict[str, Any]:
    """A model's JSON object; ModelError of one sentence if it cannot be read."""
    from smartmask.io.reading import read_json
    from smartmask.io.sentences import reason_of

    try:
        data = read_json(path)
    except ValueError as error:
        raise ModelError(f"The {what} has a '{path}' that cannot be read ({reason_of(error, 300)}.).") from error
    if not isinstance(data, dict):
        raise ModelError(f"The {what} has a '{path}' that holds no JSON object; download it again.")
    return data


@contextmanager
def loading(name: str | Path, what: str, without: str) -> Iterator[None]:
    """Turns all that loading a model can raise into one sentence.

    ModelMissingError: a package is not installed, or a hub name is not in the local cache and the hub
    is off or out of reach. OutOfMemoryError: too little memory. ModelError: the files are not such a model.
    without: what works without the model, for the end of the first kind of sentence.
    """
    try:
        if model_folder(name, what) is None and cached_folder(str(name)) is None:
            ask_hub(name, what, without)
        yield
    except (ModelError, ModelMissingError, OutOfMemoryError):
        raise
    except ImportError as error:
        package = (error.name or "a package of the insert extra").split(".")[0]
        raise ModelMissingError(
            f"The {what} '{name}' needs {package}, which is not installed or does not load; "
            f"'pip install smartmask[insert]' brings it ({without})"
        ) from error
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(f"There is not enough memory to load the {what} '{name}'") from error
        if model_folder(name, what) is None and _is_absence(error):
            raise ModelMissingError(_fetch(name, what, without, error)) from error
        from smartmask.io.sentences import reason_of

        reason = reason_of(error, 300)
        raise ModelError(
            f"The {what} '{name}' cannot be loaded: {reason}; download it again, or give another."
        ) from error


@contextmanager
def quiet(*packages: str, bars: bool = False) -> Iterator[None]:
    """Keeps remarks of diffusers, transformers and the hub, and unless ``bars`` progress bars, off the terminal.

    Their errors stay. Bars are worth their noise while a model is downloaded.
    """
    hub = logging.getLogger("huggingface_hub")  # it tells of each of its six attempts to reach a hub that is away
    hub_level = hub.level
    modules: list[Any] = []
    if "transformers" in packages:
        from transformers.utils import logging as of_transformers

        modules.append(of_transformers)
    if "diffusers" in packages:
        from diffusers.utils import logging as of_diffusers

        modules.append(of_diffusers)
    former = [(module.get_verbosity(), module.is_progress_bar_enabled()) for module in modules]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about each other's versions: nothing that a user could mend
            hub.setLevel(logging.ERROR)
            for module in modules:
                module.set_verbosity_error()
                if not bars:
                    module.disable_progress_bar()
            yield
    finally:
        hub.setLevel(hub_level)
        for module, (level, shown) in zip(modules, former, strict=True):
            module.set_verbosity(level)
            if shown:
                module.enable_progress_bar()


def check_complete(report: dict[str, Any]) -> None:
    """ValueError if transformers' loading info tells of weights that a file lacks, or that do not fit.

    transformers fills them with random numbers and goes on.
    """
    lost = sorted(str(key) for key in report.get("missing_keys") or ())
    lost += sorted(str(key[0]) for key in report.get("mismatched_keys") or ())
    if lost:
        raise ValueError(f"its weights lack {lost[0]}" + (f" and {len(lost) - 1} more" if lost[1:] else ""))


def ask_hub(name: str | Path, what: str, without: str) -> None:
    """Asks whether the hub answers, and says so; ModelMissingError, at once where the hub is off or its name unknown.

    Hugging Face's library tries again and again, half a minute and longer. Any answer counts, also that there is no
    such model; the library then says more. In a thread of its own, as looking up a name knows no time limit.
    """
    if _is_offline():
        raise ModelMissingError(_fetch(name, what, without, OSError("offline")))
    seconds = LIMITS.hub_seconds
    for variable, value in (("ETAG_TIMEOUT", f"{max(seconds, 1):.0f}"), ("DOWNLOAD_TIMEOUT", f"{max(seconds, 1):.0f}"),
                            ("DISABLE_TELEMETRY", "1")):  # fmt: skip
        os.environ.setdefault(f"HF_HUB_{variable}", value)
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    say(f"smartmask: note: asking {endpoint} for the {what} '{name}'.", file=sys.stderr)
    answer: list[Exception | None] = []
    asking = threading.Thread(target=lambda: answer.append(_no_answer(f"{endpoint}/api/models/{name}", seconds)))
    asking.daemon = True
    asking.start()
    asking.join(seconds)
    error = answer[0] if answer else TimeoutError()
    if isinstance(error, TimeoutError):
        raise ModelMissingError(
            f"The {what} '{name}' is not on this machine, and {endpoint} did not answer within {seconds:g} s "
            f"({PREFIX}HUB_SECONDS allows more); give a local folder ({without})"
        )
    if error is not None:
        raise ModelMissingError(_fetch(name, what, without, error))


def _no_answer(address: str, seconds: float) -> Exception | None:
    """Why a server did not answer at all; None if it did, whatever it said. By the proxy that variables name."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        urlopen(address, timeout=seconds).close()
    except HTTPError:
        return None
    except URLError as error:
        return error.reason if isinstance(error.reason, Exception) else error
    except (OSError, HTTPException, ValueError) as error:
        return error
    return None


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def check_finite(network: Any, place: str = "its weights") -> None:
    """ValueError, naming the tensor, if a torch module's weights hold NaN or infinity: it would answer, but nothing.

    place: names the weights, at the beginning of the sentence.
    """
    import torch

    for key, value in network.state_dict().items():
        if value.is_floating_point() and not value.is_meta and not torch.isfinite(value).all():
            raise ValueError(f"{place} are damaged: {key} holds numbers that are not finite.")


def _is_absence(error: BaseException) -> bool:
    """OSError is what both libraries raise, and what network errors derive from; safetensors only lack counts too."""
    return isinstance(error, OSError) or "Connection" in type(error).__name__


def _fetch(name: str | Path, what: str, without: str, error: Exception) -> str:
    text = str(error)
    if "safetensors" in text and "offline" not in text.lower() and "connect" not in text.lower():
        return f"The {what} '{name}' has no safetensors weights on the hub; choose another model ({without})"
    why = "and HF_HUB_OFFLINE is set" if _is_offline() else "and the hub was not reached, or has no such model"
    return (
        f"The {what} '{name}' is not on this machine, {why}; 'hf download {name}' fetches it, "
        f"or give a local folder ({without})"
    )
