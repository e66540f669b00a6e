"""JSON: what is refused and where, and the two ways in which we write it."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.codec import limits
from platformstate.codec.json_text import canonical_json, parse_json, pretty_json
from platformstate.codec.record import parse_as
from tests.codec.making import JSON_NOTE, PATH, found

REFUSED = {
    "NaN": (b'{"a": NaN}\n', ["json_syntax_invalid:1:7"]),
    "Infinity": (b'{"a": [-Infinity]}\n', ["json_syntax_invalid:1:8"]),
    "a comment": (b'{"a": 1} // b\n', ["json_syntax_invalid:1:10"]),
    "a trailing comma in an object": (b'{"a": 1,\n}\n', ["json_syntax_invalid:2:1"]),
    "a trailing comma in a list": (b"[1, ]\n", ["json_syntax_invalid:1:5"]),
    "two values": (b"{} {}\n", ["json_syntax_invalid:1:4"]),
    "nothing": (b"\n", ["json_syntax_invalid:2:1"]),
    "an unknown word": (b"{'a': 1}\n", ["json_syntax_invalid:1:2"]),
    "a word that is no value": (b"[nil]\n", ["json_syntax_invalid:1:2"]),
    "a key without quotes": (b"{a: 1}\n", ["json_syntax_invalid:1:2"]),
    "no colon": (b'{"a" 1}\n', ["json_syntax_invalid:1:6"]),
    "no comma": (b"[1 2]\n", ["json_syntax_invalid:1:4"]),
    "a text that never ends": (b'{"a": "b\n', ["json_syntax_invalid:1:7"]),
    "an escape that is none": (b'["\\x41"]\n', ["json_syntax_invalid:1:2"]),
    "a tab in a text": (b'["a\tb"]\n', ["json_syntax_invalid:1:2"]),
    "a sign alone": (b"[-]\n", ["json_syntax_invalid:1:2"]),
    "a leading zero": (b"[01]\n", ["json_syntax_invalid:1:3"]),
    "a bracket that never closes": (b'{"a": [1\n', ["json_syntax_invalid:2:1"]),
    "a number beyond 2^53": (b'{"a": 9007199254740992}\n', ["number_out_of_range:1:7"]),
    "a number of 41 digits": (b'{"a": ' + b"1" * 41 + b"}\n", ["number_out_of_range:1:7"]),
    "a fraction of 41 digits": (b'{"a": 0.' + b"1" * 40 + b"}\n", ["number_out_of_range:1:7"]),
    "a number of 10,000 digits": (b'{"a": ' + b"1" * 10_000 + b"}\n", ["number_out_of_range:1:7"]),
    "a number that is not finite": (b'{"a": 1e999}\n', ["number_out_of_range:1:7"]),
    "a key twice": (b'{"a": 1,\n "a": 2}\n', ["key_duplicate:2:2"]),
    "a key twice, once escaped": (b'{"a": 1, "\\u0061": 2}\n', ["key_duplicate:1:10"]),
    "a lone surrogate": (b'{"a": "\\ud800"}\n', ["text_control_character:1:7"]),
    "a control character in escapes": (
        b'{"\\u001b": "\\u202e"}\n',
        ["text_control_character:1:2", "text_control_character:1:12"],
    ),
    "a control character": ('{"a": "\u202e"}\n'.encode(), ["text_control_character:1:8"]),
    "depth 33": (b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}\n", ["depth_exceeded:1:38"]),
    "100,000 brackets": (b"[" * 100_000 + b"\n", ["depth_exceeded:1:33"]),
    "1,001 keys": (b"{" + b",".join(b'"%d":1' % n for n in range(1_001)) + b"}\n", ["text_too_large:1:1"]),
    "10,001 items": (b"[" + b",".join([b"1"] * 10_001) + b"]\n", ["text_too_large:1:1"]),
    "over a mebibyte": (b" " * limits.MIB + b"1", ["text_too_large:1:1"]),
    "several at once": (
        b'{"a": "\\ud800", "a": 9007199254740992}\n',
        ["text_control_character:1:7", "key_duplicate:1:17", "number_out_of_range:1:22"],
    ),
}


@pytest.mark.parametrize(("data", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_strict_json_is_refused(data: bytes, expected: list[str]) -> None:
    value, problems = parse_json(data, "a.json")
    assert value is None
    assert [f"{p.code}:{p.line}:{p.col}" for p in problems] == expected
    assert all(p.fix and p.message for p in problems)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (
            b'{"a": [1, -0.5, 1e3, true, false, null, "b"]}\n',
            {"a": [1, -0.5, 1000.0, True, False, None, "b"]},
        ),
        ('["\u2028\u2029\u0085"]\n'.encode(), ["\u2028\u2029\u0085"]),
        (b'["\\u2028\\n\\t\\ud83d\\ude00"]\n', ["\u2028\n\t😀"]),
        (b'{"a": "7710208199764368367"}\n', {"a": "7710208199764368367"}),
        (b'["\\"[[[["]\n', ['"[[[[']),
        (b"[" + b"[]," * 40 + b'"[[{{"]\n', [*([] for _ in range(40)), "[[{{"]),
        (b'{"a": {}, "b": {"c": {}}}\n', {"a": {}, "b": {"c": {}}}),
        (b" 1 \n", 1),
    ],
)
def test_what_is_strict_json_is_read(data: bytes, value: Any) -> None:
    assert parse_json(data, "a.json") == (value, ())


def test_depth_32_is_read() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32 + b"\n", "a.json")[1] == ()


def test_a_file_without_final_newline_is_read_with_a_warning() -> None:
    value, problems = parse_json(b"{}", "a.json")
    assert value == {}
    assert [(p.code, p.severity) for p in problems] == [("text_final_newline_missing", "warning")]


def test_at_most_100_findings_are_told() -> None:
    data = b"[" + b",".join([b"9007199254740992"] * 200) + b"]\n"
    assert len(parse_json(data, "a.json")[1]) == limits.MAX_PROBLEMS


def test_canonical_json_orders_keys_by_code_point_and_escapes_only_what_it_must() -> None:
    value = {"é": "\u2028\x7f", "b": [True, None, 1], "a\n": '"\\\x01', "\U0001f600": {}, "\uffee": 2}
    expected = '{"a\\n":"\\"\\\\\\u0001","b":[true,null,1],"é":"\u2028\x7f","\uffee":2,"\U0001f600":{}}'
    assert canonical_json(value) == expected.encode()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e21, "1" + "0" * 21),
        (1.0, "1.0"),
        (-0.0, "0.0"),
        (5e-324, "0." + "0" * 323 + "5"),
        (0.1, "0.1"),
        (-1.5, "-1.5"),
    ],
)
def test_other_numbers_are_plain_decimals_in_canonical_json(value: float, written: str) -> None:
    assert canonical_json({"b": [value], "a": (1, "x")}) == f'{{"a":[1,"x"],"b":[{written}]}}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_json_is_written_for_what_json_lacks(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json([value])
    with pytest.raises(ValueError, match="JSON"):
        pretty_json([value])


def test_pretty_json_keeps_the_order_and_escapes_line_separators() -> None:
    assert (
        pretty_json({"b": ["\u2028é"], "a": {}})
        == '{\n  "b": [\n    "\\u2028é"\n  ],\n  "a": {}\n}\n'.encode()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]\n", ["json_not_object:1:1"]),
        ('{"count": 1.0}\n', ["field_type_wrong:1:11"]),
        ('{"items": [{"count": 1},\n {"count": 2e0}], "size": 1.5}\n', ["field_type_wrong:2:12"]),
        ('{"x-a": 1.0, "title": "b, 2.5"}\n', []),
        ('{"a": 1, "a": 2}', ["text_final_newline_missing:1:17", "key_duplicate:1:10"]),
    ],
)
def test_a_record_in_json(text: str, expected: list[str]) -> None:
    assert sorted(found(parse_as(text.encode(), PATH, JSON_NOTE))) == sorted(expected)
