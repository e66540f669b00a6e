"""The commands themselves: flags become requests, answers become JSON or calm text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from platformstate import cli
from tests.conftest import Platformctl
from tests.forking import Ran

from .conftest import Memory

Run = Callable[..., Ran]


@pytest.fixture
def run(memory: Memory, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process, at the root of the repository."""
    monkeypatch.chdir(memory.repo.root)
    monkeypatch.setenv("PLATFORMSTATE_DURABILITY", "fast")
    monkeypatch.setenv("PLATFORMSTATE_ACTOR", "codex")

    def at(*argv: str) -> Ran:
        status = cli.main(argv)
        out, err = capsysbinary.readouterr()
        return Ran(status, out.decode(), err.decode())

    return at


@pytest.fixture
def piped(memory: Memory, platformctl: Platformctl) -> Run:
    """Run a command line in a process of its own, with a standard input."""
    return lambda *argv, stdin="": platformctl(*argv, stdin=stdin, cwd=memory.repo.root)


def data(ran: Ran) -> dict[str, Any]:
    assert ran.document["ok"] is True, ran.stdout
    found: dict[str, Any] = ran.document["data"]
    return found


def test_the_seeds_case_from_create_to_brief(run: Run) -> None:
    """What the project was created for: gh-460 is created, worked at, handed on."""
    created = run(
        "task", "create", "--id", "gh-460", "--priority", "p0",
        "--title", "memory(B): task_run + task_checkpoint + Codex packet templates",
        "--accept", "task_run + task_checkpoint tables in main Postgres::live",
        "--accept", "platformctl memory checkpoint create + memory brief subcommands::test",
        "--accept", "Migration runbook::doc",
        "--label", "domain:memory", "--ref", "pdurlej/platform#460",
        "--spec-ref", "docs/spec.md", "--goal", "Targets the rescue cycle directly.",
        "--out-of-scope", "production runtime", "--actor", "operator",
    )  # fmt: skip
    assert created.status == 0, created.stderr
    assert created.stdout.startswith("created gh-460 (ready)\nstate/tasks/gh-460/task.md  commit ")
    assert "next: platformctl memory checkpoint create --task gh-460 --kind start" in created.stderr
    first = run(
        "memory", "checkpoint", "create", "--task", "gh-460", "--kind", "start", "--summary", "contract first"
    )
    assert "self_report, claimed" in first.stdout
    assert "(opened)" in first.stdout
    run("memory", "checkpoint", "create", "--task", "gh-4", "--kind", "failed_attempt", "--summary", "psql: no such host",
        "--next", "move the live criterion to gh-661", "--next-verify", "platformctl task show gh-460")  # fmt: skip
    brief = run("memory", "brief", "--task", "gh-460", "--actor", "claude")
    assert brief.status == 0
    assert brief.stdout.startswith("# Brief gh-460\n")
    for text in (
        "psql: no such host",
        "move the live criterion",
        "ac1 open, proof live",
        "pdurlej/platform#460",
    ):
        assert text in brief.stdout
    shown = run("task", "show", "gh-460").stdout
    assert "status       implementation" in shown.replace("status  ", "status  ")
    assert "ready" in shown
    assert "no (it is implementation, claimed)" in shown


def test_text_comes_from_files_and_standard_input(piped: Run, memory: Memory) -> None:
    memory.repo.write("goal.md", "From a file.\nTwo lines.\n")
    argv = ["--title", "T", "--id", "t", "--accept", "x", "--goal", "@goal.md", "--context", "-"]
    made = piped("task", "create", *argv, "--json", stdin="From stdin.\n")
    assert data(made)["created"] is True
    shown = data(piped("task", "show", "t", "--json"))
    assert shown["body"] == {"Goal": "From a file.\nTwo lines.", "Context": "From stdin."}


def test_standard_input_is_read_by_one_flag_only(piped: Run, memory: Memory) -> None:
    ran = piped("task", "create", "--title", "T", "--goal", "-", "--context", "-", "--json", stdin="x")
    assert ran.status == 2
    assert ran.document["error"]["code"] == "usage_invalid"
    assert not (memory.repo.root / "state/tasks").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["--goal", "@missing.md"],
        ["--goal", "@latin.md"],
        ["--goal", "@."],
        ["--from", "missing.md"],
        ["--priority", "p9"],
        ["--status", "done"],
        ["--budget-minutes", "0"],
        ["--colour", "red"],
    ],
)
def test_a_bad_flag_is_a_usage_error(run: Run, memory: Memory, argv: list[str]) -> None:
    memory.repo.write("latin.md", "\xe9".encode("latin-1"))
    ran = run("task", "create", "--title", "T", *argv, "--json")
    assert ran.status == 2
    assert ran.document["error"]["code"] == "usage_invalid"
    assert not (memory.repo.root / "state/tasks").exists()


def test_a_packet_comes_from_standard_input_with_flags_over_it(piped: Run) -> None:
    packet = "---\ntitle: From a packet\nlabels: [a]\n---\n\n## Goal\nIt works.\n"
    made = piped("task", "create", "--from", "-", "--id", "p", "--label", "b", "--json", stdin=packet)
    assert data(made)["task"]["labels"] == ["b"]
    assert data(made)["task"]["title"] == "From a packet"


def test_update_list_and_show_speak_json(run: Run) -> None:
    run("task", "create", "--title", "One", "--id", "one", "--accept", "x")
    run("task", "create", "--title", "Two", "--id", "two")
    changed = data(run("task", "update", "one", "--priority", "p0", "--add-label", "l", "--json"))
    assert changed["changed"] == ["priority", "labels"]
    listed = data(run("task", "list", "--status", "ready", "--json"))
    assert [row["id"] for row in listed["tasks"]] == ["one"]
    refused = run("task", "update", "one", "--status", "done", "--json")
    assert refused.status == 4
    assert refused.document["error"]["code"] == "task_close_required"


@pytest.mark.parametrize(
    "line, other",
    [
        ("update one --accept x", "update one --accept y"),
        ("block one --reason waits --waits-on human", "block one --reason sleeps --waits-on human"),
        ("unblock stuck --reason decided", "unblock stuck --reason forgotten"),
        ("close one --evidence file:docs/spec.md --docs-only", "close one --evidence file:docs/spec.md"),
        ("reopen over --reason failing", "reopen over --reason broken"),
        ("move-criterion one ac1 --to two", "move-criterion one ac1 --to two --reason there"),
        ("waive-criterion one ac1 --reason gone", "waive-criterion one ac1 --reason late"),
        ("release one --reason gone", "release one --outcome failed"),
    ],
)
def test_a_change_of_a_task_with_a_key_happens_once_and_is_answered_again(
    run: Run, line: str, other: str
) -> None:
    for name in ("one", "two", "stuck", "over"):
        run("task", "create", "--title", "T", "--id", name, "--accept", "said::doc")
    run("task", "block", "stuck", "--reason", "waits")
    run("task", "waive-criterion", "over", "ac1", "--reason", "so", "--actor", "operator")
    run("task", "close", "over")
    if line.startswith("release"):
        run("task", "claim", "one")
    key = ("--idempotency-key", "k", "--actor", "operator", "--json")
    first, again = (run("task", *line.split(), *key) for _ in range(2))
    assert (first.status, again.status) == (0, 0), first.stdout + again.stdout
    assert first.document["data"]["commit"] is not None
    assert again.document["data"]["commit"] is None
    assert again.document["data"].get("task") == first.document["data"].get("task")
    assert again.document["data"].get("to") == first.document["data"].get("to")
    conflict = run("task", *other.split(), *key)
    assert conflict.document["error"]["code"] == "idempotency_conflict"
    assert run("validate").status == 0


def test_a_list_is_an_aligned_table(run: Run) -> None:
    assert run("task", "list").stdout == "no tasks\n"
    run("task", "create", "--title", "One", "--id", "one", "--accept", "x", "--owner", "ann")
    run("task", "create", "--title", "Another", "--id", "another-one")
    assert run("task", "list").stdout == (
        "id           status  pri  who  met  title\n"
        "another-one  intake  p2   -    -    Another\n"
        "one          ready   p2   ann  0/1  One\n"
    )
    assert run("task", "list", "--limit", "1").stdout.endswith("Another\n1 of 2 tasks\n")


def test_an_ambiguous_task_names_its_candidates(run: Run) -> None:
    for name in ("gh-460", "gh-461"):
        run("task", "create", "--title", "T", "--id", name)
    ran = run("task", "show", "gh-46", "--json")
    assert ran.status == 3
    assert ran.document["error"]["code"] == "id_ambiguous"
    assert ran.document["data"] == {"candidates": ["gh-460", "gh-461"]}


def test_a_checkpoint_is_listed_and_shown(run: Run) -> None:
    run("task", "create", "--title", "T", "--id", "t", "--accept", "x")
    made = data(
        run("memory", "checkpoint", "create", "--task", "t", "--kind", "decision", "--summary", "one\ntwo",
            "--question", "why?", "--exec", "true", "--criterion", "ac1=met", "--blocker", "ci:red", "--json")
    )  # fmt: skip
    listed = run("memory", "checkpoint", "list", "--task", "t").stdout
    assert listed.splitlines()[1].endswith("decision  codex   claimed     one")
    shown = run("memory", "checkpoint", "show", made["checkpoint"]["id"][:18]).stdout
    for text in (
        "Decisions\n  - one\n    two",
        "Open questions\n  - why?",
        "exit 0 of true",
        "ci: red",
        "ac1 met",
    ):
        assert text in shown
    assert run("memory", "checkpoint", "list", "--task", "t", "--limit", "0").stdout == "1 older\n"


def test_the_task_may_come_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("task", "create", "--title", "T", "--id", "t", "--accept", "x")
    opened = data(run("memory", "checkpoint", "create", "--task", "t", "--kind", "start", "--json"))
    monkeypatch.setenv("PLATFORMSTATE_TASK", "t")
    monkeypatch.setenv("PLATFORMSTATE_RUN", opened["run"])
    said = data(run("memory", "checkpoint", "create", "--kind", "progress", "--done", "x", "--json"))
    assert said["run"] == opened["run"]
    assert run("memory", "brief").status == 0
    other = run(
        "memory", "checkpoint", "create", "--kind", "progress", "--done", "x", "--actor", "claude", "--json"
    )
    assert other.document["error"]["code"] == "actor_mismatch"


def test_a_brief_is_markdown_or_json(run: Run) -> None:
    run("task", "create", "--title", "T", "--id", "t")
    assert run("memory", "brief", "--task", "t", "--format", "md").stdout.startswith("# Brief t\n")
    assert data(run("memory", "brief", "--task", "t", "--format", "json"))["task"] == "t"
    small = data(run("memory", "brief", "--task", "t", "--max-tokens", "10", "--json"))["budget"]
    assert (small["limit"], small["over"]) == (10, True)
    assert run("memory", "brief", "--task", "t", "--max-tokens", "0").status == 2


def test_a_partial_brief_is_shown_and_fails(run: Run, memory: Memory) -> None:
    run("task", "create", "--title", "T", "--id", "t", "--accept", "x")
    path = data(run("memory", "checkpoint", "create", "--task", "t", "--kind", "start", "--json"))["path"]
    memory.repo.write(path, memory.text(path).replace("kind: start", "kind: gossip"))
    ran = run("memory", "brief", "--task", "t")
    assert ran.status == 1
    assert ran.stdout.startswith("# Brief t\n")
    assert path in ran.stderr
    assert "state_invalid" in ran.stderr


FORM = """---
schema: checkpoint/1
task: t
kind: handoff
next_action: pin the reader
next_verify: ""
criteria:
  - {id: ac1, state: met}
commands:
  - {argv: ["pytest", "-k", "a b"], exit_code: 1}
blockers:
  - {waits_on: human, ask: "which?"}
files: []
---

## Done
- one
- two
  lines

## Tried and failed
<!-- What was tried, what happened, why; so that nobody tries it again. -->
"""


def test_a_filled_form_is_a_checkpoint_and_flags_override_it(run: Run, memory: Memory) -> None:
    run("task", "create", "--title", "T", "--id", "t", "--accept", "x")
    memory.repo.write("form.md", FORM)
    said = data(run("memory", "checkpoint", "create", "--from", "form.md", "--next", "other", "--json"))[
        "checkpoint"
    ]
    assert said["kind"] == "handoff"
    assert said["next_action"] == "other"
    assert "next_verify" not in said
    assert said["body"]["done"] == ["one", "two\nlines"]
    assert said["body"]["failed"] == []
    assert said["commands"][0]["argv"] == ["pytest", "-k", "a b"]
    assert said["commands"][0]["output_sha256"] is None
    assert said["criteria"] == [{"id": "ac1", "state": "met"}]
    assert said["blockers"] == [{"waits_on": "human", "ask": "which?"}]


@pytest.mark.parametrize(
    "old, new, code",
    [
        ("kind: handoff\n", "kind: handoff\nknid: x\n", "record_invalid"),
        ("kind: handoff\n", "", "usage_invalid"),
        ("kind: handoff", "kind: gossip", "record_invalid"),
        ("state: met", "state: done", "usage_invalid"),
        ("exit_code: 1", "exit: 1", "record_invalid"),
        ("files: []", "evidence: [{type: commit}]", "record_invalid"),
        ("files: []", "evidence: [{type: commit, ref: HEAD}]", "evidence_refused"),
        ("schema: checkpoint/1", "schema: task/1", "record_invalid"),
    ],
)
def test_a_form_that_cannot_be_a_checkpoint_is_refused(
    run: Run, memory: Memory, old: str, new: str, code: str
) -> None:
    run("task", "create", "--title", "T", "--id", "t", "--accept", "x")
    memory.repo.write("form.md", FORM.replace(old, new))
    head = memory.head()
    ran = run("memory", "checkpoint", "create", "--from", "form.md", "--json")
    assert ran.document["error"]["code"] == code, ran.stdout
    assert memory.head() == head


def test_the_checkpoint_template_is_a_form(run: Run) -> None:
    run("task", "create", "--title", "T", "--id", "t", "--accept", "x")
    form = "state/templates/CODEX_CHECKPOINT.md"
    empty = run("memory", "checkpoint", "create", "--from", form, "--task", "t", "--json")
    assert empty.document["error"]["code"] == "checkpoint_empty"
    said = run("memory", "checkpoint", "create", "--from", form, "--task", "t", "--done", "x", "--json")
    assert data(said)["checkpoint"]["body"]["done"] == ["x"]


@pytest.mark.parametrize(
    "path", sorted(Path("state/templates").resolve().glob("*.md")), ids=lambda path: path.name
)
def test_every_command_of_a_template_exists(path: Path) -> None:
    import click

    from platformstate.cli.commands import ROOT

    lines = [line.strip() for line in path.read_text().splitlines()]
    named = [line for line in lines if line.startswith("platformctl ")]
    assert named or path.name == "CODEX_CHECKPOINT.md"
    for line in named:
        command: click.Command = ROOT
        for word in line.split()[1:]:
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            assert found is not None, line
            command = found
        flags = {flag for option in command.get_params(click.Context(command)) for flag in option.opts}
        assert {word for word in line.split() if word.startswith("--")} <= flags, line


def test_the_templates_pass_validation(run: Run) -> None:
    ran = run("validate", "--json")
    assert ran.status == 0, ran.stdout
