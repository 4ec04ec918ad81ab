"""Nothing that a terminal obeys gets out of a log."""

from __future__ import annotations

import json
import re
from pathlib import Path
from time import perf_counter

import pytest
import yaml

from spacegen.cli.main import main
from spacegen.diagnose.printable import printable

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]|\\u00[01]|&#x?[01]?\d;")
LOG = r"""[2025-08-11 17:16] server_args=ServerArgs(model_path='/m/aTITLEb', revision='\x1b]0;x\x07')
[2025-08-11 17:16:30] The server is fired up and ready to roll!
[2025-08-11 17:17:03] Prefill batch, #new-seq: 1, #new-token: 8192, #running-req: 181, #queue-req: 346, TITLE
torch.OutOfMemoryError: CUDA out of memory.TITLE Tried to allocate 3.50 GiB. 2.13 GiB is free.TITLE
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\twords\nand more: é, 中, \u2588", "plain\twords\nand more: é, 中, \u2588"),
        ("\x1b[1;31merror\x1b[0m: \x1b[2Kboom", "error: boom"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1b]52;c;never ended", "a52;c;never ended"),
        ("a\x1bPq#0\x1b\\b\x1b_x\x9cc", "abc"),
        ("a\x9b31mb\x9dtitle\x9cc", "abc"),
        ("a\x1b(Bb\x1bc\x1b7c", "abc"),
        ("a\rb\x00c\x7fd\x85e\x1b", "abcde"),
    ],
)
def test_what_a_terminal_obeys_is_left_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("part", ["\x1b]", "\x9d", "\x1b[", "\x9b0", "\x1b]0;", "\x1bP\x1b", "\x1b "])
def test_a_long_line_of_controls_takes_no_longer(part: str) -> None:
    began = perf_counter()
    assert CONTROL.search(printable(part * 100_000)) is None
    assert perf_counter() - began < 2


def test_no_control_character_leaves_in_any_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "b\x1b]0;x\x07.log"
    for log in (name, "server.log"):
        (tmp_path / log).write_text(LOG.replace("TITLE", "\x1b]0;x\x07\x9d0;x\x9c\x08\x1b[5m"))
    command = ["diagnose", name, "server.log", "--space", "h100"]
    assert main([*command, "--narrow", "o.yaml", "--html", "p.html"]) == 1
    assert main([*command, "--json"]) == 1
    said = capsys.readouterr()
    assert "/m/ab" in said.out
    assert CONTROL.search(said.out + said.err) is None
    overlay = (tmp_path / "o.yaml").read_text()
    assert CONTROL.search(overlay) is None
    assert CONTROL.search(json.dumps(yaml.safe_load(overlay))) is None
    page = (tmp_path / "p.html").read_text()
    plotly = max(re.findall(r"<script.*?</script>", page, re.DOTALL), key=len)
    assert CONTROL.search(page.replace(plotly, "")) is None
