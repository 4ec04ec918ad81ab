"""What SGLang called its arguments when."""

from __future__ import annotations

import pytest

from spacegen.servers import schema
from spacegen.servers.renames import formerly, is_removed, renamed, replaced


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("cuda_graph_max_bs", "0.5.6", "0.5.23", "cuda_graph_max_bs_decode"),
        ("cuda_graph_max_bs", "0.5.6", "0.5.13", None),
        ("cuda_graph_max_bs", "0.5.13", "0.5.14", "cuda_graph_max_bs_decode"),
        ("cuda_graph_max_bs_decode", "0.5.23", "0.5.6", "cuda_graph_max_bs"),
        ("nsa_prefill", "0.5.3.post3", "0.5.6", "nsa_prefill_backend"),
        ("nsa_prefill", "0.5.3.post3", "0.5.13", "dsa_prefill_backend"),
        ("dsa_decode_backend", "0.5.13", "0.5.3", "nsa_decode"),
        ("nsa_decode_backend", "0.5.12", "0.5.13.post1", "dsa_decode_backend"),
    ],
)
def test_a_name_is_followed_through_the_releases(
    name: str, before: str, after: str, expected: str | None
) -> None:
    assert renamed("sglang", name, before, after) == expected


def test_a_rename_leads_back() -> None:
    for old in ("nsa_prefill_backend", "nsa_decode_backend", "cuda_graph_max_bs"):
        new = renamed("sglang", old, "0.5.6", "0.5.23")
        assert new is not None
        assert renamed("sglang", new, "0.5.23", "0.5.6") == old


@pytest.mark.parametrize("name", ["tp_size", "enable_piecewise_cuda_graph", "no_such_thing"])
def test_other_names_have_no_rename(name: str) -> None:
    assert renamed("sglang", name, "0.5.6", "0.5.23") is None


def test_a_name_of_another_release_has_none() -> None:
    # Whoever writes for 0.5.6 and says `dsa_...` is mistaken, and not to be helped silently.
    assert renamed("sglang", "dsa_prefill_backend", "0.5.6", "0.5.23") is None


def test_a_server_without_renames_has_none() -> None:
    assert renamed("minisgl", "page_size", "0.1.0", "0.2") is None
    assert formerly("minisgl", "page_size", "0.1.0") is None


@pytest.mark.parametrize(
    ("name", "version", "hint"),
    [
        ("cuda_graph_max_bs", "0.5.23", "`cuda_graph_max_bs` was renamed `cuda_graph_max_bs_decode`"),
        (
            "cuda_graph_max_bs_decode",
            "0.5.6",
            "`cuda_graph_max_bs_decode` is called `cuda_graph_max_bs` before 0.5.14",
        ),
        ("nsa_prefill", "0.5.6", "`nsa_prefill` was renamed `nsa_prefill_backend`"),
        (
            "enable_piecewise_cuda_graph",
            "0.5.23",
            (
                "`enable_piecewise_cuda_graph` was removed: prefill graphs are on unless"
                " `cuda_graph_backend_prefill` is `disabled`"
            ),
        ),
        ("enable_piecewise_cuda_graph", "0.5.9", None),
        ("cuda_graph_max_bs", "0.5.6", None),
        ("no_such_thing", "0.5.23", None),
    ],
)
def test_a_missing_name_gets_a_hint(name: str, version: str, hint: str | None) -> None:
    assert formerly("sglang", name, version) == hint


def test_what_is_removed_is_told_from_what_is_deprecated() -> None:
    assert is_removed("sglang", "enable_piecewise_cuda_graph", "0.5.10")
    assert not is_removed("sglang", "enable_piecewise_cuda_graph", "0.5.9.post1")
    assert not is_removed("sglang", "enable_dp_attention", "0.5.23")
    assert not is_removed("minisgl", "page_size", "0.1.0")


def test_what_is_deprecated_names_its_successor() -> None:
    assert replaced("sglang", "enable_dp_attention", "0.5.23") == "set `attn_dp_size`, not `dp_size`"
    assert replaced("sglang", "enable_dp_attention", "0.5.6") is None


@pytest.mark.parametrize(("server", "version"), [pair for pair in schema.shipped() if pair[0] == "sglang"])
def test_the_table_agrees_with_the_shipped_schemas(server: str, version: str) -> None:
    arguments = schema.load(server, version).arguments
    for names in (
        ("nsa_prefill_backend", "dsa_prefill_backend"),
        ("nsa_decode_backend", "dsa_decode_backend"),
        ("cuda_graph_max_bs", "cuda_graph_max_bs_decode"),
    ):
        known = [name for name in names if name in arguments]
        assert len(known) == 1
        other = next(name for name in names if name not in arguments)
        hint = formerly(server, other, version)
        assert hint is not None
        assert f"`{known[0]}`" in hint
