"""How one scalar is written: plain where every YAML version reads the same text, else quoted."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from platformstate.codec.characters import escaped
from platformstate.codec.scalars import reading

_PLAIN: Final = re.compile(r"""[\w/][^"'\[\]{}#&*!|>%@`\t\r\n]*""")


def scalar(value: Any, *, flow: bool = False) -> str:
    """Return a scalar as it stands on one line; inside flow collections a comma asks for quotes."""
    if isinstance(value, str):
        return value if is_plain(value, flow=flow) else quoted(value)
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


def is_plain(text: str, *, flow: bool = False) -> bool:
    """Say whether a text needs no quotes."""
    return (
        _PLAIN.fullmatch(text) is not None
        and text == text.strip()
        and ": " not in text
        and not text.endswith(":")
        and not (flow and ("," in text or "?" in text))  # PyYAML ends flow text at a question mark
        and reading(text) == "text"
    )


def quoted(text: str) -> str:
    """Return a text in double quotes with the escapes that JSON and YAML share."""
    return escaped(json.dumps(text, ensure_ascii=False))


def single_quoted(text: str) -> str | None:
    """Return a text in single quotes, None when it does not fit between them."""
    return None if "\n" in text or escaped(text) != text else "'" + text.replace("'", "''") + "'"


def block(text: str) -> list[str] | None:
    """Return a text of several lines as block text, its header first; None where it must be quoted.

    Quoted are texts whose outer or trailing blanks an editor might eat or a reader might miscount.
    """
    body = text.removesuffix("\n")
    lines = body.split("\n")
    if "\n" not in text or not lines[0] or not lines[-1] or text != escaped(text):
        return None
    if lines[0][0] in " \t" or any(line != line.rstrip() or line.startswith("\t") for line in lines):
        return None
    if "\r" in text:
        return None
    return ["|" if text.endswith("\n") else "|-", *lines]


def _number(value: float) -> str:
    """Write a number so that YAML 1.1 reads one too: an exponent asks for a fraction before it."""
    text = repr(value)
    return text if "e" not in text or "." in text else text.replace("e", ".0e")
