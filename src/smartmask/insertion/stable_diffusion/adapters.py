"""What is added to a loaded pipeline: LoRAs, and an IP-Adapter, which shows it a reference picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smartmask.errors import ModelError, OutOfMemoryError
from smartmask.insertion.stable_diffusion.families import FAMILIES, Family
from smartmask.io.checks import check_number
from smartmask.io.hub import check_complete, check_files, check_weights, fetched_folder, is_out_of_memory
from smartmask.io.sentences import reason_of

LORA, ADAPTER = "LoRA", "IP-Adapter"
ENCODER = "image_encoder"  # the folder beside an IP-Adapter's file
LARGEST = 10.0  # of a LoRA's scale; below 0 for those that are meant to be taken off
USUAL = "pytorch_lora_weights.safetensors"
WITHOUT = {LORA: "without --lora the model paints alone", ADAPTER: "without --ip-adapter the text alone is painted"}


def lora_of(text: str | Path) -> tuple[str, float]:
    """``(folder, file or hub name, scale)`` of ``NAME`` or ``NAME:SCALE``; the scale is 1 where none is given."""
    name, colon, scale = str(text).rpartition(":")
    if not colon or not name or Path(str(text)).exists():
        return str(text), 1.0
    try:
        number = float(scale)
    except ValueError:
        raise ModelError(f"The LoRA '{text}' ends with '{scale}', which is no number; write NAME:0.8.") from None
    return name, check_number(number, f"scale of the LoRA '{name}'", -LARGEST, LARGEST)


def weights_file(name: str, what: str) -> Path:
    """The safetensors file of a file, folder or hub name; ModelError of one sentence where there is not just one."""
    if Path(name).expanduser().is_file():
        file = Path(name).expanduser()
        if file.suffix != ".safetensors":
            raise ModelError(f"The {what} '{name}' is no safetensors file; give one, as others may run code when read.")
        return file
    folder = fetched_folder(name, what, WITHOUT[what])
    files = sorted(path for path in folder.glob("*.safetensors"))
    if len(files) == 1:
        return files[0]
    if not files:
        check_weights(folder, what, (Path(USUAL).stem if what == LORA else "ip-adapter",))
    if what == LORA and folder / USUAL in files:
        return folder / USUAL
    listed = ", ".join(path.name for path in files[:4])
    raise ModelError(f"The {what} '{name}' holds {len(files)} files ({listed}); name one of them.")


def add_loras(pipeline: Any, loras: Sequence[str | Path], model: str | Path) -> None:
    """Loads LoRAs into a pipeline, each at its scale. ModelError of one sentence for what is none of this model's."""
    scales: dict[str, float] = {}
    for number, text in enumerate(loras):
        name, scale = lora_of(text)
        file, adapter = weights_file(name, LORA), f"lora_{number}"
        with _fitting(LORA, name, model):
            pipeline.load_lora_weights(
                str(file.parent), weight_name=file.name, adapter_name=adapter, local_files_only=True
            )
            if not any(adapter in adapters for adapters in pipeline.get_list_adapters().values()):
                raise ValueError("none of its weights are for this kind of model")
            for part in pipeline.components.values():
                if hasattr(part, "peft_config"):
                    _check_added(part, f".{adapter}.")
        scales[adapter] = scale
    if scales:
        pipeline.set_adapters(list(scales), adapter_weights=list(scales.values()))


def add_ip_adapter(pipeline: Any, name: str | Path, scale: float | None, family: Family, model: str | Path) -> None:
    """Loads an IP-Adapter and the image encoder that lies beside its file. ModelError of one sentence if it cannot."""
    if family.reference != "ip_adapter_image":
        how = "takes a reference picture without one" if family.reference else "has no use for one"
        known = ", ".join(key for key, one in FAMILIES.items() if one.reference == "ip_adapter_image")
        raise ModelError(f"The {ADAPTER} '{name}' is for {known}, and '{model}' {how}; leave it out.")
    file = weights_file(str(name), ADAPTER)
    if getattr(pipeline, ENCODER, None) is None:
        if not (file.parent / ENCODER).is_dir():
            raise ModelError(
                f"The {ADAPTER} '{name}' needs the folder {ENCODER} (a CLIP vision model) beside its file; put it in."
            )
        check_files(file.parent / ENCODER, ADAPTER, "config.json")
        check_weights(file.parent / ENCODER, ADAPTER)
    with _fitting(ADAPTER, str(name), model):
        if getattr(pipeline, ENCODER, None) is None:
            pipeline.register_modules(image_encoder=_image_encoder(file.parent / ENCODER, pipeline.dtype))
        pipeline.load_ip_adapter(str(file.parent), subfolder="", weight_name=file.name, local_files_only=True)
        _check_added(pipeline.unet, "_ip.", "encoder_hid_proj.")
    set_reference_scale(pipeline, 1.0 if scale is None else scale)


def set_reference_scale(pipeline: Any, scale: float) -> None:
    """How much the picture counts beside the text; 0 leaves it out."""
    pipeline.set_ip_adapter_scale(scale)


def _image_encoder(folder: Path, dtype: Any) -> Any:
    """Loaded here, because the pipeline's own loader does not tell of weights that are missing."""
    import transformers

    kind: Any = transformers.CLIPVisionModelWithProjection
    encoder, report = kind.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    check_complete(report)
    return encoder


def _check_added(network: Any, *marks: str) -> None:
    """ValueError, naming the tensor, if weights whose names hold one of ``marks`` are not finite."""
    import torch

    for key, value in network.named_parameters():
        if any(mark in key for mark in marks) and not torch.isfinite(value).all():
            raise ValueError(f"its weights are damaged: {key} holds numbers that are not finite")


@contextmanager
def _fitting(what: str, name: str, model: str | Path) -> Iterator[None]:
    """Turns all that loading can raise into one sentence."""
    try:
        yield
    except Exception as error:  # the libraries raise nearly anything on other models' weights
        if is_out_of_memory(error):
            raise OutOfMemoryError(f"There is not enough memory to load the {what} '{name}'") from error
        raise ModelError(
            f"The {what} '{name}' does not go with '{model}': {reason_of(error, 200)}; give one made for this model."
        ) from error
