"""No text that the program prints can move a cursor, hide, or turn the direction of reading."""

import pytest

from platformstate.codec.safe import safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("שלום می\u200cخواهم 👩\u200d🚀", "שלום می\u200cخواهم 👩\u200d🚀"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb\0\x7f\x9b", "a\\x0db\\x00\\x7f\\x9b"),
        ("\u202e\u2066\u061c\u200e\u200f", "\\u{202e}\\u{2066}\\u{61c}\\u{200e}\\u{200f}"),
        ("\u2028\u2029\ufeff\U000e0041", "\\u{2028}\\u{2029}\\u{feff}\\u{e0041}"),
        ("\ud800", "\\u{d800}"),
        ("\u00a0\u3000", "\u00a0\u3000"),
    ],
)
def test_what_could_fool_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert safe_text(text) == shown
    assert safe_text(shown) == shown
