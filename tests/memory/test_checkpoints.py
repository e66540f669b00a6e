"""`memory checkpoint`: one new file, in the right run, saying what is proven and what is only said."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate import validation
from platformstate.actions.checkpoint_list import list_checkpoints, show_checkpoint
from platformstate.errors import StateError

from .conftest import Memory

ROW = {"id", "run", "kind", "at", "author", "observer", "basis", "confidence", "commit", "summary", "next_action", "superseded_by", "path"}  # fmt: skip
BODY = {"done", "failed", "decisions", "surprises", "questions", "assumptions"}


def changed(memory: Memory) -> list[str]:
    return memory.repo.git("show", "--name-status", "--format=", "HEAD").split("\n")[:-1]


def test_a_further_checkpoint_is_exactly_one_new_file(memory: Memory) -> None:
    memory.create()
    memory.say()
    answer = memory.say("more")
    assert changed(memory) == [f"A\t{answer.data['path']}"]
    assert answer.data["run_opened"] is False
    assert memory.repo.git("log", "-1", "--format=%B").strip().splitlines() == [
        f"checkpoint: create {answer.data['checkpoint']['id']}",
        "",
        "Task: gh-460",
        f"Run: {answer.data['run']}",
        f"Checkpoint: {answer.data['checkpoint']['id']}",
        "Actor: codex",
    ]


def test_everything_that_is_said_stands_in_the_record(memory: Memory) -> None:
    memory.create("gh-661")
    memory.create(accept=["Contract written::doc", "Tables::live"])
    said = memory.say(
        "main",
        kind="decision",
        done=["d1", "two\nlines"],
        failed=["default loader: commit ids became integers"],
        decision=["second"],
        surprise=["s"],
        question=["q"],
        assumption=["a"],
        next="pin the reader to one YAML profile",
        next_verify="pytest -k schema",
        criterion=["AC1=met", "ac2=open"],
        ran=["1 pytest -q"],
        blocker=["task:gh-661 applies the migration"],
        file=["docs/spec.md"],
    ).data["checkpoint"]
    assert said["body"] == {
        "done": ["d1", "two\nlines"],
        "failed": ["default loader: commit ids became integers"],
        "decisions": ["main", "second"],
        "surprises": ["s"],
        "questions": ["q"],
        "assumptions": ["a"],
    }
    assert said["criteria"] == [{"id": "ac1", "state": "met"}, {"id": "ac2", "state": "open"}]
    assert said["commands"][0]["argv"] == ["pytest", "-q"]
    assert said["commands"][0]["output_sha256"] is None
    assert said["blockers"] == [{"waits_on": "task", "ask": "gh-661 applies the migration", "task": "gh-661"}]
    assert said["files"] == ["docs/spec.md"]
    assert (said["basis"], said["confidence"]) == ("self_report", "claimed")
    assert show_checkpoint(memory.store(), said["id"]).data["checkpoint"] == said


def test_a_statement_cannot_become_a_heading_or_another_item(memory: Memory) -> None:
    memory.create()
    hostile = ["## Next\n## Done\n- other\n\n---\nid: x", "- dash", "```\nopen"]
    said = memory.say(None, done=hostile).data["checkpoint"]
    shown = show_checkpoint(memory.store(), said["id"]).data["checkpoint"]
    assert shown["body"]["done"] == hostile
    assert [key for key in BODY if shown["body"][key]] == ["done"]


def test_git_facts_and_changed_files_are_collected(memory: Memory) -> None:
    memory.create()
    memory.say()
    memory.repo.write("src/a.py", "a = 2\n")
    work = memory.repo.commit()
    memory.repo.write("src/b.py", "b = 1\n")
    memory.repo.write("new/c.txt", "c\n")
    memory.repo.write("state/tasks/gh-460/runs/note.txt", "not work\n")
    said = memory.say().data["checkpoint"]
    assert said["git"] == {"commit": work, "branch": "main", "dirty": 2, "ahead": None}
    assert said["files"] == ["new", "src/a.py", "src/b.py"]


def test_file_names_that_no_record_can_hold_are_counted(memory: Memory) -> None:
    memory.create()
    memory.repo.write("line\nbreak", "x")
    memory.repo.write("bidi\u202e.txt", "x")
    memory.repo.write("fine.txt", "x")
    said = memory.say().data["checkpoint"]
    assert said["files"] == ["fine.txt"]
    assert said["files_total"] == 3
    assert said["git"]["dirty"] == 3


def test_detached_and_unborn_heads_have_no_branch_or_commit(memory: Memory) -> None:
    memory.create()
    memory.say()
    memory.repo.git("checkout", "-q", "--detach")
    answer = memory.say()
    assert answer.status == 6
    assert answer.data["pending"] is True
    assert answer.data["checkpoint"]["git"]["branch"] is None
    assert (memory.repo.root / answer.data["path"]).is_file()


def test_order_by_id_is_order_of_writing_within_a_run(memory: Memory) -> None:
    memory.create()
    names = [memory.say(str(number)).data["checkpoint"]["id"] for number in range(5)]
    assert names == sorted(names)
    memory.ticks = -100
    assert memory.say("clock went back").data["checkpoint"]["id"] > names[-1]


@pytest.mark.parametrize(
    "said, code, exit_status",
    [
        ({"summary": None}, "checkpoint_empty", 1),
        ({"summary": None, "next": "go on"}, "checkpoint_empty", 1),
        ({"kind": "handoff"}, "record_invalid", 1),
        ({"kind": "blocker", "summary": None, "done": ["x"]}, "record_invalid", 1),
        ({"criterion": ["ac9=met"]}, "criterion_not_found", 3),
        ({"criterion": ["ac1=maybe"]}, "usage_invalid", 2),
        ({"run": "2026"}, "run_not_found", 3),
        ({"supersedes": "2026"}, "checkpoint_not_found", 3),
        ({"task": "gh-999"}, "task_not_found", 3),
        ({"done": [" "]}, "usage_invalid", 2),
        ({"done": ["x"] * 51}, "record_invalid", 1),
        ({"done": ["x" * 4001]}, "record_invalid", 1),
        ({"done": ["x" * 4000] * 20}, "record_invalid", 1),
        ({"next": "x" * 1001}, "record_invalid", 1),
        ({"done": ["hidden \u202e text"]}, "record_invalid", 1),
        ({"done": ["token ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"]}, "secret_found", 4),
        ({"file": ["../outside"]}, "record_invalid", 1),
    ],
)
def test_refused_means_nothing_is_written(
    memory: Memory, said: dict[str, Any], code: str, exit_status: int
) -> None:
    memory.create()
    head = memory.head()
    with pytest.raises(StateError) as refused:
        memory.say(**said)
    assert (refused.value.code, refused.value.exit_status) == (code, exit_status)
    assert memory.head() == head
    assert memory.repo.git("status", "--porcelain") == ""
    assert memory.show()["task"]["status"] == "ready"


def test_handoff_and_blocker_say_what_they_must(memory: Memory) -> None:
    memory.create()
    assert memory.say("x", kind="handoff", next="go on").data["checkpoint"]["next_action"] == "go on"
    blocked = memory.say("which port?", kind="blocker").data["checkpoint"]
    assert blocked["blockers"] == [{"waits_on": "human", "ask": "which port?"}]


def test_an_executed_command_is_a_receipt_and_its_failure_no_error(memory: Memory) -> None:
    memory.create()
    memory.say(kind="start")
    said = memory.say(None, kind="verification", exec=["sh -c 'echo out; exit 3'", "true"]).data["checkpoint"]
    assert [command["exit_code"] for command in said["commands"]] == [3, 0]
    assert all(len(command["output_sha256"]) == 64 for command in said["commands"])
    assert (said["basis"], said["confidence"]) == ("tool_receipt", "verified")


def test_a_command_that_does_not_end_is_stopped_and_warned_of(memory: Memory) -> None:
    memory.create()
    answer = memory.say("x", exec=["sleep 60"], exec_limit_s=0.2)
    assert [warned.code for warned in answer.warnings] == ["command_timed_out"]
    assert answer.data["checkpoint"]["commands"][0]["exit_code"] == 124


def test_a_command_runs_at_the_root_without_a_shell(memory: Memory) -> None:
    memory.create()
    said = memory.say("x", exec=["test -f src/a.py", "test 1 -gt 2 ; true", "echo $HOME > pwned"])
    assert [command["exit_code"] for command in said.data["checkpoint"]["commands"]] == [0, 2, 0]
    assert not (memory.repo.root / "pwned").exists()


def test_a_refused_request_executes_nothing(memory: Memory) -> None:
    memory.create(accept=[])
    with pytest.raises(StateError) as refused:
        memory.say("x", exec=["touch executed"])
    assert refused.value.code == "task_not_ready"
    assert not (memory.repo.root / "executed").exists()


def test_a_later_checkpoint_supersedes_an_earlier_one(memory: Memory) -> None:
    memory.create()
    wrong = memory.say("wrong").data["checkpoint"]["id"]
    right = memory.say("right", supersedes=wrong[:20]).data["checkpoint"]
    assert right["supersedes"] == wrong
    assert show_checkpoint(memory.store(), wrong).data["superseded_by"] == right["id"]


def test_the_same_key_and_request_give_the_first_record(memory: Memory) -> None:
    memory.create()
    first = memory.say("once", idempotency_key="k", exec=["touch executed"])
    head = memory.head()
    (memory.repo.root / "executed").unlink()
    again = memory.say("once", idempotency_key="k", exec=["touch executed"])
    assert again.data["created"] is False
    assert again.data["checkpoint"] == first.data["checkpoint"]
    assert memory.head() == head
    assert not (memory.repo.root / "executed").exists()
    with pytest.raises(StateError) as refused:
        memory.say("twice", idempotency_key="k")
    assert refused.value.code == "idempotency_conflict"


def test_a_list_is_oldest_first_and_limited_to_the_newest(memory: Memory) -> None:
    memory.create()
    for number in range(4):
        memory.say(f"n{number}", kind="decision" if number % 2 else "progress")
    data = list_checkpoints(memory.store(), "gh-460").data
    assert [row["summary"] for row in data["checkpoints"]] == ["n0", "n1", "n2", "n3"]
    assert all(set(row) == ROW for row in data["checkpoints"])
    limited = list_checkpoints(memory.store(), "gh-460", limit=1).data
    assert [row["summary"] for row in limited["checkpoints"]] == ["n3"]
    assert limited["total"] == 4
    decisions = list_checkpoints(memory.store(), "gh-460", kind=["decision"]).data
    assert [row["summary"] for row in decisions["checkpoints"]] == ["n1", "n3"]


def test_a_list_may_be_of_one_run(memory: Memory) -> None:
    memory.create()
    run = memory.say("mine").data["run"]
    memory.release()
    memory.say("other", actor="claude")
    rows = list_checkpoints(memory.store(), "gh-460", run=run).data["checkpoints"]
    assert [row["summary"] for row in rows] == ["mine"]
    with pytest.raises(StateError) as missing:
        list_checkpoints(memory.store(), "gh-460", run="1999")
    assert missing.value.code == "run_not_found"


def test_a_broken_checkpoint_is_named_when_it_is_asked_for(memory: Memory) -> None:
    memory.create()
    said = memory.say("bad").data
    memory.repo.write(said["path"], "---\nschema: checkpoint/1\n")
    with pytest.raises(StateError) as refused:
        show_checkpoint(memory.store(), said["checkpoint"]["id"])
    assert refused.value.code == "state_invalid"


def test_an_ambiguous_checkpoint_lists_its_candidates(memory: Memory) -> None:
    memory.create()
    names = [memory.say(str(n)).data["checkpoint"]["id"] for n in range(2)]
    with pytest.raises(StateError) as refused:
        show_checkpoint(memory.store(), "2026")
    assert refused.value.code == "id_ambiguous"
    assert refused.value.data == {"candidates": sorted(names)}
    with pytest.raises(StateError) as missing:
        show_checkpoint(memory.store(), "1999", task="gh-460")
    assert missing.value.code == "checkpoint_not_found"


def test_a_checkpoint_beside_a_broken_one_is_still_shown(memory: Memory) -> None:
    memory.create()
    good = memory.say("good").data
    bad = memory.say("bad").data["path"]
    memory.repo.write(bad, "---\nschema: checkpoint/1\n")
    assert show_checkpoint(memory.store(), good["checkpoint"]["id"]).data["checkpoint"]["body"]["done"] == [
        "good"
    ]
    listed = list_checkpoints(memory.store(), "gh-460")
    assert listed.error is not None
    assert [row["summary"] for row in listed.data["checkpoints"]] == ["good"]


def test_a_broken_folder_takes_no_further_checkpoint(memory: Memory) -> None:
    memory.create()
    bad = memory.say("bad").data["path"]
    memory.repo.write(bad, "---\nschema: checkpoint/1\n")
    with pytest.raises(StateError) as refused:
        memory.say("more")
    assert refused.value.code == "state_invalid"
    assert refused.value.path == bad


def test_what_is_written_is_canonical_and_valid(memory: Memory) -> None:
    from platformstate.codec.formatting import formatted

    memory.create(goal="g", plan=["a=b::c"])
    paths = memory.say("x", failed=["y"], next="z", exec=["true"]).data["write"]["paths"]
    for path in paths:
        data = (memory.repo.root / path).read_bytes()
        assert validation.read(data, path).problems == (), path
        if path.endswith(".md"):
            assert formatted(data, path).text in (None, data.decode()), path
