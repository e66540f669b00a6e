"""A run goes on where it was pinned; elsewhere an operator takes it over, and only what is trusted runs."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from platformstate.codec import journal as journal_text
from platformstate.codec.jsonl import parse_lines
from platformstate.policy.pin import pin_bytes, read_pin, step_sha256
from tests.conduct.scenes import Scene
from tests.conftest import Repo
from tests.forking import Ran


def suspended(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"), scene.command("b"))
    assert scene.conduct().status == 6
    assert scene.ctl("approve").status == 0


def in_clone(scene: Scene, tmp_path: Path, *argv: str) -> Ran:
    clone = tmp_path / "clone"
    if not clone.exists():
        scene.repo.git("clone", "-q", str(scene.repo.root), str(clone))
        other = Repo(clone)
        other.git("config", "platformstate.operator", "operator")
        other.git("config", "platformstate.trustedRef", "refs/remotes/origin/main")
    there = Scene.__new__(Scene)
    there.repo, there.forks, there.effects_file = Repo(clone), scene.forks, scene.effects_file
    return there.run_ctl(*argv)


def test_20_12_a_clone_goes_on_only_when_an_operator_takes_over(scene: Scene, tmp_path: Path) -> None:
    suspended(scene)
    refused = in_clone(scene, tmp_path, "run", "resume", scene.run, "--json")
    assert (refused.status, refused.document["error"]["code"]) == (5, "run_elsewhere")
    codex = in_clone(
        scene,
        tmp_path,
        "--actor",
        "codex",
        "run",
        "resume",
        scene.run,
        "--take-over",
        "--reason",
        "x",
        "--json",
    )
    assert (codex.status, codex.document["error"]["code"]) == (4, "operator_required")
    assert scene.effects == "a"
    taken = in_clone(
        scene,
        tmp_path,
        "--actor",
        "operator",
        "run",
        "resume",
        scene.run,
        "--take-over",
        "--reason",
        "gone",
        "--json",
    )
    assert taken.status == 0, taken.stdout
    assert scene.effects == "a b"
    data = (tmp_path / "clone" / scene.folder.relative_to(scene.repo.root) / "events.jsonl").read_bytes()
    resumed = [row for _, row in parse_lines(data, "e").rows if row["type"] == "RunResumed"]
    assert resumed[0]["take_over"]["reason"] == "gone"


def test_a_run_whose_local_files_are_gone_is_one_of_elsewhere(scene: Scene) -> None:
    suspended(scene)
    shutil.rmtree(scene.repo.root / ".git/platformstate/leases")
    assert scene.resume().document["error"]["code"] == "run_elsewhere"
    taken = scene.resume("--take-over", "--reason", "lost")
    assert taken.status == 0, taken.stdout
    assert scene.effects == "a b"


def forged(scene: Scene, **changed: object) -> Path:
    """Return the folder of a run as a pull request could bring it: sound, with other steps."""
    folder = scene.folder.with_name("20261120t101130z-7fq2ka")
    shutil.copytree(scene.folder, folder)
    pin = folder / "resolved_steps.json"
    value = json.loads(pin.read_text())
    value["steps"][2] |= {"argv": ["/bin/sh", "-c", scene.append("evil")], **changed}
    value["source"]["kind"] = changed.get("source", "procedure")
    value["steps"][2].pop("source", None)
    pin.write_bytes(pin_bytes(read_pin(value)))
    rows = [row for _, row in parse_lines((folder / "events.jsonl").read_bytes(), "e").rows]
    rows[0]["run"] = folder.name
    rows[1]["steps_sha256"] = sha256(pin.read_bytes()).hexdigest()
    (folder / "events.jsonl").write_bytes(journal_text.encode(rows, seq=0, h=journal_text.ZERO_HASH))
    (folder / "run.md").unlink()
    return folder


@pytest.mark.parametrize("source", ["procedure", "task", "job"])
def test_20_12_a_run_that_a_pull_request_brought_never_runs(scene: Scene, source: str) -> None:
    suspended(scene)
    folder = forged(scene, source=source)
    journal = (folder / "events.jsonl").read_bytes()
    ran = scene.run_ctl("run", "resume", folder.name, "--json")
    assert (ran.status, ran.document["error"]["code"]) == (5, "run_elsewhere"), ran.stdout
    taken = scene.run_ctl("run", "resume", folder.name, "--take-over", "--reason", "x", "--json")
    assert (taken.status, taken.document["error"]["code"]) == (4, "procedure_untrusted"), taken.stdout
    assert (scene.effects, (folder / "events.jsonl").read_bytes()) == ("a", journal)


def test_answering_a_run_of_elsewhere_does_not_make_it_one_of_here(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"), scene.command("b"))
    scene.conduct()
    folder = forged(scene)
    assert scene.run_ctl("run", "approve", folder.name).status == 0
    assert scene.run_ctl("run", "resume", folder.name, "--json").document["error"]["code"] == "run_elsewhere"
    assert scene.run_ctl("run", "resume", folder.name, "--take-over", "--reason", "x").status == 4
    assert scene.effects == "a"


@pytest.mark.parametrize("verb", [("decide", "redo"), ("abort",)])
def test_nothing_of_a_run_of_elsewhere_is_asked_by_executing_it(scene: Scene, verb: tuple[str, ...]) -> None:
    suspended(scene)
    evil = {"argv": ["/bin/sh", "-c", scene.append("evil")], "absent_rc": [1], "timeout": 60}
    folder = forged(scene, done_when=evil)
    path = folder / "events.jsonl"
    rows = [row for _, row in parse_lines(path.read_bytes(), "e").rows]
    holder = rows[2]["holder"]
    step = step_sha256(read_pin(json.loads((folder / "resolved_steps.json").read_text())).steps[2])
    at = rows[-1]["at"]
    rows.append({"type": "RunResumed", "at": at, "holder": holder, "from_index": 2, "drift": False})
    rows.append({"type": "StepStarted", "at": at, "step_index": 2, "attempt": 1, "step": step[:16]})
    path.write_bytes(journal_text.encode(rows, seq=0, h=journal_text.ZERO_HASH))
    mark = scene.repo.root / f".git/platformstate/leases/{folder.name}.2.1.start"
    mark.write_text("{}")
    said = scene.run_ctl("run", verb[0], folder.name, *verb[1:], "--reason", "x", "--json")
    assert said.status == 0, said.stdout
    assert scene.effects == "a"


def test_a_worktree_whose_journal_is_behind_is_told_where_it_is_ahead(scene: Scene, tmp_path: Path) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"), scene.command("b"))
    scene.conduct()
    run = scene.run
    scene.repo.git("worktree", "add", "-q", str(tmp_path / "tree"), "HEAD", "-b", "other")
    assert scene.ctl("approve").status == 0
    assert scene.resume().status == 0
    there = Scene.__new__(Scene)
    there.repo, there.forks, there.effects_file = Repo(tmp_path / "tree"), scene.forks, scene.effects_file
    ran = there.run_ctl("run", "resume", run, "--json")
    assert (ran.status, ran.document["error"]["code"]) == (5, "run_journal_behind"), ran.stdout
    assert ran.document["error"]["message"].endswith(f"was recorded in {scene.repo.root}")
    assert f"platformctl -C {scene.repo.root} run resume {run}" in ran.document["error"]["hint"]


def test_a_procedure_that_differs_from_the_trusted_one_is_refused(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"))
    scene.procedure("demo", scene.command("evil"), commit=False)
    blob = scene.repo.git("hash-object", "state/procedures/demo/procedure.md").strip()
    refused = scene.conduct()
    assert (refused.status, refused.document["error"]["code"]) == (4, "procedure_untrusted")
    assert blob in refused.document["error"]["message"]
    assert scene.runs == []
    allowed = scene.conduct("demo", "--blob", blob)
    assert allowed.status == 0, allowed.stdout
    assert (scene.folder / "artifacts/procedure.md").read_text().count("key: evil") == 1
    assert scene.run_ctl("--actor", "codex", "procedure", "conduct", "demo", "--blob", blob).status == 4
    assert scene.conduct("demo", "--blob", "0" * 40).document["error"]["code"] == "procedure_untrusted"


def test_a_procedure_that_is_not_committed_is_refused(scene: Scene) -> None:
    scene.procedure("other", scene.command("a"))
    scene.procedure("demo", scene.command("a"), commit=False)
    assert scene.conduct().document["error"]["code"] == "procedure_untrusted"
    assert (
        scene.run_ctl("procedure", "conduct", "nothing", "--json").document["error"]["code"]
        == "procedure_not_found"
    )


def test_without_a_trusted_ref_nothing_runs(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"))
    scene.repo.git("branch", "-m", "work")
    ran = scene.conduct()
    assert (ran.status, ran.document["error"]["code"]) == (4, "trust_ref_unset")


@pytest.mark.parametrize(
    "fields",
    [{"type": "CommitDeferred", "reason": "a\u202eb"}, {"ms": 2**53}, {"extra": 1}, {"type": "RunResumed"}],
    ids=["bidirectional", "inexact", "unknown", "incomplete"],
)
def test_what_validate_refuses_of_a_journal_no_run_goes_on_from(
    scene: Scene, fields: dict[str, object]
) -> None:
    suspended(scene)
    path = scene.folder / "events.jsonl"
    rows = [row for _, row in parse_lines(path.read_bytes(), "e").rows]
    rows.append({"type": "CommitDeferred", "at": rows[-1]["at"], "reason": "merge_in_progress", **fields})
    journal = journal_text.encode(rows, seq=0, h=journal_text.ZERO_HASH)
    path.write_bytes(journal)
    judged = scene.run_ctl("validate", "--json").document["error"]["problems"]
    refused = scene.resume()
    assert (refused.status, refused.document["error"]["code"]) == (1, "run_journal_corrupt"), refused.stdout
    assert refused.document["error"]["line"] == judged[0]["line"] == len(rows)
    assert (scene.effects, path.read_bytes()) == ("a", journal)


@pytest.mark.soak
def test_a_journal_without_room_for_a_step_is_left_for_a_run_that_takes_its_place(scene: Scene) -> None:
    suspended(scene)
    path = scene.folder / "events.jsonl"
    rows = [row for _, row in parse_lines(path.read_bytes(), "e").rows]
    at, holder = rows[-1]["at"], rows[2]["holder"]
    over = {"host": holder["host"], "clone": holder["clone"], "reason": "x" * 1000}
    gone_on = {"type": "RunResumed", "at": at, "holder": holder, "from_index": 2, "drift": False}
    rested = {"type": "RunSuspended", "at": at, "reason": "held"}
    rows += [{**gone_on, "take_over": over}, rested] * 11_300
    path.write_bytes(journal_text.encode(rows, seq=0, h=journal_text.ZERO_HASH))
    assert 15 * 2**20 < path.stat().st_size < 16 * 2**20
    refused = scene.resume()
    assert refused.document["error"]["code"] == "text_too_large", refused.stdout
    assert refused.document["data"]["reason"] == "journal_full"
    assert refused.document["error"]["hint"] == f"platformctl procedure conduct demo --supersedes {scene.run}"
    held = path.stat().st_size
    assert scene.resume().document["error"]["code"] == "text_too_large"
    assert path.stat().st_size == held
    assert scene.effects == "a"
    taken = scene.conduct("demo", "--supersedes", scene.run)
    assert taken.status == 6, taken.stdout
    assert taken.document["error"]["code"] == "run_gate_waiting", taken.stdout
    assert scene.ctl("approve").status == 0
    assert scene.resume().status == 0
    assert scene.effects == "a b"


def test_a_run_that_is_open_in_another_worktree_is_not_begun_a_second_time(
    scene: Scene, tmp_path: Path
) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"), scene.command("b"))
    away = tmp_path / "away"
    scene.repo.git("worktree", "add", "-q", "-b", "away", str(away))
    there = Scene.__new__(Scene)
    there.repo, there.forks, there.effects_file = Repo(away), scene.forks, scene.effects_file
    key = ("--idempotency-key", "k")
    assert there.conduct("demo", *key).status == 6
    refused = scene.conduct()
    assert (refused.status, refused.document["error"]["code"]) == (5, "procedure_run_open"), refused.stdout
    assert f"platformctl -C {away} run resume {there.run}" in refused.document["error"]["hint"]
    again = scene.conduct("demo", *key)
    assert (again.document["data"]["run"], scene.effects) == (there.run, "a")
    assert there.ctl("approve").status == 0
    assert there.resume().status == 0
    assert scene.conduct().status == 6
    assert scene.effects == "a b a"


def test_a_run_in_another_worktree_that_cannot_be_read_is_told_with_its_place(
    scene: Scene, tmp_path: Path
) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"))
    away = tmp_path / "away"
    scene.repo.git("worktree", "add", "-q", "-b", "away", str(away))
    there = Scene.__new__(Scene)
    there.repo, there.forks, there.effects_file = Repo(away), scene.forks, scene.effects_file
    assert there.conduct().status == 6
    with (there.folder / "events.jsonl").open("a") as journal:
        journal.write("<<<<<<< HEAD\n")
    error = scene.conduct().document["error"]
    assert (error["code"], error["line"]) == ("run_journal_corrupt", 8)
    assert error["message"].startswith(f"in {away}: line 8: ")
    assert f"platformctl -C {away} run verify {there.run}" in error["hint"]
    assert scene.conduct("demo", "--new").status == 6
    assert scene.effects == "a a"


def test_a_stale_copy_in_another_worktree_keeps_no_run_from_beginning(scene: Scene, tmp_path: Path) -> None:
    suspended(scene)
    scene.repo.git("worktree", "add", "-q", "-b", "away", str(tmp_path / "away"))
    assert scene.resume().status == 0
    assert scene.conduct().status == 6
    assert scene.ctl("abort", "--reason", "done").status == 0
    shutil.rmtree(tmp_path / "away")
    assert scene.conduct().status == 6
    assert scene.effects == "a b a a"


@pytest.mark.parametrize(
    "argv",
    [
        ("procedure", "conduct", "demo", "--supersedes", "RUN"),
        ("run", "approve", "RUN"),
        ("run", "abort", "RUN", "--reason", "x"),
    ],
    ids=lambda argv: argv[1],
)
def test_from_a_copy_that_is_behind_its_run_nothing_is_answered_or_taken_over(
    scene: Scene, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    ask = scene.step("gate", "go", prompt="Go on?")
    scene.procedure("demo", scene.command("a"), ask, scene.command("b"), scene.command("c", run="false"))
    assert scene.conduct().status == 6
    run, folder, copy = scene.run, scene.folder, tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert scene.ctl("approve").status == 0
    assert scene.resume().status == 1
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    journal = (copy / "events.jsonl").read_bytes()
    refused = scene.run_ctl(*(word.replace("RUN", run) for word in argv), "--json")
    assert (refused.status, refused.document["error"]["code"]) == (5, "run_journal_behind"), refused.stdout
    assert (scene.effects, (folder / "events.jsonl").read_bytes()) == ("a b", journal)
    assert f"run resume {run} --take-over --reason TEXT" in refused.document["error"]["hint"]


def test_a_run_of_elsewhere_is_superseded_by_an_operator_only(scene: Scene, tmp_path: Path) -> None:
    suspended(scene)
    supersede = ("procedure", "conduct", "demo", "--supersedes", scene.run, "--json")
    codex = in_clone(scene, tmp_path, "--actor", "codex", *supersede)
    assert (codex.status, codex.document["error"]["code"]) == (4, "operator_required"), codex.stdout
    assert in_clone(scene, tmp_path, "--actor", "operator", *supersede).status == 6
    assert scene.effects == "a"
