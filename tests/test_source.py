from spacegen.source import Source, Span


def test_a_span_names_its_place() -> None:
    span = Span(Source("a.yaml", "one\ntwo: x\n"), 2, 6)
    assert str(span) == "a.yaml:2:6"
    assert str(span.shifted(2)) == "a.yaml:2:8"


def test_the_caret_stands_below_its_column_also_behind_tabs() -> None:
    assert Span(Source("a", "\tkey: x"), 1, 7).excerpt() == "1 | \tkey: x\n  | \t     ^"


def test_a_line_past_the_end_is_empty() -> None:
    assert Source("a", "one").line(7) == ""
