"""What the config.json of a Hugging Face model implies: heads, layers, cached bytes, and bytes of weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from spacegen.errors import Fault, SpaceError
from spacegen.servers.tensors import Shapes, expert_count, read_shapes

__all__ = ["MODEL_CONSTANTS", "Checkpoint", "read_checkpoint"]

Json: TypeAlias = Mapping[str, Any]

MODEL_CONSTANTS: Final = (
    "attention_heads",
    "kv_heads",
    "layers",
    "head_dim",
    "hidden_size",
    "ffn_width",
    "split_width",
    "quantization_block",
    "is_mla",
    "is_moe",
    "num_experts",
    "weights_mib",
    "fp8_weights_mib",
    "attention_weights_mib",
    "kv_bytes_per_token",
    "context_length",
    "model_uses_nsa",
    "is_multimodal",
    "has_sliding_window",
)
"""The names of constants that a model gives to a space."""

_MAX_BYTES: Final = 64 * 2**20
_MIB: Final = 2**20
# Keys that say that some layers attend to a window only.
_WINDOWED: Final = ("sliding_window", "attention_chunk_size", "sliding_window_size")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model as memory and parallelism see it. Bytes are of the whole model, before any split; None is
    unknown. `kv_bytes_per_token` is for 16-bit keys and values. One token goes through `ffn_width`; ranks
    divide `split_width`, in multiples of `quantization_block`."""

    path: str
    architecture: str
    dtype: str
    attention_heads: int
    kv_heads: int
    layers: int
    head_dim: int
    hidden_size: int
    ffn_width: int
    split_width: int
    quantization_block: int
    num_experts: int
    is_mla: bool
    is_multimodal: bool
    has_sliding_window: bool
    uses_nsa: bool
    context_length: int | None
    weight_bytes: int | None
    fp8_weight_bytes: int | None
    attention_weight_bytes: int | None
    kv_bytes_per_token: int

    @property
    def is_moe(self) -> bool:
        return self.num_experts > 0

    def constants(self) -> Mapping[str, int | bool | None]:
        """What spaces call these facts (`MODEL_CONSTANTS`); memory in MiB, rounded up."""
        facts: dict[str, int | bool | None] = {
            name: getattr(self, name) for name in MODEL_CONSTANTS if hasattr(self, name)
        }
        return facts | {
            "weights_mib": _mib(self.weight_bytes),
            "fp8_weights_mib": _mib(self.fp8_weight_bytes),
            "attention_weights_mib": _mib(self.attention_weight_bytes),
            "model_uses_nsa": self.uses_nsa,
        }


def _mib(count: int | None) -> int | None:
    return None if count is None else -(-count // _MIB)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """The model of a folder, or of its config.json. Raises SpaceError where there is none to read."""
    given = Path(path)
    file = given / "config.json" if given.is_dir() else given
    if not file.is_file() and not given.is_dir():
        hint = "give a model folder or its config.json; a name on the Hugging Face Hub is not looked up"
        raise SpaceError(Fault(f"no model at `{path}`", hint=hint))
    whole = _read(file)
    text = whole.get("text_config")
    config = {**whole, **text} if isinstance(text, dict) else whole
    try:
        shapes = read_shapes(config)
        return _checkpoint(given if given.is_dir() else file.parent, whole, config, shapes)
    except KeyError as error:
        hint = "it must be the config.json of a language model"
        raise SpaceError(Fault(f"{file} has no `{error.args[0]}`", hint=hint)) from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        raise SpaceError(Fault(f"{file} describes no language model: its sizes are no numbers")) from None


def _checkpoint(folder: Path, whole: Json, config: Json, shapes: Shapes) -> Checkpoint:
    architectures = whole.get("architectures") or ["unknown"]
    stored = _stored_bytes(folder)
    return Checkpoint(
        path=str(folder),
        architecture=str(architectures[0]),
        dtype=str(config.get("torch_dtype") or config.get("dtype") or "bfloat16"),
        attention_heads=shapes.heads,
        kv_heads=shapes.kv_heads,
        layers=shapes.layers,
        head_dim=shapes.head_dim,
        hidden_size=shapes.hidden,
        ffn_width=shapes.active_width,
        split_width=shapes.split_width,
        quantization_block=shapes.block,
        num_experts=expert_count(config),
        is_mla=shapes.latent > 0,
        is_multimodal="vision_config" in whole or "audio_config" in whole,
        has_sliding_window=_is_windowed(config),
        uses_nsa="index_topk" in config,
        context_length=_positive(config.get("max_position_embeddings")),
        weight_bytes=stored or shapes.weight_bytes(shapes.linear_bytes),
        fp8_weight_bytes=_as_fp8(shapes, stored),
        attention_weight_bytes=shapes.attention_bytes(stored),
        kv_bytes_per_token=shapes.kv_bytes_per_token(),
    )


def _as_fp8(shapes: Shapes, stored: int | None) -> int | None:
    """Bytes of the weights with one a value of every linear layer; embeddings keep theirs."""
    if stored is None or shapes.linear_bytes is None:
        return shapes.weight_bytes(1.0)
    return stored - int(shapes.linear_values * (shapes.linear_bytes - 1))


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SpaceError(Fault(f"{file} is larger than {_MAX_BYTES // _MIB} MiB"))
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpaceError(Fault(f"cannot read {file}: {reason}")) from None
    except (ValueError, RecursionError):
        raise SpaceError(Fault(f"{file} is not JSON")) from None
    if not isinstance(data, dict):
        raise SpaceError(Fault(f"{file} must hold a mapping"))
    return data


def _stored_bytes(folder: Path) -> int | None:
    """The bytes of the tensors that the folder stores: as its index says, else of its one file."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        metadata = _read(index).get("metadata")
        return _positive(metadata.get("total_size")) if isinstance(metadata, dict) else None
    single = folder / "model.safetensors"
    return _data_bytes(single) if single.is_file() else None


def _data_bytes(file: Path) -> int | None:
    """The bytes behind the header of a safetensors file, whose length its first eight bytes give."""
    try:
        with file.open("rb") as stream:
            header = int.from_bytes(stream.read(8), "little")
        return _positive(file.stat().st_size - 8 - header)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpaceError(Fault(f"cannot read {file}: {reason}")) from None


def _positive(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


def _is_windowed(config: Json) -> bool:
    """Whether some layers may keep a window only; in doubt, yes."""
    return config.get("use_sliding_window") is not False and any(config.get(key) for key in _WINDOWED)
