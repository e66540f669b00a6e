"""The first two stages of reading: size, then bytes. What passes is a text without surprises."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from platformstate.codec import limits
from platformstate.codec.characters import holds_refused, is_plain_ascii, refused
from platformstate.codec.nodes import place_at
from platformstate.codec.safe import safe_text
from platformstate.errors import Problem, shown

BOM: Final = "\ufeff"
_UTF16_SHARE: Final = 3  # in UTF-16, half of the bytes of most texts are NUL
_OURS: Final = re.compile(r"^<<<<<<<(?: (.*))?$", re.MULTILINE)
_MIDDLE: Final = re.compile(r"^=======(?: .*)?$", re.MULTILINE)
_THEIRS: Final = re.compile(r"^>>>>>>>(?: (.*))?$", re.MULTILINE)
_LONE_CR: Final = re.compile(r"\r(?!\n)")
_BARE_LF: Final = re.compile(r"(?<!\r)\n")


class Decoded(NamedTuple):
    """A text with LF line ends, None when it was refused; warnings may stand beside a text."""

    text: str | None
    problems: tuple[Problem, ...] = ()


def decoded(data: bytes, path: str, max_bytes: int, container: str) -> Decoded:
    """Return the text of a file's bytes, or every reason why its bytes are refused."""
    if len(data) > max_bytes:
        return _refused(path, 1, 1, "text_too_large", *_too_large(len(data), max_bytes))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(data, path, error)
    if data.count(0) * _UTF16_SHARE >= len(data) > 0:
        message = "every second byte is NUL: the file is UTF-16, or no text"
        return _refused(path, 1, 1, "text_encoding_invalid", message, "save the file as UTF-8")
    if is_plain_ascii(data) and text.endswith("\n") and not ("\r" in text or "<<<<<<<" in text):
        return Decoded(text)
    return _looked_at(text, path, container)


def without_crlf(text: str) -> str:
    """Return a text with LF line ends."""
    return text.replace("\r\n", "\n") if "\r" in text else text


def conflict(text: str) -> tuple[int, str, str] | None:
    """Return the place and the two names of the first unsettled merge conflict in a text."""
    if "<<<<<<<" not in text:
        return None
    ours = _OURS.search(text)
    middle = ours and _MIDDLE.search(text, ours.end())
    theirs = middle and _THEIRS.search(text, middle.end())
    if not (ours and theirs):
        return None
    return ours.start(), ours.group(1) or "ours", theirs.group(1) or "theirs"


def _looked_at(source: str, path: str, container: str) -> Decoded:
    text = without_crlf(source)
    unsettled = conflict(text)
    if unsettled is not None:
        index, ours, theirs = unsettled
        message = f"merge conflict between {_name(ours)} and {_name(theirs)} is not settled"
        fix = "settle the conflict and remove its three marker lines"
        return _refused(path, *place_at(text, index), "conflict_markers_present", message, fix)
    errors = [*_line_ends(source, path), *_characters(text, path, container)]
    if errors:
        return Decoded(None, tuple(sorted(errors, key=lambda problem: problem[1:4])))
    return Decoded(text, tuple(_warnings(source, text, path, container)))


def _refused(path: str, line: int, col: int, code: str, message: str, fix: str) -> Decoded:
    return Decoded(None, (Problem(path, line, col, code, message, fix),))


def _too_large(size: int, most: int) -> tuple[str, str]:
    return f"{size:,} bytes, at most {most:,} are read", "split the record, or move long text elsewhere"


def _not_utf8(data: bytes, path: str, error: UnicodeDecodeError) -> Decoded:
    begin = data.rfind(b"\n", 0, error.start) + 1
    line = data.count(b"\n", 0, error.start) + 1
    col = len(data[begin : error.start].decode("utf-8", "replace")) + 1
    message = f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8"
    return _refused(path, line, col, "text_encoding_invalid", message, "save the file as UTF-8")


def _line_ends(source: str, path: str) -> list[Problem]:
    if "\r" not in source:
        return []
    fix = "save the file with LF line ends; platformctl fmt does it for CRLF"
    lone = _LONE_CR.search(source)
    if lone is not None:
        place = place_at(source, lone.start())
        return [Problem(path, *place, "text_line_ending_invalid", "a CR stands without LF", fix)]
    if "\r\n" in source and (bare := _BARE_LF.search(source)):
        first_is_crlf = source.index("\r\n") < bare.start()
        place = place_at(source, bare.start() if first_is_crlf else source.index("\r\n"))
        return [Problem(path, *place, "text_line_ending_invalid", "CRLF and LF are mixed", fix)]
    return []


def _characters(text: str, path: str, container: str) -> list[Problem]:
    json = container in ("json", "jsonl")
    problems = []
    if text.startswith(BOM):
        fix = "remove the first three bytes (EF BB BF); platformctl fmt does it"
        problems.append(Problem(path, 1, 1, "text_bom_present", "a byte order mark begins the file", fix))
    if not holds_refused(text, json=json):
        return problems
    for index, name in refused(text, json=json):
        if index == 0 and problems:
            continue  # the byte order mark, told above
        message = f"the file holds {name}"
        problems.append(
            Problem(path, *place_at(text, index), "text_control_character", message, f"remove {name}")
        )
        if len(problems) >= limits.MAX_PROBLEMS:
            break
    return problems


def _warnings(source: str, text: str, path: str, container: str) -> list[Problem]:
    problems = []
    if "\r" in source:
        place = place_at(source, source.index("\r"))
        message, fix = "the lines end in CRLF", "run platformctl fmt"
        problems.append(Problem(path, *place, "text_line_ending_crlf", message, fix, severity="warning"))
    if container != "jsonl" and text and not text.endswith("\n"):
        place = place_at(text, len(text))
        message, fix = "the last line does not end in a line feed", "run platformctl fmt"
        problems.append(Problem(path, *place, "text_final_newline_missing", message, fix, severity="warning"))
    return problems


def _name(side: str) -> str:
    return shown(safe_text(side))
