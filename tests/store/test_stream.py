"""A store that stays open for many lines: nothing is asked twice, and nothing that changed goes unseen."""

from __future__ import annotations

import pytest

from platformstate.cost import COST
from platformstate.errors import StateError
from platformstate.store import Store, open_store
from platformstate.store.stream import StoreStream
from tests.conftest import Repo
from tests.store.records import make_store


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(repo: Repo, clock: Clock) -> StoreStream:
    make_store(repo)
    return StoreStream(lambda: open_store(repo.root), clock)


def found(stream: StoreStream) -> tuple[Store, int]:
    before = COST.git
    store = stream.store()
    return store, COST.git - before


def test_the_next_line_asks_git_nothing_and_sees_the_commit_that_came_between(
    repo: Repo, stream: StoreStream
) -> None:
    first, _ = found(stream)
    repo.write("src/a.py", "a = 1\n")
    repo.commit("work")
    second, children = found(stream)
    assert children == 0
    assert first.repository.head != second.repository.head == repo.git("rev-parse", "HEAD").strip()


def test_a_branch_that_only_git_finds_is_asked_of_git(repo: Repo, stream: StoreStream) -> None:
    stream.store()
    repo.git("pack-refs", "--all")
    assert found(stream)[1] > 0
    assert stream.store().repository.head == repo.git("rev-parse", "HEAD").strip()
    repo.git("switch", "-q", "-c", "other")
    assert stream.store().repository.ref == "refs/heads/other"
    repo.git("checkout", "-q", "--detach")
    assert stream.store().repository.ref is None


def test_a_setting_of_the_repository_holds_from_the_next_line_on(repo: Repo, stream: StoreStream) -> None:
    assert stream.store().session.settings.commit
    repo.git("config", "platformstate.commit", "manual")
    assert not stream.store().session.settings.commit


def test_what_stands_in_no_file_of_the_repository_is_asked_again_after_a_second(
    stream: StoreStream, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.store()
    monkeypatch.setenv("PLATFORMSTATE_ACTOR", "claude")
    clock.now = 0.9
    assert stream.store().actor == "ann"
    clock.now = 1.0
    assert stream.store().actor == "claude"


def test_a_store_that_is_gone_or_of_another_version_is_refused_at_the_next_line(
    repo: Repo, stream: StoreStream
) -> None:
    stream.store()
    repo.write("state/store.yaml", "schema: store/9\n")
    for _ in range(2):
        with pytest.raises(StateError):
            stream.store()
    (repo.root / "state/store.yaml").unlink()
    with pytest.raises(StateError) as refused:
        stream.store()
    assert refused.value.code == "state_not_checked_out"
