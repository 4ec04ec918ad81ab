"""Models as folders of a config.json, against the sizes that are published for them."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegen.errors import SpaceError
from spacegen.servers.checkpoint import MODEL_CONSTANTS, read_checkpoint

MODELS = Path(__file__).parent / "models"


def model(folder: Path, **config: Any) -> Path:
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    (folder / "config.json").write_text(json.dumps(sizes | config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "published"),
    [  # `total_size` of the published index, else two bytes for each of the published number of parameters
        ("llama-8b", 16_060_522_496),
        ("llama-70b", 141_107_412_992),
        ("qwen3-0.6b", 2 * 596_049_920),
        ("qwen3-moe", 61_064_245_248),
    ],
)
def test_the_bytes_of_weights_are_those_published(name: str, published: int) -> None:
    found = read_checkpoint(MODELS / name).weight_bytes
    assert found == published


ODD = (None, True, -1, 0, 7, 10**30, 1.5, float("inf"), float("nan"), "x", "8", [], [1], {}, {"a": 1}, [{}])
KEYS = sorted({key for path in MODELS.glob("*/config.json") for key in json.loads(path.read_text())})


@given(
    st.sampled_from(sorted(MODELS.iterdir())),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD), max_size=3),
)
def test_a_config_is_read_or_refused(model: Path, odd: dict[str, Any]) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8")) | odd
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        with suppress(SpaceError):
            found = read_checkpoint(folder)
            assert set(found.constants()) == set(MODEL_CONSTANTS)
            assert min(found.attention_heads, found.kv_heads, found.layers, found.head_dim) > 0


@pytest.mark.parametrize(
    ("name", "cached"),
    [
        ("llama-8b", 2 * 32 * 8 * 128 * 2),
        ("llama-70b", 2 * 80 * 8 * 128 * 2),
        ("qwen3-0.6b", 114_688),
        ("qwen3-moe", 2 * 48 * 4 * 128 * 2),
        ("deepseek-v3", 61 * (512 + 64) * 2),
    ],
)
def test_the_bytes_that_a_token_keeps(name: str, cached: int) -> None:
    assert read_checkpoint(MODELS / name).kv_bytes_per_token == cached


def test_a_model_is_dense_or_of_experts_with_plain_or_latent_attention() -> None:
    found = {path.name: read_checkpoint(path) for path in MODELS.iterdir()}
    assert {name for name, m in found.items() if m.is_moe} == {"qwen3-moe", "qwen3-moe-fp8", "deepseek-v3"}
    assert {name for name, m in found.items() if m.is_mla} == {"deepseek-v3"}
    assert not any(m.is_multimodal or m.has_sliding_window or m.uses_nsa for m in found.values())


def test_an_fp8_checkpoint_has_the_same_size_in_fp8() -> None:
    stored = read_checkpoint(MODELS / "qwen3-moe-fp8")
    assert stored.fp8_weight_bytes == stored.weight_bytes


def test_the_constants_are_those_promised() -> None:
    constants = read_checkpoint(MODELS / "llama-8b").constants()
    assert set(constants) == set(MODEL_CONSTANTS)
    assert constants["weights_mib"] == 15317
    assert constants["is_moe"] is False
    assert constants["num_experts"] == 0


def test_an_index_beside_the_config_says_the_bytes(tmp_path: Path) -> None:
    model(tmp_path, torch_dtype="bfloat16")
    computed = read_checkpoint(tmp_path)
    assert computed.weight_bytes is not None
    index = {"metadata": {"total_size": computed.weight_bytes + 1000}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    stored = read_checkpoint(tmp_path)
    assert stored.weight_bytes == computed.weight_bytes + 1000
    assert computed.fp8_weight_bytes is not None
    assert stored.fp8_weight_bytes == computed.fp8_weight_bytes + 1000


def test_one_file_of_tensors_says_the_bytes(tmp_path: Path) -> None:
    header = b'{"a": 1}'
    tensors = len(header).to_bytes(8, "little") + header + b"x" * 5000
    (model(tmp_path) / "model.safetensors").write_bytes(tensors)
    assert read_checkpoint(tmp_path).weight_bytes == 5000


def test_the_config_itself_may_be_named() -> None:
    folder = MODELS / "llama-8b"
    assert read_checkpoint(folder / "config.json") == read_checkpoint(folder)


def test_the_text_part_of_a_multimodal_model_counts(tmp_path: Path) -> None:
    text = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 100}
    whole = {"architectures": ["Both"], "text_config": text, "vision_config": {"hidden_size": 7}}
    (tmp_path / "config.json").write_text(json.dumps(whole), encoding="utf-8")
    found = read_checkpoint(tmp_path)
    assert (found.layers, found.is_multimodal, found.architecture) == (3, True, "Both")


@pytest.mark.parametrize(
    ("config", "windowed"),
    [
        ({"sliding_window": 128}, True),
        ({"sliding_window": 128, "use_sliding_window": False}, False),
        ({}, False),
    ],
)
def test_windows_are_told(tmp_path: Path, config: dict[str, Any], windowed: bool) -> None:
    assert read_checkpoint(model(tmp_path, **config)).has_sliding_window is windowed


def refusal(path: Path) -> str:
    with pytest.raises(SpaceError) as caught:
        read_checkpoint(path)
    return str(caught.value)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").startswith(
        f"no model at `{tmp_path / 'none'}`\nhint: give a model folder"
    )
    assert refusal(tmp_path) == f"cannot read {tmp_path / 'config.json'}: no such file or directory"
    for text, message in [
        ("{", "is not JSON"),
        ("[]", "must hold a mapping"),
        ("{}", "has no `hidden_size`"),
        ('{"hidden_size": "wide", "num_hidden_layers": 1}', "describes no language model"),
        (
            '{"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 0}',
            "describes no language model",
        ),
    ]:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
        assert message in refusal(tmp_path)
