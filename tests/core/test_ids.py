from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.core import ids

STAMP = "20261120t101130z"
LAST_SUFFIX = "zzzzzz"


def fixed(*numbers: int) -> Callable[[int], int]:
    """Return a chance that gives these numbers in turn."""
    rest: Iterator[int] = iter(numbers)
    return lambda below: min(next(rest), below - 1)


@pytest.mark.parametrize("text", ["a", "gh-460", "0", "a-b-c", "x" * 64])
def test_an_id(text: str) -> None:
    assert ids.is_id(text)


@pytest.mark.parametrize("text", ["", "-a", "a-", "a--b", "A", "a_b", "a b", "é", "a\n", "x" * 65])
def test_no_id(text: str) -> None:
    assert not ids.is_id(text)


@pytest.mark.parametrize("text", ["codex", "ann.lee", "team/ann_lee-2"])
def test_an_actor(text: str) -> None:
    assert ids.is_actor(text)


@pytest.mark.parametrize("text", ["", "Ann", "ann lee", "ann..lee", "/ann", "x" * 65])
def test_no_actor(text: str) -> None:
    assert not ids.is_actor(text)


def test_a_timed_id_has_six_characters_of_the_alphabet() -> None:
    assert ids.is_timed_id(f"{STAMP}-7fq2ka")
    assert not ids.is_timed_id(STAMP)
    assert not ids.is_timed_id(f"{STAMP}-7fq2ki")
    assert not ids.is_timed_id(f"{STAMP}-7fq2k")


@pytest.mark.parametrize(
    "text,slug",
    [("Add retry!", "add-retry"), ("Überfällig", "uberfallig"), ("中文", ""), ("  a  b ", "a-b"), ("--", "")],
)
def test_a_text_reduced_to_an_id(text: str, slug: str) -> None:
    assert ids.slug(text) == slug


def test_numbers_in_the_alphabet_sort_as_they_count() -> None:
    words = [ids.base32(number, 2) for number in range(1024)]
    assert words == sorted(words)
    assert (words[0], words[-1]) == ("00", "zz")


def test_a_task_id_is_made_from_its_title() -> None:
    assert ids.new_task_id("Packet templates", fixed(0)) == "packet-templates-00000"
    assert ids.new_task_id("中文", fixed(1)) == "task-00001"


@given(st.text(max_size=200), st.integers(0))
def test_a_new_task_id_is_an_id(title: str, number: int) -> None:
    assert ids.is_id(ids.new_task_id(title, fixed(number)))


def test_the_first_id_of_a_second_leaves_room_above() -> None:
    made = ids.next_timed_id(STAMP, [], fixed(10**10))
    assert made == f"{STAMP}-fzzzzz"
    assert ids.new_timed_id(STAMP, fixed(10**10)) == f"{STAMP}-{LAST_SUFFIX}"


def test_the_next_id_of_the_same_second_is_larger() -> None:
    first = f"{STAMP}-00000z"
    assert ids.next_timed_id(STAMP, [first], fixed(0)) == f"{STAMP}-000010"


def test_a_clock_that_went_back_keeps_the_second_of_the_last_id() -> None:
    later = "20261120t101131z-000000"
    assert ids.next_timed_id(STAMP, ["20251120t101130z-zzzzzz", later], fixed(4)) == "20261120t101131z-000005"


def test_past_the_end_of_a_second_the_next_is_taken() -> None:
    last = f"20261231t235959z-{LAST_SUFFIX}"
    assert ids.next_timed_id("20261231t235959z", [last], fixed(0, 0)) == "20270101t000000z-000000"


@given(st.lists(st.integers(0, 2**30 - 1), max_size=6), st.integers(0, 2**40))
def test_a_next_id_sorts_after_every_existing_one(suffixes: list[int], number: int) -> None:
    existing = [f"{STAMP}-{ids.base32(suffix, 6)}" for suffix in suffixes]
    made = ids.next_timed_id(STAMP, existing, fixed(number, number))
    assert ids.is_timed_id(made)
    assert all(made > other for other in existing)


@pytest.mark.parametrize(
    "prefix,found",
    [
        ("gh-46", ["gh-460", "gh-461"]),
        ("gh-460", ["gh-460"]),
        ("g", ["g"]),
        ("x", []),
        ("", []),
    ],
)
def test_a_prefix_finds_what_begins_with_it_and_an_exact_id_alone(prefix: str, found: list[str]) -> None:
    assert ids.matches(prefix, ["gh-461", "gh-460", "g"]) == found
