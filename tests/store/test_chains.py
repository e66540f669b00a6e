"""How intents become commits: pure decisions on what is where (60 §4, steps 6 to 8)."""

from __future__ import annotations

import hashlib

import pytest

from platformstate.gitrepo.writing import Person
from platformstate.store import chains
from platformstate.store.chains import Chain, Head
from platformstate.store.intents import Intent, IntentFile


def blob(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def file(path: str, before: bytes | None, after: bytes | None, *, append: bool = False) -> IntentFile:
    kept = len(before or b"") if append else 0
    ids = [None if data is None else blob(data) for data in (before, after)]
    return IntentFile(path, ids[0], ids[1], after, append, kept)


def intent(name: str, *files: IntentFile, trailers: tuple[tuple[str, str], ...] = ()) -> Intent:
    return Intent(
        id=name, at="2026-11-20T10:11:30Z", worktree=".", ref=None, message=f"task: update {name}",
        trailers=trailers, author=Person("Ann", "a@b.c"), independent=False, defer=False,
        durability="full", files=files,
    )  # fmt: skip


def head(**texts: bytes | None) -> Head:
    return Head("c", {path: None if data is None else blob(data) for path, data in texts.items()}, texts)


A1, A2 = file("a", b"0", b"1"), file("a", b"1", b"2")


@pytest.mark.parametrize(
    ("working", "at_head", "superseded"),
    [
        (b"0", b"0", False),  # nothing happened yet
        (b"1", b"0", False),  # the first was written
        (b"2", b"0", False),
        (b"2", b"1", False),  # the first was committed by a person
        (b"0", b"2", False),  # all is committed; what stands on disk is the person's
        (b"person", b"2", False),
        (b"person", b"0", True),
        (b"2", b"person", True),
        (None, b"0", True),  # removed by a person
    ],
)
def test_a_chain_may_stand_at_any_of_its_points(
    working: bytes | None, at_head: bytes, superseded: bool
) -> None:
    intents = [intent("i1", A1), intent("i2", A2)]
    found = chains.misfits(intents, head(a=at_head), {"a": working}, blob)
    assert found == (frozenset({"i1", "i2"}) if superseded else frozenset())


def test_a_new_file_may_be_absent_and_a_removed_one_gone() -> None:
    made, removed = intent("i1", file("a", None, b"1")), intent("i2", file("b", b"1", None))
    assert chains.misfits([made, removed], head(a=None, b=b"1"), {"a": None, "b": b"1"}, blob) == frozenset()
    assert chains.misfits([made, removed], head(a=None, b=None), {"a": b"1", "b": None}, blob) == frozenset()
    assert chains.misfits([made], None, {"a": b"person"}, blob) == {"i1"}


def test_a_path_that_holds_no_file_supersedes() -> None:
    assert chains.misfits([intent("i1", A1)], None, {}, blob, frozenset({"a"})) == {"i1"}


GROWING = Chain(
    "j", (file("j", b"1\n", b"1\n2\n", append=True), file("j", b"1\n2\nx\n", b"1\n2\nx\n3\n", append=True))
)


@pytest.mark.parametrize(
    ("working", "step"),
    [
        (b"1\n", "append"),
        (b"1\n2\n", "append"),
        (b"1\n2\nx\n3\n", "nothing"),
        (b"1\n2\nx\n3\n4\n", "leave"),  # it went on growing
        (b"1\n2\nx", "append"),  # half of ours
        (b'1\n2\n{"torn', "append"),
        (b"1\nother\n", None),
        (b"other\n", None),
        (None, None),
    ],
)
def test_a_journal_is_on_its_way_when_one_is_the_beginning_of_the_other(
    working: bytes | None, step: str | None
) -> None:
    assert chains.step_for(GROWING, working, blob) == step


def test_a_journal_at_head_may_lag_or_lead() -> None:
    for text, fits, settled in (
        (b"1\n", True, False),
        (b"1\n2\nx\n", True, False),
        (b"1\n2\nx\n3\n", True, True),
        (b"1\n2\nx\n3\n4\n", True, True),
        (b"other\n", False, False),
    ):
        assert chains.fits_head(GROWING, head(j=text)) == fits
        assert chains.is_settled(GROWING, head(j=text)) == settled


def test_intents_that_share_a_path_are_one_commit() -> None:
    one, two = intent("i1", file("a", None, b"1")), intent("i2", file("b", None, b"1"))
    both = intent("i3", file("a", b"1", b"2"), file("b", b"1", b"2"))
    apart = intent("i4", file("c", None, b"1"))
    grouped = [[row.id for row in group] for group in chains.groups([one, two, both, apart])]
    assert grouped == [["i1", "i2", "i3"], ["i4"]]
    assert [[row.id for row in group] for group in chains.groups([one, two])] == [["i1"], ["i2"]]


def test_one_commit_has_the_last_message_and_the_trailers_of_all() -> None:
    group = [
        intent("i1", A1, trailers=(("Actor", "ann"), ("Task", "gh-1"))),
        intent("i2", A2, trailers=(("Task", "gh-1"), ("Task", "gh-2"), ("Actor", "bob"))),
    ]
    assert chains.message_of(group) == ("task: update i2\n\nTask: gh-1\nTask: gh-2\nActor: ann\nActor: bob\n")
