from spacegen.errors import Fault, SpaceError, did_you_mean
from spacegen.source import Source, Span


def test_a_fault_shows_place_line_and_hint() -> None:
    fault = Fault("unknown name `tp`", Span(Source("a.yaml", "x: tp"), 1, 4), "did you mean `tp_size`?")
    assert str(fault) == "a.yaml:1:4: unknown name `tp`\n1 | x: tp\n  |    ^\nhint: did you mean `tp_size`?"


def test_an_error_shows_all_faults() -> None:
    assert str(SpaceError("one", Fault("two", hint="three"))) == "one\n\ntwo\nhint: three"


def test_did_you_mean_is_silent_far_off() -> None:
    assert did_you_mean("tp_sise", ["tp_size", "pp_size"]) == "did you mean `tp_size`?"
    assert did_you_mean("zzz", ["tp_size"]) is None


def test_did_you_mean_names_no_other_parameter() -> None:
    assert did_you_mean("dp_size", ["tp_size", "pp_size"]) is None
    assert did_you_mean("disable_radix_cache", ["disable_pynccl"]) is None
    assert did_you_mean("dp_sise", ["tp_size", "dp_size"]) == "did you mean `dp_size`?"
    for slip in ("TP_SIZE", "tp-size", "tpsize", "pt_size", "tp_sizes"):
        assert did_you_mean(slip, ["dp_size", "tp_size"]) == "did you mean `tp_size`?"
