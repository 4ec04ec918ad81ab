from spacegen.source import Source, Span


def test_a_span_names_its_place() -> None:
    span = Span(Source("a.yaml", "one\ntwo: x\n"), 2, 6)
    assert str(span) == "a.yaml:2:6"
    assert str(span.shifted(2)) == "a.yaml:2:8"


def test_the_caret_stands_below_its_column_also_behind_tabs() -> None:
    assert Span(Source("a", "\tkey: x"), 1, 7).excerpt() == "1 | \tkey: x\n  | \t     ^"


def test_a_line_past_the_end_is_empty() -> None:
    assert Source("a", "one").line(7) == ""


def test_of_a_long_line_only_the_part_around_the_caret_is_shown() -> None:
    line = "a" * 500 + "!" + "b" * 500
    text, caret = Span(Source("a", line), 1, 501).excerpt().split("\n")
    assert len(text) < 180
    assert text[caret.index("^")] == "!"
    assert text.startswith("1 | ...")
    assert text.endswith("...")


def test_control_characters_are_shown_as_one_replacement_each() -> None:
    assert Span(Source("a", "a\x1b[2Jb!"), 1, 7).excerpt() == "1 | a\ufffd[2Jb!\n  |       ^"
