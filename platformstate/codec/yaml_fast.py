"""The hot path of reading: values straight from events, no places, no messages.

It knows only "fine" and "look again": whatever is not plainly fine goes to `yaml_nodes`, which says
what and where. Shapes decide which plain scalars a field may hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.characters import holds_refused
from platformstate.codec.plain_values import LookAgain, plain_value
from platformstate.codec.scalars import LONGEST_WORD, NUMERIC_STARTS, reading
from platformstate.codec.shapes import ANYTHING
from platformstate.codec.yaml_events import (
    YAML_ERRORS,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    events,
)
from platformstate.core.kind import Shape

# ` #460`: a value may end here without its author's wish; `|#`: only one of the parsers takes it.
# It begins with the sign itself, so that the search for it is one of C.
_COMMENT: Final = re.compile(r"#(?:(?<=[ \t]#)(?! )|(?<=[|>]#)|(?<=[|>][-+0-9]#)|(?<=[|>][-+0-9]{2}#))")


def fast_mapping(text: str, shape: Shape) -> dict[str, Any] | None:
    """Return the mapping that a YAML text holds, None when it needs a closer look."""
    if "#" in text and _COMMENT.search(text):
        return None
    reader = _Reader(text)
    try:
        reader.next = events(text)
        reader.next()  # the document's start
        opening = reader.next()
        if type(opening) is not MappingStartEvent or _is_marked(opening):
            return None
        value = reader.mapping(shape, 1)
        reader.next()  # the document's end, then the stream's: errors may stand before them
        reader.next()
    except (LookAgain, *YAML_ERRORS):
        return None
    return None if reader.hides() else value


class _Reader:
    """Builds values from events; the common case, plain text, is inlined where it is met."""

    __slots__ = ("escaped", "marked", "next", "quoted")

    next: Callable[[], Any]

    def __init__(self, text: str) -> None:
        self.escaped = "\\" in text
        self.marked = "&" in text or "!" in text  # without these no node has an anchor or a tag
        self.quoted: list[str] = []

    def hides(self) -> bool:
        """Say whether an escape made a refused character."""
        return self.escaped and holds_refused("\n".join(self.quoted))

    def mapping(self, shape: Shape, depth: int) -> dict[str, Any]:
        if depth > limits.MAX_DEPTH:
            raise LookAgain
        made: dict[str, Any] = {}
        next_event, shapes, marked = self.next, shape.keys, self.marked
        while True:
            event = next_event()
            if type(event) is not ScalarEvent:
                if type(event) is MappingEndEvent and len(made) <= limits.MAX_KEYS:
                    return made
                raise LookAgain
            key = event.value
            child = shapes.get(key) or self._unknown(event, made)
            if key in made or (marked and _is_marked(event)):
                raise LookAgain
            event = next_event()
            if type(event) is ScalarEvent and not marked:
                text = event.value
                if event.style or len(text) <= LONGEST_WORD or text[0] in NUMERIC_STARTS:
                    text = self._scalar(event, text, child)
                made[key] = text
            else:
                made[key] = self._value(event, child, depth)

    def _unknown(self, key: Any, made: dict[str, Any]) -> Shape:
        """Look at a key that the schema does not know; anything may stand under it."""
        text = key.value
        if text == "<<" or len(text) > limits.MAX_KEY_CHARACTERS or len(made) >= limits.MAX_KEYS:
            raise LookAgain
        if not key.style and reading(text) != "text":
            raise LookAgain
        if key.style and self.escaped:
            self.quoted.append(text)
        return ANYTHING

    def _sequence(self, shape: Shape, depth: int) -> list[Any]:
        if depth > limits.MAX_DEPTH:
            raise LookAgain
        made: list[Any] = []
        next_event, child = self.next, shape.items or ANYTHING
        event = next_event()
        while type(event) is not SequenceEndEvent:
            made.append(self._value(event, child, depth))
            event = next_event()
        if len(made) > limits.MAX_ITEMS:
            raise LookAgain
        return made

    def _value(self, event: Any, shape: Shape, depth: int) -> Any:
        kind = type(event)
        if self.marked and _is_marked(event):
            raise LookAgain
        if kind is ScalarEvent:
            return self._scalar(event, event.value, shape)
        if kind is MappingStartEvent:
            return self.mapping(shape, depth + 1)
        if kind is SequenceStartEvent:
            return self._sequence(shape, depth + 1)
        raise LookAgain  # an alias

    def _scalar(self, event: Any, text: str, shape: Shape) -> Any:
        if event.style:
            if self.escaped:
                self.quoted.append(text)
            return text
        return plain_value(text, shape)


def _is_marked(event: Any) -> bool:
    return event.anchor is not None or getattr(event, "tag", None) is not None
