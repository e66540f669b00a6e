"""What is recorded without anybody's words: automatic checkpoints, and what an observer saw of another."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.checkpoint_list import show_checkpoint
from platformstate.actions.observe import MAX_TRANSCRIPT, observe_task
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError

from .conftest import Memory


def work(memory: Memory, text: str = "a = 2\n", path: str = "src/a.py", message: str = "Change a") -> str:
    memory.repo.write(path, text)
    return memory.repo.commit(message)


def observe(memory: Memory, *, actor: str = "claude", **wanted: Any) -> Answer:
    return observe_task(memory.store(actor), "gh-460", wanted.pop("author", "codex"), **wanted)


def branch(memory: Memory, *messages: str) -> list[str]:
    memory.repo.git("checkout", "-q", "-b", "codex/460")
    made = [work(memory, f"a = {number}\n", message=text) for number, text in enumerate(messages, start=2)]
    memory.repo.git("checkout", "-q", "main")
    return made


def is_valid(memory: Memory) -> bool:
    return validate_state(str(memory.repo.root), Wish()).data["counts"] == {"error": 0, "warning": 0}


def auto(memory: Memory, **more: Any) -> Answer:
    return memory.say(more.pop("summary", None), auto=True, **more)


def test_an_automatic_checkpoint_holds_the_commits_and_files_since_the_last_one(memory: Memory) -> None:
    memory.create()
    memory.say()
    first, second = work(memory), work(memory, "b = 1\n", "src/b.py")
    memory.update(priority="p0")  # a commit that touches state/ only
    memory.repo.write("src/c.py", "c = 1\n")
    said = auto(memory).data["checkpoint"]
    assert (said["basis"], said["confidence"]) == ("observed_artifact", "verified")
    assert [item["commit"] for item in said["evidence"]] == [first, second]
    assert said["files"] == ["src/a.py", "src/b.py", "src/c.py"]
    assert said["git"]["dirty"] == 1
    assert all(items == [] for items in said["body"].values())
    assert is_valid(memory)


def test_an_automatic_checkpoint_with_nothing_new_writes_nothing(memory: Memory) -> None:
    memory.create()
    memory.repo.write("src/c.py", "c = 1\n")
    first = auto(memory).data
    head = memory.head()
    again = auto(memory).data
    assert (again["created"], again["commit"], memory.head()) == (False, None, head)
    assert again["checkpoint"]["id"] == first["checkpoint"]["id"]
    memory.repo.write("src/d.py", "d = 1\n")
    assert auto(memory).data["created"] is True


@pytest.mark.parametrize("words", [{"summary": "s"}, {"next": "n"}, {"failed": ["f"]}, {"ran": ["0 true"]}])
def test_an_automatic_checkpoint_takes_no_words(memory: Memory, words: dict[str, Any]) -> None:
    memory.create()
    with pytest.raises(StateError) as refused:
        auto(memory, **words)
    assert (refused.value.code, refused.value.exit_status) == ("auto_takes_no_prose", 2)


def test_evidence_of_a_checkpoint_is_checked_when_it_is_written_and_when_it_is_shown(memory: Memory) -> None:
    memory.create()
    commit = work(memory)
    said = memory.say("done", evidence=["commit:HEAD", "file:src/a.py", "url:https://example.org/1"])
    items = said.data["checkpoint"]["evidence"]
    assert [item["type"] for item in items] == ["commit", "file", "url"]
    assert items[0]["commit"] == commit
    shown = show_checkpoint(memory.store(), said.data["checkpoint"]["id"]).data["evidence"]
    assert [item["verdict"] for item in shown] == ["holds", "holds", "unverifiable"]
    work(memory, "a = 3\n")
    drifted = show_checkpoint(memory.store(), said.data["checkpoint"]["id"]).data["evidence"]
    assert [item["verdict"] for item in drifted] == ["holds", "drifted", "unverifiable"]


@pytest.mark.parametrize(
    "text,code",
    [
        ("commit:HEAD", "evidence_self_report"),
        ("commit:nowhere", "evidence_broken"),
        ("file:docs/absent.md", "evidence_not_on_target"),
        ("file:state/tasks/gh-460/task.md", "evidence_self_report"),
    ],
)
def test_evidence_that_does_not_hold_is_refused(memory: Memory, text: str, code: str) -> None:
    memory.create()
    head = memory.head()
    with pytest.raises(StateError) as refused:
        memory.say("done", evidence=[text])
    assert (refused.value.code, refused.value.exit_status) == ("evidence_refused", 4)
    assert [problem.code for problem in refused.value.problems] == [code]
    assert memory.head() == head


def test_10_05_an_observer_needs_evidence_to_speak_for_another(memory: Memory) -> None:
    memory.create()
    memory.say()
    commit = f"commit:{work(memory)}"
    with pytest.raises(StateError) as refused:
        memory.say("it works", actor="claude", on_behalf_of="codex")
    assert (refused.value.code, refused.value.exit_status) == ("observation_needs_evidence", 4)
    said = memory.say("it works", actor="claude", on_behalf_of="codex", evidence=["commit:HEAD"])
    checkpoint = said.data["checkpoint"]
    assert (checkpoint["author"], checkpoint["observer"]) == ("codex", "claude")
    assert (checkpoint["basis"], checkpoint["confidence"]) == ("observed_artifact", "claimed")
    wordless = memory.say(None, actor="claude", on_behalf_of="codex", evidence=[commit])
    assert wordless.data["checkpoint"]["confidence"] == "verified"
    by_operator = memory.say("it works", actor="operator", on_behalf_of="codex").data["checkpoint"]
    assert (by_operator["basis"], by_operator["confidence"]) == ("operator", "claimed")
    assert len({row["run"] for row in (checkpoint, by_operator)}) == 1
    assert is_valid(memory)


@pytest.mark.parametrize(
    "how,code,status",
    [
        ({"on_behalf_of": "claude"}, "usage_invalid", 2),
        ({"on_behalf_of": "Not An Actor"}, "usage_invalid", 2),
        ({"on_behalf_of": "codex", "step": "a=done"}, "usage_invalid", 2),
        ({"on_behalf_of": "codex", "run": "20261120"}, "checkpoint_author_mismatch", 4),
    ],
)
def test_who_speaks_for_whom_is_judged_before_anything_is_written(
    memory: Memory, how: dict[str, Any], code: str, status: int
) -> None:
    memory.create()
    memory.say(actor="claude")
    head = memory.head()
    with pytest.raises(StateError) as refused:
        memory.say("it works", actor="claude", **how)
    assert (refused.value.code, refused.value.exit_status) == (code, status)
    assert memory.head() == head


def test_an_observer_of_an_author_without_a_run_opens_one_without_lease_and_leaves_the_task(
    memory: Memory,
) -> None:
    memory.create(accept=[])
    work(memory)
    answer = memory.say(None, actor="claude", on_behalf_of="codex", evidence=["commit:HEAD"])
    assert answer.data["run_opened"] is True
    shown = memory.show()
    assert shown["task"]["status"] == "intake"
    assert (shown["runs"][0]["actor"], shown["runs"][0]["fence"]) == ("codex", None)
    assert shown["claim"] is None


def test_10_05_observe_records_a_branch_once(memory: Memory) -> None:
    memory.create()
    commits = branch(memory, "Write the schemas", "Test the schemas")
    answer = observe(memory, branch="codex/460")
    [name] = answer.data["created"]
    said = show_checkpoint(memory.store(), name).data
    checkpoint = said["checkpoint"]
    assert (checkpoint["author"], checkpoint["observer"]) == ("codex", "claude")
    assert (checkpoint["basis"], checkpoint["confidence"]) == ("observed_artifact", "verified")
    assert (checkpoint["git"]["commit"], checkpoint["git"]["branch"]) == (commits[-1], "codex/460")
    assert checkpoint["body"]["done"] == ["Write the schemas", "Test the schemas"]
    assert [item["commit"] for item in checkpoint["evidence"]] == commits
    assert checkpoint["files"] == ["src/a.py"]
    assert [item["verdict"] for item in said["evidence"]] == ["holds", "holds"]
    assert memory.show()["task"]["status"] == "ready"
    head = memory.head()
    again = observe(memory, branch="codex/460").data
    assert (again["created"], sorted(again["skipped"]), again["commit"]) == ([], sorted(commits), None)
    assert memory.head() == head
    assert is_valid(memory)


def test_observe_takes_up_what_came_since_and_skips_what_it_knows(memory: Memory) -> None:
    memory.create()
    first = branch(memory, "One")
    observe(memory, branch="codex/460")
    memory.repo.git("checkout", "-q", "codex/460")
    second = work(memory, "a = 9\n", message="Two")
    memory.repo.git("checkout", "-q", "main")
    answer = observe(
        memory, commits="main..codex/460", said={"decision": ["kept the reader"], "next": "review"}
    )
    checkpoint = show_checkpoint(memory.store(), answer.data["created"][0]).data["checkpoint"]
    assert [item["commit"] for item in checkpoint["evidence"]] == [second]
    assert answer.data["skipped"] == first
    assert (checkpoint["confidence"], checkpoint["next_action"]) == ("claimed", "review")
    assert checkpoint["body"]["decisions"] == ["kept the reader"]


def test_observe_of_more_commits_than_fit_adds_nothing_the_second_time(memory: Memory) -> None:
    memory.create()
    start = memory.head()
    stream = "".join(
        f"commit refs/heads/long\ncommitter A <a@b.c> {1700000000 + n} +0000\ndata 2\nc{n % 10}\n"
        + (f"from {start}\n" if n == 0 else "")
        + f"M 100644 inline src/f{n}.py\ndata 1\n{n % 10}\n"
        for n in range(70)
    )
    memory.repo.git("fast-import", "--quiet", stdin=stream)
    checkpoint = observe(memory, branch="long").data["created"][0]
    said = show_checkpoint(memory.store(), checkpoint).data["checkpoint"]
    assert (len(said["evidence"]), len(said["body"]["done"]), len(said["files"])) == (64, 50, 70)
    assert observe(memory, branch="long").data["created"] == []


@pytest.mark.parametrize(
    "wanted,code,status",
    [
        ({}, "usage_invalid", 2),
        ({"commits": "a..b", "branch": "main"}, "usage_invalid", 2),
        ({"commits": "main"}, "usage_invalid", 2),
        ({"commits": "main...main"}, "usage_invalid", 2),
        ({"commits": "main..main", "base": "main"}, "usage_invalid", 2),
        ({"commits": "nowhere..main"}, "ref_not_found", 3),
        ({"branch": "main"}, "observation_empty", 1),
        ({"branch": "main", "author": "claude"}, "usage_invalid", 2),
    ],
)
def test_a_range_that_names_nothing_is_refused(
    memory: Memory, wanted: dict[str, Any], code: str, status: int
) -> None:
    memory.create()
    with pytest.raises(StateError) as refused:
        observe(memory, **wanted)
    assert (refused.value.code, refused.value.exit_status) == (code, status)


def test_the_end_of_a_transcript_is_kept_redacted_and_nothing_is_read_out_of_it(memory: Memory) -> None:
    memory.create()
    branch(memory, "One")
    token = "ghp_" + "a1B2" * 9
    text = "old line\n" * 20_000 + f"token {token}\n\x1b[31m## Next\nrm -rf /\n"
    answer = observe(memory, branch="codex/460", transcript=text.encode())
    said = show_checkpoint(memory.store(), answer.data["created"][0]).data
    item = said["checkpoint"]["evidence"][-1]
    kept = memory.text(item["path"])
    assert len(kept.encode()) <= MAX_TRANSCRIPT
    assert token not in kept
    assert "\x1b" not in kept
    assert kept.endswith("rm -rf /\n")
    assert item["path"].startswith(f"state/tasks/gh-460/runs/{answer.data['run']}/artifacts/transcript-")
    assert said["evidence"][-1]["verdict"] == "holds"
    assert said["checkpoint"]["body"]["done"] == ["One"]
    assert memory.repo.git("status", "--porcelain") == ""
    assert is_valid(memory)


def test_a_hostile_subject_becomes_one_harmless_item(memory: Memory) -> None:
    memory.create()
    branch(memory, "## Next\x1b[0m \u202etxt " + "x" * 300)
    checkpoint = observe(memory, branch="codex/460").data["created"][0]
    [item] = show_checkpoint(memory.store(), checkpoint).data["checkpoint"]["body"]["done"]
    assert len(item) <= 120
    assert item.startswith("## Next")
    assert memory.brief().text.count("\n## Next\n") == 1
    assert is_valid(memory)


def test_a_brief_checks_observed_commits_against_the_branches_of_this_clone(memory: Memory) -> None:
    memory.create()
    branch(memory, "One", "Two")
    observe(memory, branch="codex/460")
    verdicts = {
        line["claim"].partition(":")[0]: line["verdict"]
        for line in memory.brief().answer.data["ground_truth"]
    }
    assert verdicts["evidence"] == "confirmed"
    assert verdicts["dirty"] == "unverifiable"
    memory.repo.git("branch", "-q", "-D", "codex/460")
    gone = [
        line for line in memory.brief().answer.data["ground_truth"] if line["claim"].startswith("evidence:")
    ]
    assert [line["verdict"] for line in gone] == ["contradicted", "contradicted"]
