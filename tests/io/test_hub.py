"""What may be loaded by name or folder, and the sentences for what may not. No model library is needed here."""

from __future__ import annotations

import json
from logging import getLogger
from pathlib import Path

import pytest

from smartmask.errors import ModelError, ModelMissingError, OutOfMemoryError
from smartmask.io.hub import (
    cached_folder,
    check_complete,
    check_files,
    check_weights,
    hub_cache,
    is_out_of_memory,
    loading,
    model_folder,
    quiet,
)


def test_folders_and_hub_names(tmp_path: Path) -> None:
    assert model_folder(tmp_path, "model") == tmp_path
    assert model_folder("owner/model-1.5", "model") is None
    (tmp_path / "weights.safetensors").touch()
    for wrong in ("", "  ", "model", "a/b/c", "./owner/model", "/no/such", tmp_path / "weights.safetensors"):
        with pytest.raises(ModelError, match="The model"):
            model_folder(wrong, "model")


def test_what_was_fetched_is_found_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout on disk is that of huggingface_hub: refs name a commit, snapshots hold its files."""
    model = tmp_path / "hub" / "models--owner--model"
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert hub_cache() == tmp_path / "hub"
    assert cached_folder("owner/model") is None
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc")
    assert cached_folder("owner/model") is None, "the commit's files are not here"
    (model / "snapshots" / "abc").mkdir(parents=True)
    assert cached_folder("owner/model") == model / "snapshots" / "abc"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert cached_folder("owner/model") is None


def test_a_folder_wins_over_a_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert model_folder("owner/model", "model") == Path("owner/model")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "b.json").touch()
    check_files(tmp_path, "model", "a.json|b.json")
    with pytest.raises(ModelError, match=r"lacks c\.json or d\.json"):
        check_files(tmp_path, "model", "b.json", "c.json|d.json")


@pytest.mark.parametrize("name", ["model.safetensors", "model.fp16.safetensors"])
def test_weights(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks model\.safetensors"):
        check_weights(tmp_path, "model")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match=r"pickled weights \(pytorch_model\.bin\)"):
        check_weights(tmp_path, "model")
    (tmp_path / name).touch()
    check_weights(tmp_path, "model")


def test_shards(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}))
    (tmp_path / "one.safetensors").touch()
    with pytest.raises(ModelError, match=r"lacks two\.safetensors"):
        check_weights(tmp_path, "model")
    (tmp_path / "two.safetensors").touch()
    check_weights(tmp_path, "model")
    index.write_text("{}")
    with pytest.raises(ModelError, match="without a weight_map"):
        check_weights(tmp_path, "model")


@pytest.mark.parametrize(
    ("name", "error", "kind", "words"),
    [
        ("o/m", ModuleNotFoundError("no", name="diffusers.models"), ModelMissingError, "needs diffusers, which"),
        ("o/m", OSError("cannot connect to the hub"), ModelMissingError, "hf download o/m"),
        ("o/m", OSError("no file named model.safetensors"), ModelMissingError, "no safetensors weights"),
        ("o/m", ConnectionError("refused"), ModelMissingError, "hf download o/m"),
        ("o/m", MemoryError(), OutOfMemoryError, "not enough memory"),
        ("o/m", KeyError("x"), ModelError, "cannot be loaded"),
        (".", OSError("bad header\nmore"), ModelError, "cannot be loaded: bad header; download it again"),
        (".", ModelError("A sentence."), ModelError, "A sentence."),
    ],
)
def test_errors_become_sentences(
    name: str, error: Exception, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartmask.io.hub.ask_hub", lambda *_: None)  # it answers
    with pytest.raises(kind) as caught, loading(name, "model", "nothing works"):
        raise error
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_lost_weights() -> None:
    check_complete({"missing_keys": set(), "unexpected_keys": {"extra"}})
    with pytest.raises(ValueError, match="lack a and 1 more"):
        check_complete({"missing_keys": {"b", "a"}})


def test_quiet_gives_the_voice_back(caplog: pytest.LogCaptureFixture) -> None:
    hub = getLogger("huggingface_hub.utils._http")
    logging = pytest.importorskip("transformers.utils.logging")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()

    def fail() -> None:
        with quiet("transformers"):
            assert logging.get_verbosity() == logging.ERROR
            assert not logging.is_progress_bar_enabled()
            hub.warning("Retrying in 8s")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bars)
    hub.warning("Rate limited")
    assert [record.getMessage() for record in caplog.records] == ["Rate limited"]
