"""The smallest edits that turn a record's YAML into another one, everything else left as it stands.

Each changed scalar is replaced between its own marks; keys and items come and go as lines of their
own. Where that cannot be done the nearest entry is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

from platformstate.codec.layout import Note, Notes, flow_text, item_lines, key_lines, ordered
from platformstate.codec.nodes import Node
from platformstate.codec.quoting import block, quoted, scalar, single_quoted
from platformstate.codec.shapes import child_of, item_of
from platformstate.codec.spans import Spans
from platformstate.core.kind import Shape

_DASH: Final = re.compile(r"(?P<indent>.*?)- +")
_HEADER: Final = re.compile(r"[|>][-+0-9]*[ \t]*(#.*)?")


class Edit(NamedTuple):
    """Replace what stands between two places of the text."""

    start: int
    end: int
    text: str


class _WriteAnew(Exception):
    """Only writing the enclosing entry anew makes this change."""


def same(one: Any, other: Any) -> bool:
    """Say whether two values are written alike: `1`, `1.0` and `true` are three values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def applied(text: str, edits: Sequence[Edit]) -> str | None:
    """Return the text with all edits made; None when two of them touch the same place."""
    for edit, following in zip(ranked := sorted(edits, key=lambda edit: edit[:2]), ranked[1:], strict=False):
        if edit.end > following.start:
            return None
    for edit in reversed(ranked):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class LineEdits:
    """Collects the edits between the record that a text holds and the one wanted."""

    def __init__(self, text: str) -> None:
        self.spans = Spans(text)
        self.edits: list[Edit] = []

    def root(self, node: Node, old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape) -> None:
        """Collect the edits of a whole record. Raises ValueError when lines cannot make them."""
        try:
            self._mapping(node, old, new, shape)
        except _WriteAnew as refusal:
            raise ValueError("the record has to be written anew") from refusal

    def _value(self, node: Node, old: Any, new: Any, shape: Shape, indent: int, *, flow: bool) -> None:
        if node.kind == "mapping" and isinstance(new, Mapping) and new and old:
            (self._flow_mapping if node.flow else self._mapping)(node, old, new, shape)
        elif node.kind == "sequence" and isinstance(new, (list, tuple)) and new and old:
            (self._flow_sequence if node.flow else self._sequence)(node, old, new, shape)
        elif node.kind == "scalar" and not isinstance(new, (Mapping, list, tuple)):
            self._scalar(node, new, indent, flow=flow)
        elif flow:
            self.edits.append(Edit(node.start, node.end, flow_text(new, shape)))
        else:
            raise _WriteAnew

    def _scalar(self, node: Node, new: Any, indent: int, *, flow: bool) -> None:
        spans, is_block = self.spans, node.style in ("|", ">")
        end = spans.last(node)
        lines = block(new) if isinstance(new, str) and not flow and node.style not in ("'", '"') else None
        if lines is None and not is_block:
            self.edits.append(Edit(node.start, end, _in_style(new, node.style, flow=flow)))
            return
        if is_block:
            found = _HEADER.match(spans.text, node.start)
            comment = found.group(1) if found and found.group(1) else ""
        else:
            comment = spans.beside(end)
            end = spans.line_end(end) - 1 if comment else end
        first, *rest = lines or [scalar(new)]
        written = [
            f"{first} {comment}" if comment else first,
            *(" " * indent + line if line else "" for line in rest),
        ]
        self.edits.append(Edit(node.start, end, "\n".join(written)))

    def _mapping(self, node: Node, old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape) -> None:
        kept = [entry for entry in node.entries if entry[0].text in new]
        if not kept:
            raise _WriteAnew
        for key, value in node.entries:
            if key.text not in new:
                self._remove_key(key, value)
            elif not same(old[key.text], new[key.text]):
                self._change_key(key, value, old[key.text], new[key.text], child_of(shape, key.text))
        self._add_keys(kept, old, new, shape)

    def _change_key(self, key: Node, value: Node, old: Any, new: Any, shape: Shape) -> None:
        marked = len(self.edits)
        try:
            self._value(value, old, new, shape, key.col + 1, flow=False)
        except _WriteAnew:
            del self.edits[marked:]
            self._key_anew(key, value, new, shape)

    def _key_anew(self, key: Node, value: Node, new: Any, shape: Shape) -> None:
        ends_with_key = value.kind == "scalar" or value.flow
        beside = self.spans.beside(value.end if ends_with_key else key.end + 1)
        note: Notes = {(): Note(beside=beside)} if value.style not in ("|", ">") else {}
        self._lines_anew(key, self.spans.after(value), key_lines(key.text, new, shape, note))

    def _lines_anew(self, first: Node, end: int, lines: list[str]) -> None:
        """Replace lines from a node's place on; what stands before it on its line stays."""
        rest = (" " * (first.col - 1) + line if line else line for line in lines[1:])
        self.edits.append(Edit(first.start, end, "\n".join([lines[0], *rest]) + "\n"))

    def _remove_key(self, key: Node, value: Node) -> None:
        if self.spans.before(key).strip(" "):
            raise _WriteAnew
        self._remove_lines(self.spans.block_start(key), self.spans.after(value))

    def _remove_lines(self, start: int, end: int) -> None:
        """Remove lines, and the blank line that would be left over."""
        spans = self.spans
        if spans.is_blank_before(start) and (end == len(spans.text) or spans.is_blank_at(end)):
            start -= 1
        elif start == 0 and spans.is_blank_at(end):
            end += 1
        self.edits.append(Edit(start, end, ""))

    def _add_keys(
        self, kept: list[tuple[Node, Node]], old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape
    ) -> None:
        order = ordered(new, shape)
        places = {key.text: index for index, (key, _) in enumerate(kept)}
        anchor = -1
        waiting: dict[int, list[str]] = {}
        for name in order:
            if name in old:
                anchor = places[name]
            else:
                waiting.setdefault(anchor, []).append(name)
        for anchor, names in waiting.items():
            self._insert(kept, anchor, names, new, shape)

    def _insert(
        self,
        kept: list[tuple[Node, Node]],
        anchor: int,
        names: list[str],
        new: Mapping[str, Any],
        shape: Shape,
    ) -> None:
        """Insert keys after an entry (before the first one for -1), each group by its blank line."""
        spans, indent = self.spans, " " * (kept[0][0].col - 1)
        groups = {name: child_of(shape, name).group for name in names}
        following = kept[anchor + 1][0] if anchor + 1 < len(kept) else None
        next_group = child_of(shape, following.text).group if following else None

        def written(chosen: Sequence[str], group: str | None, *, first: bool) -> str:
            lines: list[str] = []
            for name in chosen:
                lines.extend([""] if not first and groups[name] != group else [])
                first, group = False, groups[name]
                lines.extend(key_lines(name, new[name], child_of(shape, name)))
            return "".join(f"{indent}{line}\n" if line else "\n" for line in lines)

        if anchor < 0:
            assert following is not None
            if spans.before(following).strip(" "):
                raise _WriteAnew
            gap = "\n" if groups[names[-1]] != next_group else ""
            at = spans.block_start(following)
            self.edits.append(Edit(at, at, written(names, None, first=True) + gap))
            return
        key, value = kept[anchor]
        group = child_of(shape, key.text).group
        at = spans.after(value)
        blank = spans.is_blank_at(at)
        joining = list(takewhile(lambda name: groups[name] == group, names))
        rest = names[len(joining) :]
        leading = [name for name in rest if following and groups[name] == next_group]
        apart = [name for name in rest if name not in leading]
        here = written([*joining, *apart], group, first=False)
        if following and not blank and here and groups[(leading or [*joining, *apart])[-1]] != next_group:
            here += "\n"
        if leading and following:
            begin = spans.block_start(following)
            before = "" if blank or apart else "\n"
            self.edits.append(Edit(begin, begin, before + written(leading, next_group, first=True)))
        if here:
            self.edits.append(Edit(at, at, here))

    def _sequence(self, node: Node, old: Sequence[Any], new: Sequence[Any], shape: Shape) -> None:
        start, stop, more = _difference(old, new)
        child = item_of(shape)
        pairs = min(stop - start, len(more))
        for index in range(start, start + pairs):
            self._change_item(node.items[index], old[index], more[index - start], child)
        for index in range(start + pairs, stop):
            dash = self._dash(node.items[index])
            self._remove_lines(self.spans.block_start(dash), self.spans.after(node.items[index]))
        if more[pairs:]:
            self._insert_items(node, start + pairs, more[pairs:], child)

    def _change_item(self, item: Node, old: Any, new: Any, shape: Shape) -> None:
        if same(old, new):
            return
        marked = len(self.edits)
        try:
            self._value(item, old, new, shape, item.col - 1, flow=False)
        except _WriteAnew:
            del self.edits[marked:]
            dash = self._dash(item)
            self._lines_anew(dash, self.spans.after(item), item_lines(new, shape))

    def _insert_items(self, node: Node, index: int, items: Sequence[Any], shape: Shape) -> None:
        dash = self._dash(node.items[max(index - 1, 0)])
        at = self.spans.after(node.items[index - 1]) if index else self.spans.block_start(dash)
        lines = [line for item in items for line in item_lines(item, shape)]
        indent = " " * (dash.col - 1)
        self.edits.append(Edit(at, at, "".join(f"{indent}{line}\n" if line else "\n" for line in lines)))

    def _dash(self, item: Node) -> Node:
        """Return the place of an item's dash, which has to be the first sign of its line."""
        found = _DASH.fullmatch(self.spans.before(item))
        if found is None or found["indent"].strip(" "):
            raise _WriteAnew
        col = len(found["indent"]) + 1
        start = self.spans.line_start(item.start) + col - 1
        return Node("scalar", start, start + 1, item.line, col)

    def _flow_mapping(self, node: Node, old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape) -> None:
        members = [(key.start, self.spans.last(value)) for key, value in node.entries]
        gone = [index for index, (key, _) in enumerate(node.entries) if key.text not in new]
        self._remove_members(members, gone)
        kept = [key.text for key, _ in node.entries if key.text in new]
        for key, value in node.entries:
            if key.text in new and not same(old[key.text], new[key.text]):
                shaped = child_of(shape, key.text)
                self._value(value, old[key.text], new[key.text], shaped, 0, flow=True)
        ends = {key.text: self.spans.last(value) for key, value in node.entries}
        before, after = "", ""
        for name in ordered(new, shape):
            if name in kept:
                before = name
                continue
            after = f"{scalar(name, flow=True)}: {flow_text(new[name], child_of(shape, name))}"
            if before:
                self.edits.append(Edit(ends[before], ends[before], f", {after}"))
            else:
                start = next(key.start for key, _ in node.entries if key.text == kept[0])
                self.edits.append(Edit(start, start, f"{after}, "))

    def _flow_sequence(self, node: Node, old: Sequence[Any], new: Sequence[Any], shape: Shape) -> None:
        start, stop, more = _difference(old, new)
        child = item_of(shape)
        pairs = min(stop - start, len(more))
        for index in range(start, start + pairs):
            if not same(old[index], more[index - start]):
                self._value(node.items[index], old[index], more[index - start], child, 0, flow=True)
        members = [(item.start, self.spans.last(item)) for item in node.items]
        self._remove_members(members, list(range(start + pairs, stop)))
        added = [flow_text(item, child) for item in more[pairs:]]
        if added and start + pairs:
            at = members[start + pairs - 1][1]
            self.edits.append(Edit(at, at, "".join(f", {text}" for text in added)))
        elif added:
            at = members[0][0]
            self.edits.append(Edit(at, at, "".join(f"{text}, " for text in added)))

    def _remove_members(self, members: list[tuple[int, int]], gone: list[int]) -> None:
        """Remove members of a flow collection with one comma each."""
        if len(gone) == len(members):
            raise _WriteAnew
        trailing = len(members)
        while trailing - 1 in gone:
            trailing -= 1
        for index in gone:
            if index < trailing:
                self.edits.append(Edit(members[index][0], members[index + 1][0], ""))
        if trailing < len(members):
            self.edits.append(Edit(members[trailing - 1][1], members[-1][1], ""))


def _difference(old: Sequence[Any], new: Sequence[Any]) -> tuple[int, int, Sequence[Any]]:
    """Return which items of a list are replaced, by their range, and what by."""
    most = min(len(old), len(new))
    start = 0
    while start < most and same(old[start], new[start]):
        start += 1
    tail = 0
    while tail < most - start and same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    return start, len(old) - tail, new[start : len(new) - tail]


def _in_style(value: Any, style: str, *, flow: bool) -> str:
    """Write a scalar with the quotes that the one before it had."""
    if not isinstance(value, str) or not style:
        return scalar(value, flow=flow)
    return (single_quoted(value) if style == "'" else None) or quoted(value)
