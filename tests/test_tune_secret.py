"""Secrets reach the processes that need them, and nothing that is kept or shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spacegen.cli.main import main
from spacegen.tune import runner_for
from spacegen.tune.jobs import Job
from spacegen.tune.running.launching import Launcher
from spacegen.tune.secret import Hider, discreet, is_secret, masked, masked_text, public, redacted
from spacegen.tune.setup import Setup, Timeouts
from spacegen.tune.workload import Workload

SECRET = "sk-5f0e7c"
SPACE = f"""\
spacegen: 1
name: node
target: {{server: sglang, version: "0.5.23"}}
fixed: {{admin_api_key: {SECRET}-admin}}
parameters:
  tp_size: [1, 2, 4]
"""
SERVER = f"""
import sys
print("server_args=ServerArgs(api_key={SECRET!r})", flush=True)
sys.exit("refused: {SECRET}" if "{SECRET}" in sys.argv else "nobody told the key")
"""


def kept(folder: Path) -> Iterator[str]:
    """The files that hold the secret, whatever their form."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "node.yaml" and SECRET.encode() in path.read_bytes():
            yield path.name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node.yaml").write_text(SPACE)
    return tmp_path


GIVEN = ("--extra", f"api_key={SECRET}", "--env", f"OPENAI_API_KEY={SECRET}")


@pytest.mark.parametrize("storage", ["study.db", "journal:study.log"])
def test_nothing_that_a_study_leaves_has_a_secret(
    storage: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = storage if ":" in storage else f"sqlite:///{storage}"
    bench = f"--bench-cmd=bench --header Authorization=Bearer_{SECRET} {{base_url}}"
    given = ("node.yaml", "--runner", "sim", "--trials", "3", "--repeats", "2", "--storage", url, *GIVEN)
    assert main(["tune", *given, bench]) == 0
    told = capsys.readouterr()
    assert main(["report", url, "-o", "report.html"]) == 0
    assert main(["report", "node-simulated.jsonl", "-o", "results.html"]) == 0
    assert "--api-key" in (folder / "report.html").read_text()
    assert "--api-key" in (folder / "node-simulated.json").read_text()
    assert list(kept(folder)) == []
    assert SECRET not in told.out + told.err


def test_nothing_that_a_run_leaves_has_a_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.sh").write_text("python -m sglang.launch_server --tp 2\n")
    given = ("run", "a.sh", "--runner", "sim", "--target", "sglang==0.5.23", *GIVEN)
    assert main(list(given)) == 0
    assert main([*given, "--json"]) == 0
    told = capsys.readouterr()
    assert "1 of 1 config measured before" in told.err
    assert list(kept(folder)) == []
    assert SECRET not in told.out + told.err


def setup_of(folder: Path) -> Setup:
    return Setup(
        server="sglang",
        version="0.5.23",
        workload=Workload(generator="command", command="true {base_url}"),
        folder=folder / "jobs",
        lease_folder=folder / "leases",
        arguments={"model_path": "m", "api_key": SECRET},
        server_command=(sys.executable, "-I", "-S", "-c", SERVER, "--", "--hf-token", SECRET),
        environment={"OPENAI_API_KEY": SECRET, "LEVEL": "info"},
        timeouts=Timeouts(ready=20.0, stop=5.0),
    )


def test_a_server_gets_its_key_and_its_log_is_kept_without(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)
    outcome = runner_for(setup).run(Job(name="one", config={"page_size": 1}), lambda *_: None)
    assert outcome.failure is not None
    assert "refused: ***" in outcome.failure.log_tail
    assert SECRET not in outcome.model_dump_json()
    assert "api_key='***'" in (tmp_path / "jobs" / "one" / "server.log").read_text()
    told = (tmp_path / "jobs" / "one" / "command.txt").read_text()
    assert "OPENAI_API_KEY=***" in told.replace("'", "")
    assert "LEVEL=info" in told
    assert list(kept(tmp_path)) == []


def test_only_the_process_sees_the_words(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)
    launcher, job = Launcher(setup), Job(name="one", config={})
    launch = launcher.launch(job, launcher.arguments(job), (), 30000)
    assert launch.argv[launch.argv.index("--api-key") + 1] == SECRET
    assert launch.environment["OPENAI_API_KEY"] == SECRET
    assert "--api-key ***" in launch.shown.replace("'", "")


def test_a_launch_is_shown_as_a_line_that_a_shell_runs(tmp_path: Path) -> None:
    environment = {"NOTE": "two words", "TOKEN": "t"}
    launcher = Launcher(setup_of(tmp_path).model_copy(update={"environment": environment}))
    words = ("sh", "-c", 'echo "$NOTE"')
    shown = launcher.command(Job(name="one", config={}), words, (), 30000).shown
    told = subprocess.run(["sh", "-c", shown], check=True, capture_output=True, text=True)
    assert told.stdout == "two words\n"
    assert "TOKEN='***'" in shown


@pytest.mark.parametrize(
    "name",
    ["api_key", "--admin-api-key", "ssl_keyfile_password", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "X-Api-Key"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_total_tokens", "tokenizer_path", "ssl_keyfile", "speculative_token_map", "skip_tokenizer_init"],
)
def test_names_of_others(name: str) -> None:
    assert not is_secret(name)
    assert public({name: 1, "api_key": 2}) == {name: 1}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["a", "--api-key", "k", "b"], ["a", "--api-key", "***", "b"]),
        (["--api-key=k", "HF_TOKEN=t"], ["--api-key=***", "HF_TOKEN=***"]),
        (["--enable-auth", "--tp", "2"], ["--enable-auth", "--tp", "2"]),
        (["-H", "Authorization: Bearer k"], ["-H", "Authorization: ***"]),
        (["sh", "-c", "serve --api-key k --tp 2"], ["sh", "-c", "serve --api-key '***' --tp 2"]),
        (["http://me:pw@host:1/x", "http://host:80/@"], ["http://me:***@host:1/x", "http://host:80/@"]),
        (["say 'a  b'", "it's"], ["say 'a  b'", "it's"]),
    ],
)
def test_words_as_they_are_shown(words: list[str], shown: list[str]) -> None:
    assert list(redacted(words)) == shown


def test_a_workload_is_kept_public() -> None:
    plain = Workload(extra=("--num", "3"), command="bench {base_url}")
    assert discreet(plain) is plain
    told = discreet(Workload(extra=("--token", "t"), command="bench --api-key k {base_url}"))
    assert told.extra == ("--token", "***")
    assert told.command == "bench --api-key '***' '{base_url}'"


def test_texts_lose_whole_secrets_alone() -> None:
    hider = Hider(["abcdef", "abcdef-long", "1", None])
    assert hider.text("'abcdef-long' abcdefg 1 abcdef") == "'***' abcdefg 1 ***"
    assert Hider(["1"]).idle


@pytest.mark.parametrize(
    "text",
    [
        "launch --api-key hush-1",
        "launch --api-key=hush-1 --tp-size 2",
        "launch --api-key 'hush-1 hush-1' --tp-size 2",
        'launch --api-key="hush-1 hush-1"',
        "Command '['python', '--api-key', 'hush-1', '--tp-size', '2']' returned non-zero exit status 1",
        '{"cmd": "[\\"--api-key\\", \\"hush-1\\"]"}',
        '{"launch_command": "launch --api-key hush-1", "tp_size": 2}',
        '{"json_model_override_args": "{\\"api_key\\": \\"hush-1\\"}"}',
        "HF_TOKEN=hush-1 launch",
        "export HF_TOKEN='hush-1'",
        "os.environ['HF_TOKEN'] = 'hush-1'",
        "PASSWORD=a,hush-1",
        "Namespace(tp_size=2, api_key=hush-1, hf_token=hush-1)",
        "api_key: hush-1",
        'api-key: "hush-1"',
        "{'accessKey': 'hush-1', 'HfToken': b'hush-1'}",
        "password='it\\'s hush-1'",
        '"api_keys": ["hush-1", "hush-1"]',
        "credentials={'me': 'hush-1'}",
        "credentials={'me': {'a': ['}', 'hush-1']}, 'you': 'hush-1'}, tp_size=2",
        'api_keys=[["hush-1"], ["hush-1", "hush-1',
        '{"api_key": 4711, "tp_size": 2}',
        "X-Api-Key: hush-1",
        "Authorization: Token hush-1",
        "Cookie: a=hush-1; b=hush-1",
        "(b'authorization', b'Bearer hush-1')",
        "Proxy says: Basic aHVzaC0x",
        "cannot read https://me:hush-1@host/x",
        "cannot read https://me:hush-1@host",
        "cannot read https://me:hush-1",
        "git clone https://a-long-token-hush-1@host/x",
        "GET /metrics?token=hush-1&x=1",
        "Invalid user token hf_" + 17 * "aB",
        "server_args=ServerArgs(api_key='hush-1",
    ],
)
def test_a_line_is_shown_without_its_secrets(text: str) -> None:
    shown = masked_text(text)
    assert "***" in shown
    assert not any(secret in shown for secret in ("hush", "4711", "aHVzaC0x", "aBaB"))
    assert masked_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Prefill batch, #new-seq: 1, #new-token: 8192, #cached-token: 0, token usage: 0.91,",
        "Decode batch, #running-req: 3, #token: 8192, cuda graph: True",
        "ServerArgs(api_key=None, hf_token=None, tp_size=2)",
        "rendezvous at tcp://127.0.0.1:29500 and http://[::1]:30000",
        "KeyError: 'unknown key: foo'",
        "error: argument --key: expected one argument",
        "Basic attention of 7 heads",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert masked_text(text) == text


def test_values_of_arguments_are_shown_without_secrets_in_them() -> None:
    assert masked("api_key", None) is None
    assert masked("api_key", "k") == "***"
    nested = {"a": [{"token": "k"}, ("--api-key", "k", "x")], "b": '{"password": "k"}', "c": 1}
    assert masked("extra", nested) == {
        "a": [{"token": "***"}, ["--api-key", "***", "x"]],
        "b": '{"password": "***"}',
        "c": 1,
    }
