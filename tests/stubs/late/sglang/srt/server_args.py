"""Arguments that keep the input as it was given, and decisions beside it."""

from __future__ import annotations

import argparse
from typing import Any


class ServerArgs:
    __struct_fields__ = ("model_path", "tp_size", "pp_size", "disable_overlap_schedule", "attention_backend")
    __struct_defaults__ = (1, 1, False, None)

    def __init__(self, **given: Any) -> None:
        optional = dict(zip(self.__struct_fields__[1:], self.__struct_defaults__, strict=True))
        self.__dict__.update({**optional, **given})
        self.decisions: dict[str, Any] = {}

    def resolve_once(self) -> None:
        if self.attention_backend == "flex":
            raise NotImplementedError("flex is not ready")
        if self.attention_backend is None:
            self.decisions["attention_backend"] = "fa3"
        if self.pp_size > 1:
            self.decisions["disable_overlap_schedule"] = True

    def check_server_args(self) -> None:
        if self.tp_size * self.pp_size > 8:
            raise ValueError("too many GPUs")

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--model-path", required=True)
        parser.add_argument("--tp-size", "--tp", type=int, default=1)
        parser.add_argument("--pp-size", "--pp", type=int, default=1)
        parser.add_argument("--disable-overlap-schedule", action="store_true")
        parser.add_argument("--attention-backend", choices=["fa3", "flex"])


def prepare_server_args(argv: list[str]) -> ServerArgs:
    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    return ServerArgs(**vars(parser.parse_args(argv)))
