"""A few arguments: each way in which a server can take, fill, alter and refuse them, or break."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import time
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class ServerArgs:
    model_path: str
    tp_size: int = 1
    pp_size: int = 1
    page_size: int | None = None
    chunked_prefill_size: int | None = None
    mem_fraction_static: float | None = None
    attention_backend: str | None = None
    decode_attention_backend: str | None = None
    enable_hierarchical_cache: bool = False
    hicache_write_policy: str = "write_back"
    disable_radix_cache: bool = False
    disable_overlap_schedule: bool = False
    enable_metrics: bool = True
    cuda_graph_bs: list[int] | None = None
    json_model_override_args: str = "{}"
    stat_loggers: dict[str, str] | None = None
    load_format: str = "auto"

    def __post_init__(self) -> None:
        print("loading", flush=True)
        os.environ["STUB_LEAKS"] = os.environ.get("STUB_LEAKS", "") + "x"
        if self.load_format == "crash":
            logger.warning("about to crash")
            os.abort()
        if self.load_format == "hang":
            time.sleep(600)
        if self.load_format == "leaks":
            raise ValueError(f"STUB_LEAKS is {os.environ['STUB_LEAKS']}")
        if self.attention_backend is None:
            self.attention_backend = "fa3"
        if self.attention_backend == "fa4" and self.page_size != 128:
            logger.warning("page size becomes 128")
            self.page_size = 128
        if self.pp_size > 1:
            self.disable_overlap_schedule = True
        if self.enable_hierarchical_cache and self.hicache_write_policy == "write_through":
            self.decode_attention_backend = "triton"

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("--model-path", "--model", required=True)
        add("--tensor-parallel-size", "--tp-size", type=int, default=1)
        add("--pipeline-parallel-size", "--pp-size", type=int, default=1)
        add("--page-size", type=int)
        add("--chunked-prefill-size", type=int)
        add("--mem-fraction-static", type=float)
        add("--attention-backend", choices=["fa3", "fa4", "triton"])
        add("--decode-attention-backend", choices=["fa3", "fa4", "triton"])
        add("--enable-hierarchical-cache", action="store_true")
        add("--hicache-write-policy", choices=["write_back", "write_through"], default="write_back")
        add("--disable-radix-cache", action="store_true")
        add("--disable-overlap-schedule", action="store_true")
        add("--enable-metrics", action=argparse.BooleanOptionalAction, default=True)
        add("--cuda-graph-bs", type=int, nargs="+")
        add("--json-model-override-args", default="{}")
        add("--load-format", default="auto")
        add("--config")

    @classmethod
    def from_cli_args(cls, args: argparse.Namespace) -> ServerArgs:
        args.tp_size, args.pp_size = args.tensor_parallel_size, args.pipeline_parallel_size
        names = [field.name for field in dataclasses.fields(cls) if hasattr(args, field.name)]
        return cls(**{name: getattr(args, name) for name in names})

    def check_server_args(self) -> None:
        if self.enable_hierarchical_cache and self.disable_radix_cache:
            raise ValueError("the hierarchical cache needs the radix cache")
        assert (self.chunked_prefill_size or 0) % (self.page_size or 1) == 0
        json.loads(self.json_model_override_args)


def prepare_server_args(argv: list[str]) -> ServerArgs:
    if "--config" in argv:
        import yaml

        at = argv.index("--config")
        body = yaml.safe_load(Path(argv[at + 1]).read_text(encoding="utf-8"))
        flags = [f"--{name}={value}" for name, value in body.items()]
        argv = [*argv[:at], *flags, *argv[at + 2 :]]
    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    return ServerArgs.from_cli_args(parser.parse_args(argv))
