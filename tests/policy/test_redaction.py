"""Streams without secrets: the same text for every way of cutting the input."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platformstate.policy.redaction import Redactor, known_values, redacted_output
from platformstate.policy.secrets import RULES

GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
AWS = "AKIA" + "QWERTYUIOPASDF12"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
LONG_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ" + "Zm9v" * 2500 + ".c2lnbmF0dXJl"
ASSIGNED = "password = q7Wz9Kp2Lm4Xv8Bn3Rt6"
URL = "postgres://ann:hunter2hunter2@db/x"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAAAA\n-----END RSA PRIVATE KEY-----"
VALUE = "s3cr3t/value with äöü"
LINES_VALUE = "first line of it\nxy\nthe third line"
VALUES = (LINES_VALUE, VALUE, PEM + "\ntail of the key file")
SECRETS = {
    "github": GITHUB,
    "aws": AWS,
    "jwt": JWT,
    "assigned": ASSIGNED.partition("= ")[2],
    "url_password": "hunter2hunter2",
    "pem": "MIIEow",
    "environment_value": VALUE,
}


def cut(data: bytes, places: list[int], values: tuple[str, ...] = VALUES) -> str:
    redactor = Redactor(values)
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    fed = [redactor.feed(data[a:b]) for a, b in pairwise(edges)]
    return "".join(fed) + redactor.finish()


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                GITHUB,
                AWS,
                JWT,
                LONG_JWT,
                ASSIGNED,
                URL,
                PEM,
                VALUE,
                LINES_VALUE,
                *VALUES,
                "\n",
                "\n\n",
                " ",
                "é",
            ]
        ),
        st.sampled_from(
            ["first line of it\n", "first line of it\nxy\n", "-----BEGIN PRIVATE KEY-----", "-----END "]
        ),
        st.integers(1, 5000).map(lambda n: "x" * n),
        st.integers(1, 5000).map(lambda n: "ab " * n),
        st.integers(1, 20_000).map(lambda n: "k" * n + "\n"),
        st.text(max_size=20),
    ),
    max_size=14,
).map(lambda parts: "".join(parts).encode("utf-8", "replace"))


@given(PIECES, st.lists(st.integers(0, 10**6), max_size=12))
@settings(max_examples=250, deadline=None)
def test_the_cuts_of_a_stream_change_nothing(data: bytes, places: list[int]) -> None:
    assert cut(data, places) == redacted_output(data, VALUES)


@given(st.binary(max_size=60), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_text_are_cut_alike(data: bytes, place: int) -> None:
    assert cut(data, [place]) == data.decode("utf-8", "replace")


@pytest.mark.parametrize("rule", sorted(SECRETS))
@pytest.mark.parametrize("before", [0, 1, 4050, 4090, 4096, 8150, 8191, 12_000])
def test_no_secret_survives_at_a_border(rule: str, before: int) -> None:
    shown = {"assigned": ASSIGNED, "url_password": URL, "pem": PEM}.get(rule, SECRETS[rule])
    for end in ("", "\n", " " + "z " * 9000):
        text = "a " * (before // 2) + " " * (before % 2) + shown + end
        out = redacted_output(text.encode(), VALUES[:2])
        assert SECRETS[rule] not in out
        assert f"[redacted:{rule}]" in out


@pytest.mark.parametrize("cut_at", range(0, 60, 7))
def test_a_secret_is_found_at_every_cut(cut_at: int) -> None:
    text = f"one {GITHUB} two\n{ASSIGNED}\n".encode()
    assert cut(text, [cut_at]) == "one [redacted:github] two\npassword = [redacted:assigned]\n"


def test_a_token_longer_than_any_window_is_left_out_to_its_end() -> None:
    for before in ("", "x" * 3000 + " ", "y " * 2047):
        out = redacted_output(f"{before}{LONG_JWT} after {'z ' * 9000}".encode())
        assert "Zm9vZm9v" not in out
        assert "c2lnbmF0dXJl" not in out
        assert " after " in out


def test_a_key_goes_to_its_end_line() -> None:
    assert redacted_output(f"a\n{PEM}\nb\n".encode()) == "a\n[redacted:pem]\nb\n"


def test_a_key_without_an_end_is_left_out_for_64_kib() -> None:
    out = redacted_output(b"-----BEGIN PRIVATE KEY-----\n" + b"AAAA\n" * 20_000)
    assert out.startswith("[redacted:pem]")
    assert abs(len(out) - (28 + 100_000 - 65_536)) < 20


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(VALUE.encode() + b"\n").decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode().rstrip("="),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote(VALUE).lower(),
    ],
)
def test_a_known_value_is_left_out_in_each_of_its_forms(form: str) -> None:
    assert redacted_output(f"<{form}>\n".encode(), [VALUE]) == "<[redacted:environment_value]>\n"


def test_a_known_value_of_several_lines_is_left_out_whole() -> None:
    text = f"a\n{LINES_VALUE}\nb\n".encode()
    for place in range(len(text)):
        assert cut(text, [place], (LINES_VALUE,)) == "a\n[redacted:environment_value]\nb\n"


def test_what_only_begins_like_a_known_value_is_shown() -> None:
    assert redacted_output(b"first line of it\nxy\nother\n", [LINES_VALUE]) == "first line of it\nxy\nother\n"


def test_a_known_value_that_holds_a_key_is_left_out_to_its_own_end() -> None:
    assert "tail of" not in redacted_output(f"{PEM}\ntail of the key file\nend\n".encode(), VALUES)


def test_a_line_is_shown_when_it_ends() -> None:
    redactor = Redactor()
    assert redactor.feed(b"one\ntwo") == "one\n"
    assert redactor.feed(b"\n") == "two\n"


def test_little_is_held_back_of_a_line_that_never_ends() -> None:
    redactor = Redactor()
    shown = sum(len(redactor.feed(b"x y " * 250)) for _ in range(100))
    assert 100_000 - 2 * 4096 - 1000 <= shown <= 100_000


def test_values_are_those_whose_name_tells_or_is_declared() -> None:
    environ = {"API_TOKEN": "12345678", "DB_PASSWORD": "short", "HOME": "/home/ann", "DEPLOY": "declared!"}
    assert known_values(environ, ["DEPLOY", "ABSENT"]) == ("declared!", "12345678")


def test_no_rule_looks_past_a_line() -> None:
    for rule in RULES:
        assert not re.search(rule.expression, "\n")
        assert "\n" not in "".join(part for part in rule.literals)
