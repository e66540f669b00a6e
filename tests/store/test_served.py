"""Writers that meet: one settles for all, and what is on its way to the disk has no name before it is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from platformstate.cost import COST
from platformstate.store import Change, FileChange, Store, lock
from tests.conftest import Repo
from tests.store.records import (
    checkpoint_path,
    checkpoint_text,
    held_files,
    make_store,
    new_id,
    opened,
    update_task,
    write_checkpoint,
)
from tests.store.test_late_intents import Meeting, meeting


def test_a_writer_that_another_served_starts_no_child_to_acknowledge(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store, other = opened(repo), opened(repo)
    spent: list[int] = []

    def settle() -> None:
        assert update_task(other, "gh-1", "second").recovered == 0
        spent.append(COST.git)

    done = write_checkpoint(meeting(store, settle), "gh-1", new_id(1))
    assert COST.git == spent[0]
    assert (done.state, done.commit) == ("committed", repo.git("rev-parse", "HEAD~1").strip())
    assert repo.git("show", f"HEAD:{checkpoint_path('gh-1', new_id(1))}")
    assert held_files(repo) == []


def test_a_served_writer_lets_others_go_on_while_it_acknowledges(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store, other = opened(repo), opened(repo)
    holders: list[object] = []
    points = Meeting("store.unlocked", lambda: holders.append(lock.holder(store.session.control)))
    served = meeting(store, lambda: update_task(other, "gh-1", "second"))
    write_checkpoint(Store(served.session._replace(failpoints=points)), "gh-1", new_id(1))
    assert holders == [None]


def test_two_writers_at_once_lose_nothing(repo: Repo) -> None:
    make_store(repo, "gh-1", "gh-2")

    def many(task: str, first: int) -> list[str | None]:
        store = opened(repo)
        return [write_checkpoint(store, task, new_id(first + number)).commit for number in range(8)]

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(many, task, first) for task, first in (("gh-1", 0), ("gh-2", 100))]
        commits = [commit for one in both for commit in one.result()]
    assert len(set(commits)) == 16
    assert int(repo.git("rev-list", "--count", "HEAD")) == 17
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD").count("/checkpoints/") == 16
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []


def test_no_file_of_a_change_has_its_name_before_all_are_on_the_disk(repo: Repo) -> None:
    make_store(repo, "gh-1")
    paths = [checkpoint_path("gh-1", new_id(number)) for number in range(3)]
    texts = [checkpoint_text("gh-1", new_id(number)) for number in range(3)]
    files = tuple(FileChange(path, None, text) for path, text in zip(paths, texts, strict=True))
    seen: list[list[bytes]] = []

    def look() -> None:
        folder = (repo.root / paths[0]).parent
        assert not any((repo.root / path).exists() for path in paths)
        seen.append(sorted(file.read_bytes() for file in folder.glob(".ps-*")))

    store = opened(repo)
    store = Store(store.session._replace(failpoints=Meeting("store.file-temp", look)))
    assert store.write(lambda: Change("checkpoint: create three", (), files)).state == "committed"
    assert seen == [sorted(texts)]
    assert [(repo.root / path).read_bytes() for path in paths] == texts
    assert held_files(repo) == []
