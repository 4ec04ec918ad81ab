"""Where launches go: formats, files of their own, templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import spacegen
from spacegen import UsageError
from spacegen.cli.main import main
from spacegen.launch.config import LaunchConfig
from spacegen.launch.configfile import config_file, file_arguments
from spacegen.launch.formats import FORMATS
from spacegen.launch.output import output
from spacegen.launch.template import file_name, filled, read_template, shipped_templates
from spacegen.servers.schema import load

SPACE = Path(__file__).parent / "cases" / "cli" / "launch.yaml"
SGLANG = load("sglang", "0.5.23")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("form", [name for name in FORMATS if not FORMATS[name].binary])
def test_a_pattern_makes_a_file_of_each_config(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made"
    run(
        capsys,
        "solve",
        str(SPACE),
        "-n",
        "3",
        "--format",
        form,
        "--pattern",
        "a/c_{index:02}.x",
        "-o",
        str(out),
    )
    assert sorted(path.name for path in (out / "a").iterdir()) == ["c_00.x", "c_01.x", "c_02.x"]


def test_the_suffix_of_a_pattern_says_the_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pattern = "exp_{tp_size}_{rank}.json"
    run(capsys, "solve", str(SPACE), "-n", "4", "--pattern", pattern, "-o", str(tmp_path), "--with", "rank")
    for path in tmp_path.iterdir():
        found = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"exp_{found['tp_size']}_{found['rank']}.json"


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    space = spacegen.load(SPACE)
    with pytest.raises(UsageError, match=r"names two files `c\.json`"):
        output(None, str(tmp_path), "c.json").write([space.first(2).fields], _style())


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/tmp/{index}", "leaves its folder"),
        ("../{index}", "leaves its folder"),
        ("{index", "makes no names"),
        ("{index.real}", "has an unknown"),
        ("{}", "has an unknown"),
        ("{name:d}", "makes no names"),
    ],
)
def test_a_pattern_can_be_wrong(pattern: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        file_name(pattern, {"index": 1, "name": "a"})


def test_parquet_holds_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run(capsys, "solve", str(SPACE), "--method", "all", "-o", str(tmp_path / "all.parquet"))
    assert parquet.read_table(tmp_path / "all.parquet").to_pylist() == list(spacegen.load(SPACE).solutions())


def _style(**options: Any) -> Any:
    from spacegen.launch.style import Style

    return Style("launch", SGLANG, **options)


# Templates


@pytest.mark.parametrize("name", shipped_templates())
def test_a_shipped_template_holds_the_words_of_the_launch(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--template", name, "--pin", "tp_size=4", "--model-path", "a model", "--port", "4000"]
    made = yaml.safe_load(run(capsys, "show", str(SPACE), "0", *options))
    text = json.dumps(made)
    assert '"--tp-size", "4"' in text
    assert '"a model"' in text
    assert '"4000"' in text
    assert "{" not in "".join(_strings(made))


def _strings(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [s for key, value in document.items() for s in (*_strings(key), *_strings(value))]
    if isinstance(document, list):
        return [s for item in document for s in _strings(item)]
    return [document] if isinstance(document, str) else []


def template(tmp_path: Path, text: str, name: str = "t.json") -> Any:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_template(str(path))


def test_arguments_are_merged_where_no_placeholder_holds_them(tmp_path: Path) -> None:
    made = filled(template(tmp_path, '{"id": "{index}", "tp_size": 0}'), {"index": 3}, {"tp_size": 2})
    assert json.loads(made) == {"id": 3, "tp_size": 2}
    made = filled(template(tmp_path, '{"all": "{arguments}"}'), {"arguments": {"tp_size": 2}}, {"tp_size": 2})
    assert json.loads(made) == {"all": {"tp_size": 2}}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ('{"a": "{n}"}', {"a": 4}),
        ('{"a": "n={n}, s={s}, o={o}"}', {"a": "n=4, s=x, o=true"}),
        ('{"a": ["-", "{words}", "{n}"]}', {"a": ["-", "p", "q", 4]}),
        ('{"a": "{words}"}', {"a": ["p", "q"]}),
        ('{"{s}": [{"b": "{{n}}"}]}', {"x": [{"b": "{n}"}]}),
        ('{"a": "{\\"b\\": {\\"c\\": 1}}", "d": 1.5}', {"a": '{"b": {"c": 1}}', "d": 1.5}),
    ],
)
def test_placeholders_are_filled(text: str, made: Any, tmp_path: Path) -> None:
    values = {"n": 4, "s": "x", "o": True, "words": ["p", "q"]}
    assert json.loads(filled(template(tmp_path, text), values, {})) == made


def test_a_template_can_be_yaml(tmp_path: Path) -> None:
    made = template(tmp_path, "a: '{n}'\nb: [x]\n", "t.yml")
    assert filled(made, {"n": 4}, {"c": None}) == "a: 4\nb:\n- x\nc: null\n"
    assert made.suffix == ".yaml"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", "{", "`.*t.json` is not JSON"),
        ("t.yaml", "a: [", "`.*t.yaml` is not YAML"),
        ("t.json", "[]", "a template is a mapping"),
        ("t.txt", "{}", "templates are .json or .yaml files"),
    ],
)
def test_a_template_can_be_wrong(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        template(tmp_path, text, name)


# Config files


def test_a_config_file_says_what_files_may_say() -> None:
    launch = LaunchConfig(
        SGLANG,
        {
            "disable_cuda_graph": True,
            "cuda_graph_backend_prefill": "full",
            "enable_dp_attention": True,
            "dp_size": 2,
            "enable_tf32_matmul": True,
            "enable_mixed_chunk": False,
            "page_size": None,
            "served_model_name": "-x",
        },
    )
    entries, left = file_arguments(launch)
    assert entries == {
        "cuda-graph-backend-prefill": "full",
        "cuda-graph-backend-decode": "disabled",
        "attn-dp-size": 2,
    }
    assert left == ["--enable-tf32-matmul", "--served-model-name=-x"]


def test_what_files_do_not_refuse_stays_as_it_is() -> None:
    older = load("sglang", "0.5.6.post2")
    text = config_file(
        LaunchConfig(older, {"disable_cuda_graph": True, "enable_dp_attention": True, "dp_size": 2})
    )
    assert yaml.safe_load(text) == {"disable-cuda-graph": True, "enable-dp-attention": True, "dp-size": 2}


def test_a_server_may_read_no_config_file() -> None:
    with pytest.raises(UsageError, match="`minisgl` reads no config file"):
        config_file(LaunchConfig(load("minisgl", "0.1.0"), {}))


def test_an_empty_launch_is_an_empty_mapping() -> None:
    assert config_file(LaunchConfig(SGLANG, {})) == "{}\n"
