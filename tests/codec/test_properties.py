"""What holds for every record: reading undoes writing, formatting changes nothing, edits are small."""

from __future__ import annotations

import difflib
import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platformstate.codec.container import parts
from platformstate.codec.edit import text_as
from platformstate.codec.formatting import formatted_as
from platformstate.codec.json_text import canonical_json, parse_json, pretty_json
from platformstate.codec.line_edits import same
from platformstate.codec.record import parse_as
from platformstate.codec.render import canonical_as
from platformstate.codec.yaml_fast import fast_mapping
from platformstate.codec.yaml_nodes import YamlTree
from platformstate.codec.yaml_values import values
from tests.codec.making import JSON_NOTE, NOTE, PATH, SHAPE, bodies, document, records
from tests.codec.making import values as any_values

often = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@often
@given(records, bodies)
def test_reading_undoes_writing(meta: dict[str, Any], body: str) -> None:
    text = canonical_as(document(meta, body), NOTE)
    parsed = parse_as(text.encode(), PATH, NOTE)
    assert parsed.problems == ()
    assert parsed.document is not None
    assert same(parsed.document.meta, meta)
    assert parsed.document.body == body
    assert canonical_as(parsed.document, NOTE) == text


@often
@given(records)
def test_every_yaml_reader_reads_canonical_text_alike(meta: dict[str, Any]) -> None:
    text = parts(canonical_as(document(meta), NOTE), "markdown").yaml
    assert same(yaml.safe_load(text), meta)
    assert same(yaml.load(text, Loader=yaml.CSafeLoader), meta)


@often
@given(records)
def test_the_fast_and_the_slow_reader_agree(meta: dict[str, Any]) -> None:
    text = parts(canonical_as(document(meta), NOTE), "markdown").yaml
    tree = YamlTree(text)
    assert tree.root is not None
    slow, misread = values(tree.root, SHAPE, text)
    assert misread == []
    assert same(slow, meta)
    fast = fast_mapping(text, SHAPE)
    assert fast is None or same(fast, meta)


@often
@given(records, bodies)
def test_formatting_canonical_text_changes_nothing(meta: dict[str, Any], body: str) -> None:
    text = canonical_as(document(meta, body), NOTE)
    assert formatted_as(text.encode(), PATH, NOTE).text == text


@often
@given(records, st.randoms(use_true_random=False))
def test_formatting_any_style_keeps_the_values_and_is_done_at_once(meta: dict[str, Any], random: Any) -> None:
    written = yaml.safe_dump(
        meta,
        default_flow_style=random.choice([None, True, False]),
        default_style=random.choice([None, '"', "'"]) if "\n" not in str(meta) else None,
        width=random.choice([20, 80, 1000]),
        allow_unicode=True,
        indent=random.choice([2, 4]),
        sort_keys=random.choice([True, False]),
    )
    first = formatted_as(f"---\n{written}---\n".encode(), PATH, NOTE)
    if first.text is None:  # a style that this profile refuses, with tags for example
        assert first.problems
        return
    parsed = parse_as(first.text.encode(), PATH, NOTE).document
    assert parsed is not None
    assert same(parsed.meta, parse_as(f"---\n{written}---\n".encode(), PATH, NOTE).document.meta)  # type: ignore[union-attr]
    assert formatted_as(first.text.encode(), PATH, NOTE).text == first.text


@often
@given(records, records, bodies, bodies)
def test_an_edit_gives_exactly_the_record_that_was_meant(
    before: dict[str, Any], after: dict[str, Any], body: str, new_body: str
) -> None:
    source = canonical_as(document(before, body), NOTE)
    edited = text_as(document(after, new_body, source), NOTE)
    parsed = parse_as(edited.encode(), PATH, NOTE)
    assert parsed.document is not None, parsed.problems
    assert same(parsed.document.meta, after)
    assert parsed.document.body == new_body


@often
@given(records, bodies, st.sampled_from(["one", "two words", "a: b"]))
def test_one_changed_field_is_one_changed_line(meta: dict[str, Any], body: str, title: str) -> None:
    source = canonical_as(document({**meta, "title": "before"}, body), NOTE)
    edited = text_as(document({**meta, "title": title}, body, source), NOTE)
    changed = [line[0] for line in difflib.ndiff(source.splitlines(), edited.splitlines()) if line[0] in "+-"]
    assert changed == ["-", "+"]


@often
@given(st.dictionaries(st.text(max_size=5), any_values, max_size=4))
def test_canonical_json_is_read_back_and_written_again_alike(value: dict[str, Any]) -> None:
    written = canonical_json(value)
    assert canonical_json(json.loads(written)) == written
    assert b"\n" not in written


@often
@given(records)
def test_json_records_are_read_back(meta: dict[str, Any]) -> None:
    text = canonical_as(document(meta), JSON_NOTE)
    parsed = parse_as(text.encode(), PATH, JSON_NOTE)
    assert parsed.document is not None, parsed.problems
    assert same(parsed.document.meta, meta)


@often
@given(
    st.text(st.characters(codec="utf-8"), max_size=200)
    | st.text('{}[]",:\\ \n0123456789eE.-truefalsn', max_size=60)
)
def test_json_is_accepted_exactly_when_the_standard_library_does(text: str) -> None:
    value, problems = parse_json(text.encode(), "a.json")
    errors = {problem.code for problem in problems if problem.severity == "error"}
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError):
        assert errors
        return
    if not errors:
        assert same(value, expected)
    else:
        assert "json_syntax_invalid" not in errors or "NaN" in text or "Infinity" in text


@often
@given(any_values)
def test_pretty_json_is_read_back(value: Any) -> None:
    read_back, problems = parse_json(pretty_json(value), "a.json")
    assert problems == ()
    assert same(read_back, value)


@often
@given(st.text("ab:- #\n\t'\"[]{},|>&*!?%@0~\\", max_size=60))
def test_no_yaml_text_makes_the_reader_raise(text: str) -> None:
    parsed = parse_as(f"---\n{text}\n---\n".encode(), PATH, NOTE)
    assert (parsed.document is None) == any(p.severity == "error" for p in parsed.problems)
    assert all(p.fix and p.line >= 1 and p.col >= 1 and p.message for p in parsed.problems)
    for fix in (False, True):
        result = formatted_as(f"---\n{text}\n---\n".encode(), PATH, NOTE, fix=fix)
        assert result.text is not None or result.problems


@often
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    for spec in (NOTE, JSON_NOTE):
        parsed = parse_as(data, PATH, spec)
        assert parsed.document is not None or parsed.problems
