"""The reader of front matter as our own writer lays it out: it never says otherwise than the other readers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platformstate.codec import limits
from platformstate.codec.container import parts
from platformstate.codec.decoding import decoded
from platformstate.codec.plain_yaml import plain_mapping
from platformstate.codec.prescan import prescan
from platformstate.codec.render import canonical_as
from platformstate.codec.yaml_fast import fast_mapping
from platformstate.codec.yaml_nodes import YamlTree
from platformstate.codec.yaml_values import values
from platformstate.core.kind import Shape
from tests.codec.making import NOTE, PATH, SHAPE, document, records

TEXT = Shape(types=("string",))
COUNT = Shape(types=("integer",))
ITEM = Shape(types=("object",), keys={"id": TEXT, "refs": Shape(types=("array",), items=TEXT)})
FIELDS = Shape(
    types=("object",),
    keys={
        "id": TEXT,
        "at": Shape(types=("string",), format="date-time"),
        "count": COUNT,
        "open": Shape(types=("boolean", "null")),
        "labels": Shape(types=("array",), items=TEXT),
        "list": Shape(types=("array",)),
        "git": Shape(types=("object",), keys={"commit": Shape(types=("string", "null")), "dirty": COUNT}),
        "items": Shape(types=("array",), items=ITEM),
    },
)

PLAIN: dict[str, dict[str, Any]] = {
    "id: a b, c's 50% [x] {y}\n": {"id": "a b, c's 50% [x] {y}"},
    "id: 20261120t101130z-7fq2ka\n": {"id": "20261120t101130z-7fq2ka"},
    "id: a:b\nlabels: []\n": {"id": "a:b", "labels": []},
    'id: ""\nat: "2026-11-20T10:11:30Z"\n': {"id": "", "at": "2026-11-20T10:11:30Z"},
    "at: 2026-11-20\ncount: -3\nopen: null\n": {"at": "2026-11-20", "count": -3, "open": None},
    "\nid: a\n\n\ncount: 1\n\n": {"id": "a", "count": 1},
    "labels: [a, \"b\", -c]\n": {"labels": ["a", "b", "-c"]},
    "labels:\n- a\n- --b\n": {"labels": ["a", "--b"]},
    "labels:\n    - a\nid: b\n": {"labels": ["a"], "id": "b"},
    'git: {commit: null, dirty: 2}\n': {"git": {"commit": None, "dirty": 2}},
    "git:\n  commit: null\n  dirty: 2\n": {"git": {"commit": None, "dirty": 2}},
    "items:\n  - id: a\n    refs:\n      - x\n    \n".replace("    \n", ""): {"items": [{"id": "a", "refs": ["x"]}]},
    "items:\n- refs:\n  - x\n  - z\n  id: a\n- id: b\n": {"items": [{"refs": ["x", "z"], "id": "a"}, {"id": "b"}]},
    "list:\n  - [a]\n  - 1\n": {"list": [["a"], 1]},
}  # fmt: skip

OTHERS = {
    "no line feed at the end": "id: a",
    "nothing": "",
    "a comment": "id: a # b\n",
    "a sign of a comment": "id: a#b\n",
    "an escape": 'id: "a\\nb"\n',
    "single quotes": "id: 'a'\n",
    "another letter than ASCII has": "id: é\n",
    "a tab": "id: a\tb\n",
    "a blank at the end": "id: a \n",
    "a text over two lines": "id: a\n  b\n",
    "a text over two lines below a key": "id:\n  a\n",
    "a text that looks like a key": "id: a\n  count: 1\n",
    "block text": "id: |\n  a\n",
    "an alias": "id: *a\n",
    "a colon at the end": "id: a:\n",
    "a second colon": "id: a: b\n",
    "a field that the schema does not know": "x: a\n",
    "an unknown field in braces": "git: {x: a}\n",
    "a field twice": "id: a\nid: b\n",
    "a field twice in braces": "git: {dirty: 1, dirty: 2}\n",
    "no value": "id:\n",
    "no value before a field of the list above": "labels:\nid: a\n",
    "no value of the last item": "items:\n  - id:\n",
    "a blank dash": "labels:\n  - \n",
    "a list beside fields": "id: a\n- b\n",
    "a list further left than its key": "items:\n  - refs:\n  - x\n",
    "an item further right": "labels:\n  - a\n    - b\n",
    "fields further left than the others": "git:\n    dirty: 1\n  commit: a\n",
    "a word of more than one meaning": "id: yes\n",
    "a number where text belongs": "id: 12\n",
    "a number beyond the exact ones": "count: 12345678901234567890\n",
    "a date where none belongs": "id: 2026-11-20\n",
    "a word of more than one meaning in brackets": "labels: [no]\n",
    "a list within a list": "labels:\n  - - a\n",
    "a colon in brackets": "labels: [a:b]\n",
    "another document": "--- \nid: a\n",
}


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_read(text: str) -> None:
    assert plain_mapping(text, FIELDS) == PLAIN[text] == fast_mapping(text, FIELDS)


@pytest.mark.parametrize("reason", OTHERS)
def test_what_is_not_plain_is_left_to_the_others(reason: str) -> None:
    assert plain_mapping(OTHERS[reason], FIELDS) is None


def test_a_list_of_more_items_than_a_record_may_hold_is_left_to_the_others() -> None:
    items = "  - a\n" * limits.MAX_ITEMS
    assert len(plain_mapping(f"labels:\n{items}", FIELDS)["labels"]) == limits.MAX_ITEMS  # type: ignore[index]
    assert plain_mapping(f"labels:\n{items}  - a\n", FIELDS) is None
    words = ", ".join(["a"] * limits.MAX_ITEMS)
    assert len(plain_mapping(f"labels: [{words}]\n", FIELDS)["labels"]) == limits.MAX_ITEMS  # type: ignore[index]
    assert plain_mapping(f"labels: [{words}, a]\n", FIELDS) is None


often = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
SIGNS = (
    *"\"'{}[],:#&*!|>%@`~?-+.=<\\\n \t0159eax_/é",
    ": ",
    " #",
    "- ",
    "\n  ",
    "\n- ",
    "null",
    "1.0",
    "&a ",
    "!x\n",
)


def read_closely(text: str, shape: Shape) -> dict[str, Any] | None:
    """Return what the reader with places reads, None when it refuses the text."""
    tree = YamlTree(text)
    if tree.found or tree.root is None or tree.root.kind != "mapping":
        return None
    meta, misread = values(tree.root, shape, text)
    return None if misread else meta


@often
@given(records, st.lists(st.tuples(st.integers(0), st.sampled_from(SIGNS)), max_size=3))
def test_damaged_text_is_read_as_the_slowest_reader_reads_it_or_not_at_all(
    meta: dict[str, Any], damage: list[tuple[int, str]]
) -> None:
    text = parts(canonical_as(document(meta), NOTE), "markdown").yaml
    for at, sign in damage:
        at %= len(text) + 1
        text = text[:at] + sign + text[at:]
    if decoded(text.encode(), PATH, limits.MIB, "yaml").text != text or prescan(text):
        return
    closely = repr(read_closely(text, SHAPE))
    for read in (plain_mapping, fast_mapping):
        fast = read(text, SHAPE)
        assert not fast or repr(fast) == closely
