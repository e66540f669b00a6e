"""YAML as a tree with places, and everything that the parse stage refuses.

The slow twin of `yaml_fast`: it goes on after what it can go on after, so that one look reports all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.characters import refused
from platformstate.codec.nodes import Node
from platformstate.codec.prescan import Found
from platformstate.codec.safe import safe_text
from platformstate.codec.scalars import BOOLEANS, reading
from platformstate.codec.yaml_events import (
    YAML_ERRORS,
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    events,
    refusal,
)
from platformstate.errors import shown

_VALUE_FIX: Final = 'write the value out, or quote it: "*text"'

_GLUED: Final = re.compile(r"[|>][-+0-9]*#")


class _Stop(Exception):
    """The text cannot be read any further."""


class YamlTree:
    """The one document of a YAML text: `root`, None when nothing stands there, and what is wrong.

    Places count from `start` and `line`, so that those of front matter are the file's own.
    """

    def __init__(self, text: str, *, start: int = 0, line: int = 1, pure: bool = False) -> None:
        self.text, self._index, self._line = text, start, line
        self.root: Node | None = None
        self.found: list[Found] = []
        self._next: Callable[[], Any] = events(text, pure=pure)
        try:
            self._document()
        except _Stop:
            self.root = None
        except YAML_ERRORS as error:
            self.root = None
            said = refusal(error, text)
            self._refuse(said.start, said.code, said.message, said.fix)

    def _document(self) -> None:
        if type(self._next()) is StreamEndEvent:
            return
        self.root = self._value(self._next(), 0)
        self._next()  # the document's end, then the stream's: errors may stand before them
        self._next()

    def _refuse(self, index: int, code: str, message: str, fix: str) -> None:
        self.found.append(Found(self._index + index, code, message, fix))
        if len(self.found) >= limits.MAX_PROBLEMS:
            raise _Stop

    def _node(self, kind: Any, event: Any, **given: Any) -> Node:
        mark = event.start_mark
        return Node(
            kind,
            self._index + mark.index,
            self._index + event.end_mark.index,
            self._line + mark.line,
            mark.column + 1,
            **given,
        )

    def _value(self, event: Any, depth: int) -> Node:
        start = event.start_mark.index
        if type(event) is AliasEvent:
            self._refuse(start, "yaml_alias_refused", "a YAML alias stands here", _VALUE_FIX)
            return self._node("scalar", event, style='"')
        self._properties(event)
        if type(event) is ScalarEvent:
            return self._scalar(event)
        if depth >= limits.MAX_DEPTH:
            message = f"nested deeper than {limits.MAX_DEPTH} levels"
            self._refuse(start, "depth_exceeded", message, "nest less")
            raise _Stop
        return (
            self._mapping(event, depth + 1)
            if type(event) is MappingStartEvent
            else self._sequence(event, depth + 1)
        )

    def _properties(self, event: Any) -> None:
        start = event.start_mark.index
        if event.anchor is not None:
            self._refuse(
                start,
                "yaml_alias_refused",
                "a YAML anchor stands here",
                'remove it, or quote the value: "&text"',
            )
        if event.tag is not None:
            self._refuse(
                start, "yaml_tag_refused", "a YAML tag stands here", 'remove it, or quote the value: "!text"'
            )

    def _scalar(self, event: Any) -> Node:
        if event.style in ("|", ">") and (header := _GLUED.match(self.text, event.start_mark.index)):
            message = "a comment follows block text's header without a space"
            self._refuse(header.end() - 1, "yaml_syntax_invalid", message, "put a space before the #")
        for _, name in list(refused(event.value))[:1]:
            message = f"the text holds {name} after its escapes are read"
            self._refuse(event.start_mark.index, "text_control_character", message, f"remove {name}")
        return self._node("scalar", event, text=event.value, style=event.style or "")

    def _sequence(self, opening: Any, depth: int) -> Node:
        node = self._node("sequence", opening, flow=bool(opening.flow_style))
        event: Any = self._next()
        while type(event) is not SequenceEndEvent:
            node.items.append(self._value(event, depth))
            if len(node.items) == limits.MAX_ITEMS + 1:
                message = f"more than {limits.MAX_ITEMS:,} items in one list"
                self._refuse(event.start_mark.index, "text_too_large", message, "split the list")
                raise _Stop
            event = self._next()
        return self._closed(node, event)

    def _mapping(self, opening: Any, depth: int) -> Node:
        node = self._node("mapping", opening, flow=bool(opening.flow_style))
        lines: dict[str, int] = {}
        event: Any = self._next()
        while type(event) is not MappingEndEvent:
            key = self._key(event, depth, lines)
            node.entries.append((key, self._value(self._next(), depth)))
            if len(node.entries) == limits.MAX_KEYS + 1:
                message = f"more than {limits.MAX_KEYS:,} keys in one mapping"
                self._refuse(event.start_mark.index, "text_too_large", message, "split the mapping")
                raise _Stop
            event = self._next()
        return self._closed(node, event)

    def _closed(self, node: Node, event: Any) -> Node:
        node.end = self._index + event.end_mark.index
        return node

    def _key(self, event: Any, depth: int, lines: dict[str, int]) -> Node:
        start = event.start_mark.index
        key = self._value(event, depth)
        name = shown(safe_text(key.text))
        if key.kind != "scalar":
            self._refuse(start, "yaml_key_invalid", "a key is a list or a mapping", "write a word as key")
        elif key.text == "<<":
            self._refuse(
                start, "yaml_merge_refused", "a merge key << stands here", "write the merged keys out"
            )
        elif len(key.text) > limits.MAX_KEY_CHARACTERS:
            message = f"a key is longer than {limits.MAX_KEY_CHARACTERS} characters"
            self._refuse(start, "yaml_key_invalid", message, "shorten the key")
        elif not key.style and key.text.lower() in BOOLEANS:
            message = f"the key {name} reads as a boolean in some YAML versions"
            self._refuse(start, "yaml_scalar_ambiguous", message, f'write "{name}"')
        elif not key.style and reading(key.text) != "text":
            message = f"the key {name!r} does not read as text"
            self._refuse(start, "yaml_key_invalid", message, f'write "{name}"' if name else "name the key")
        elif key.text in lines and type(event) is not AliasEvent:
            message = f"key {name!r} stands twice, first on line {lines[key.text]}"
            self._refuse(start, "key_duplicate", message, "remove one of the two")
        lines.setdefault(key.text, key.line)
        return key
