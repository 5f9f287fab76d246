"""The plain page: self-contained, escaped, light and dark."""

from medrepro.reproduce.report.plain_page import article, plain_page


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = plain_page("A <title>", article("unclear", "blue", "x < y", "<p>kept</p>"), "at the & end")
    assert text.startswith("<!doctype html>")
    assert "A &lt;title&gt;" in text
    assert "x &lt; y" in text
    assert "<p>kept</p>" in text
    assert "at the &amp; end" in text
    for outside in ("http:", "https:", "src=", "@import", "<script"):
        assert outside not in text


def test_both_schemes_have_the_colour_of_the_mark() -> None:
    text = plain_page("t", article("unclear", "blue", "h", ""), "")
    assert text.count("--blue:") == 2
    assert "prefers-color-scheme:dark" in text
    assert 'style="--mark:var(--blue)"' in text
