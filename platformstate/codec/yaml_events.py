"""The one door to PyYAML: its events, and its refusals in our words.

libyaml's parser is used where PyYAML was built with it, PyYAML's own otherwise; no constructor of
PyYAML ever runs. Both are asked one event at a time, so that a depth limit also limits the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

__all__ = [
    "AliasEvent",
    "DocumentEndEvent",
    "MappingEndEvent",
    "MappingStartEvent",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "YAML_ERRORS",
    "HAS_LIBYAML",
    "Refusal",
    "events",
    "refusal",
]

HAS_LIBYAML: Final[bool] = yaml.__with_libyaml__
# The pure parser lets chr() raise for an escape beyond Unicode.
YAML_ERRORS: Final = (yaml.YAMLError, ValueError, OverflowError)


class _PureParser(Reader, Scanner, Parser):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


_PARSER: Final[Any] = import_module("yaml._yaml").CParser if HAS_LIBYAML else _PureParser


def events(text: str, *, pure: bool = False) -> Callable[[], Any]:
    """Return the function that gives a text's next event. It raises one of YAML_ERRORS."""
    next_event: Callable[[], Any] = (_PureParser if pure else _PARSER)(text).get_event
    next_event()  # the stream's start; the document's start is the caller's to expect
    return next_event


class Refusal(NamedTuple):
    """What the parser refused, in our words; `start` counts from the beginning of the text."""

    start: int
    code: str
    message: str
    fix: str


_QUOTE: Final = 'quote the value: key: "text"'
_GENERAL_FIX: Final = "correct the YAML here; quote a text that holds : # [ ] { } @ or a backtick"
# First row whose expression is found in the parser's own message. Both parsers' wordings.
_WORDS: Final = tuple(
    (re.compile(pattern), code, message, fix)
    for pattern, code, message, fix in (
        (r"tag", "yaml_tag_refused", "a YAML tag stands here", 'remove the tag, or quote the value: "!text"'),
        (
            r"alias|anchor",
            "yaml_alias_refused",
            "a YAML anchor or alias stands here",
            'write the value out, or quote it: "*text"',
        ),
        (
            r"invalid Unicode|chr\(\)|too large",
            "text_control_character",
            "an escape stands for no character",
            "write the character itself, or remove the escape",
        ),
        (
            r"mapping values are not allowed",
            "yaml_syntax_invalid",
            "a plain value holds a second ': '",
            _QUOTE,
        ),
        (
            r"cannot start any token",
            "yaml_syntax_invalid",
            "a plain value cannot begin with this character",
            _QUOTE,
        ),
        (
            r"unknown escape|expected hexdecimal|expected escape|hexadecimal",
            "yaml_syntax_invalid",
            "an escape that YAML does not have",
            "write \\\\ for a backslash, or use single quotes",
        ),
        (
            r"quoted scalar",
            "yaml_syntax_invalid",
            "a quote that is never closed",
            "close the quote, or quote the whole text",
        ),
        (
            r"block scalar",
            "yaml_syntax_invalid",
            "block text that does not begin or is not indented as YAML asks",
            "write | or |- alone and indent the lines below it by two spaces",
        ),
        (
            r"flow (sequence|mapping)|',' or",
            "yaml_syntax_invalid",
            "a bracket that is not closed, or a comma is missing",
            "close the bracket, or quote the text",
        ),
        (
            r"simple key|expected ':'|expected key|block mapping|block collection|block sequence|sequence entries",
            "yaml_syntax_invalid",
            "neither a key with ': ' nor a list item that fits the lines above",
            "write key: value, align it with its neighbours, or quote the text",
        ),
    )
)


def refusal(error: Exception, text: str) -> Refusal:
    """Return what a parser's error means for the reader of a text."""
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '') or error}"
    mark = getattr(error, "problem_mark", None)
    index = min(mark.index, len(text)) if mark is not None else 0
    for pattern, code, message, fix in _WORDS:
        if pattern.search(said):
            if code == "text_control_character" and getattr(error, "context_mark", None) is not None:
                index = error.context_mark.index  # type: ignore[attr-defined]  # asked on the line above
            return Refusal(index, code, message, fix)
    return Refusal(index, "yaml_syntax_invalid", "this is not YAML that can be read", _GENERAL_FIX)
