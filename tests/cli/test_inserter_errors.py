"""``smartmask insert`` with an inserter that cannot work: one sentence each, and nothing written.

Real folders with one thing wrong; memory runs out for real, in a process with a limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image

from smartmask.cli import main as cli
from smartmask.errors import OutOfMemoryError
from smartmask.image.files import save_png

HEIGHT, WIDTH = 48, 64
UNET = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models: ``sd`` and ControlNets that fit, are of another width, of another family."""
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    from tiny_diffusion import save_controlnet, save_diffusion

    folder = tmp_path_factory.mktemp("models")
    save_diffusion("sd-inpaint", folder / "sd")
    save_controlnet("sd", folder / "control")
    save_controlnet("sd", folder / "wide", width=64)
    save_controlnet("sdxl", folder / "xl")
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, a finished mask, and a cut-out."""
    folder = tmp_path_factory.mktemp("files")
    save_png(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), folder / "photo.png")
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[12:40, 20:50] = True
    save_png(mask, folder / "mask.png")
    cutout = np.zeros((20, 20, 4), dtype=np.uint8)
    cutout[2:18, 4:16] = (250, 120, 10, 255)
    Image.fromarray(cutout).save(folder / "dog.png")
    return folder


def line(files: Path, out: Path, *more: str) -> list[str]:
    objects = ["--object", "dog", "--mask", str(files / "mask.png")]
    return ["insert", str(files / "photo.png"), *objects, "--out", str(out), *more]


# --- what is no such model -----------------------------------------------------------------------


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def renamed(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


def holding(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def as_it_is(folder: Path) -> None:
    pass


# name, change of a copy of the model, options ({m}: the models, {c}: the changed copy), what the sentence says
WRONG: list[tuple[str, Callable[[Path], object], str, tuple[str, ...]]] = [
    ("no model at all", without("model_index.json"), "{c}", ("lacks model_index.json", "download the whole folder")),
    ("one part of it", as_it_is, "{c}/unet", ("is one part of a pipeline", "model_index.json")),
    ("a path that is not there", as_it_is, "{c}/a/b", ("neither an existing folder nor a hub name", "owner/model")),
    ("a file", as_it_is, "{c}/model_index.json", ("is a file; give the model's folder",)),
    ("a checkpoint file", holding("all.ckpt", b"PK"), "{c}/all.ckpt", ("is a file; give the model's folder",)),
    ("an index that is no JSON", holding("model_index.json", b"{"), "{c}", ("model_index.json' that cannot be read",)),
    ("another kind of model", holding("model_index.json", b'{"_class_name": "CogView4Pipeline"}'), "{c}",
     ("is a CogView4Pipeline; give a Stable Diffusion model",)),
    ("weights missing", without(f"unet/{UNET}"), "{c}", (f"/unet' lacks {UNET}",)),
    ("config missing", without("vae/config.json"), "{c}", ("/vae' lacks config.json",)),
    ("schedule missing", without("scheduler/scheduler_config.json"), "{c}", ("lacks scheduler_config.json",)),
    ("a pickle", renamed(f"unet/{UNET}", "unet/diffusion_pytorch_model.bin"), "{c}",
     ("has only pickled weights (diffusion_pytorch_model.bin)", "can run code", "give a folder with")),
    ("weights cut off", holding(f"unet/{UNET}", b"\x40\x00\x00\x00\x00\x00\x00\x00{"), "{c}", ("cannot be loaded",)),
    ("ControlNet of another width", as_it_is, "{m}/sd --controlnet {m}/wide",
     ("text width 64", "has 32", "both must be of one family")),
    ("ControlNet of SDXL", as_it_is, "{m}/sd --controlnet {m}/xl", ("xl' has text width 64", "one family")),
    ("ControlNet that is a U-Net", as_it_is, "{m}/sd --controlnet {m}/sd/unet",
     ("holds 'UNet2DConditionModel'; give the folder of a ControlNetModel",)),
    ("ControlNet that is a pipeline", as_it_is, "{m}/sd --controlnet {m}/sd", ("lacks config.json",)),
    ("weight of no ControlNet", as_it_is, "{m}/sd --control-scale 1", ("The control scale is 1", "has no ControlNet")),
    ("unknown device", as_it_is, "{m}/sd --device gpu", ("The device 'gpu' is not known; use cpu",)),
    ("offload to nowhere", as_it_is, "{m}/sd --device cpu --offload model", ("device is the CPU", "leave it out")),
    ("unknown offload", as_it_is, "{m}/sd --offload half", ("The offload is 'half'; use",)),
    ("unknown dtype", as_it_is, "{m}/sd --dtype int8", ("The dtype is 'int8'; use float32",)),
    ("odd side", as_it_is, "{m}/sd --side 33", ("The side is 33; it must be a multiple of 8",)),
    ("too many steps", as_it_is, "{m}/sd --steps 1000", ("number of steps is 1000", "at most 999")),
]  # fmt: skip


@pytest.mark.parametrize(("change", "options", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_models_are_one_sentence(
    files: Path, models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    change: Callable[[Path], object], options: str, says: tuple[str, ...],
) -> None:  # fmt: skip
    changed, out = tmp_path / "changed", tmp_path / "out"
    copytree(models / "sd", changed)
    change(changed)
    words = [word.format(m=models, c=changed) for word in options.split()]
    assert cli.main(line(files, out, "--inpainter", *words)) == 2
    printed = capfd.readouterr()
    assert [part for part in says if part not in printed.err] == []
    assert printed.err.startswith("smartmask: The ")
    assert (printed.err.count("\n"), printed.out) == (1, "")
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        ("nobody/nothing", "The inserter 'nobody/nothing' is not on this machine"),
        ("{m}/sd --controlnet nobody/nothing", "The inserter '{m}/sd' is not at hand: The ControlNet 'nobody/nothing'"),
    ],
)
def test_what_has_to_be_fetched(
    files: Path, models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: str, begins: str
) -> None:
    words = [word.format(m=models) for word in options.split()]
    assert cli.main(line(files, tmp_path / "out", "--inpainter", *words)) == 1
    error = capfd.readouterr().err
    assert error.startswith(f"smartmask: {begins.format(m=models)}")
    assert "'hf download nobody/nothing' fetches it" in error
    assert error.count("\n") == 1
    assert (tmp_path / "out" / "jobs" / "00_dog" / "prompt.json").is_file()


# --- out of memory -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "There is not enough memory; ask for fewer masks"),
        (MemoryError("Unable to allocate 9.5 GiB for an array.\nmore"),
         "There is not enough memory (Unable to allocate 9.5 GiB for an array); ask for fewer masks"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes."),
         "There is not enough memory (DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes); ask"),
        (OutOfMemoryError("There is not enough memory to paint; use a smaller side"),
         "There is not enough memory to paint; use a smaller side."),
    ],
    ids=["silent", "python", "torch", "told"],
)  # fmt: skip
def test_what_memory_was_wanted_for_is_kept(error: Exception, says: str) -> None:
    code, text = cli.explain(error)
    assert code == 1
    assert text.startswith(says)
    assert text.endswith(".")


# The command with an address space that ends a little above what is in use when the function of a module is called.
LIMITED = """
import importlib, re, resource, sys
from smartmask.cli import main as cli
module, name, megabytes = sys.argv[1:4]
owner = importlib.import_module(module)
*path, name = name.split(".")
for part in path:
    owner = getattr(owner, part)
function = getattr(owner, name)
def limited(*arguments, **options):
    import diffusers, torch
    used = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + int(float(megabytes) * 2**20),) * 2)
    return function(*arguments, **options)
setattr(owner, name, limited)
sys.exit(cli.main(sys.argv[4:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is limited by Linux's means")
@pytest.mark.parametrize(
    ("where", "megabytes", "options", "says"),
    [
        ("smartmask.insertion.stable_diffusion.inpaint DiffusionInpainter.__call__", "150",
         "{m}/sd --side 2048 --steps 1", "There is not enough memory to paint 2048x"),
        ("smartmask.insertion.paint _paint_one", "4", "paste", "There is not enough memory"),
    ],
    ids=["a model", "paste"],
)  # fmt: skip
def test_memory_runs_out(
    files: Path, models: Path, tmp_path: Path, where: str, megabytes: str, options: str, says: str
) -> None:
    photo, mask = Image.new("RGB", (4000, 3000), "green"), Image.new("L", (4000, 3000))
    mask.paste(255, (100, 100, 3900, 2900))
    photo.save(tmp_path / "photo.png")
    mask.save(tmp_path / "mask.png")
    out = tmp_path / "out"
    words = ["insert", str(tmp_path / "photo.png"), "--object", "dog", "--mask", str(tmp_path / "mask.png")]
    words += ["--out", str(out), "--inpainter", *(word.format(m=models) for word in options.split())]
    words += ["--cutout", str(files / "dog.png")] if options == "paste" else []
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *where.split(), megabytes, *words],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"smartmask: {says}")
    assert done.stderr.count("\n") == 1
    assert not out.exists()
