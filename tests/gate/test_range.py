"""`validate --range`: each commit against its parents, and the tree at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.conftest import Platformctl, Repo
from tests.gate.conftest import CHECKPOINT, EVIDENCE, HEADER, JOURNAL, OTHER_TASK, RUN, TASK, State

RETIRED = "status: retired\nstatus_reason: not wanted"


def findings(state: State, text: str = "main..HEAD", **wish: object) -> list[tuple[str, str | None]]:
    """Return code and commit of each finding of a range, in the order of `data`."""
    problems = state.data(range=text, **wish)["problems"]
    return [(each["code"], each.get("commit")) for each in problems]


def refused(directory: Path, **wish: object) -> str:
    with pytest.raises(StateError) as error:
        validate_state(str(directory), Wish(**wish))  # type: ignore[arg-type]  # a test's shorthand
    return error.value.code


@pytest.fixture
def work(state: State) -> State:
    """The example store, on a branch `work` that begins at `main`."""
    state.git("checkout", "-q", "-b", "work")
    return state


def test_50_06_an_edited_checkpoint_is_told_with_its_commit(work: State, platformctl: Platformctl) -> None:
    work.replace(CHECKPOINT, "pin the", "unpin the")
    bad = work.commit("forced")
    work.write("src/x.py", "x = 1\n")
    work.commit("innocent")
    ran = platformctl("validate", "--range", "main..work", "--json")
    (problem,) = ran.document["error"]["problems"]
    assert (ran.status, problem["code"], problem["commit"]) == (1, "record_immutable_changed", bad)
    assert (problem["path"], problem["line"]) == (CHECKPOINT, 26)
    assert platformctl("validate", "--range", "main..work").stdout.startswith(
        f"{CHECKPOINT}:26:1: record_immutable_changed "
    )


def test_50_06_a_removed_first_line_of_a_journal_is_told(work: State) -> None:
    lines = work.text(JOURNAL).splitlines(keepends=True)
    work.write(JOURNAL, "".join(lines[1:]))
    bad = work.commit("forced")
    assert ("run_journal_rewritten", bad) in findings(work)


def test_50_06_a_squashed_legal_life_passes(work: State) -> None:
    life = ("refining", "ready", "implementation", "review", "implementation", "blocked", "ready", "refining")
    before = "ready"
    for status in life:
        work.replace(TASK, f"status: {before}", f"status: {status}")
        work.commit(f"now {status}")
        before = status
    assert findings(work) == []
    assert work.data(range="main..work")["commits"] == len(life)
    work.git("checkout", "-q", "main")
    work.git("merge", "-q", "--squash", "work")
    work.git("commit", "-q", "-m", "squashed")
    assert findings(work, "HEAD~1..HEAD") == []


WAYS: dict[str, Callable[[State], object]] = {
    "commit --no-verify": lambda s: s.git("commit", "-q", "--no-verify", "-m", "bad"),
    "commit-tree": lambda s: s.git(
        "reset",
        "-q",
        "--hard",
        s.git("commit-tree", s.git("write-tree").strip(), "-p", "HEAD", "-m", "bad").strip(),
    ),
    "cherry-pick": lambda s: (
        s.git("checkout", "-q", "-b", "side"),
        s.git("commit", "-q", "--no-verify", "-m", "bad"),
        s.git("checkout", "-q", "work"),
        s.git("cherry-pick", "side"),
    ),
    "amend": lambda s: (
        s.git("stash", "-q"),
        s.git("commit", "-q", "--allow-empty", "-m", "good"),
        s.git("stash", "pop", "-q", "--index"),
        s.git("commit", "-q", "--amend", "--no-verify", "--no-edit"),
    ),
    "fast-forward": lambda s: (
        s.git("checkout", "-q", "-b", "side"),
        s.git("commit", "-q", "--no-verify", "-m", "bad"),
        s.git("checkout", "-q", "work"),
        s.git("merge", "-q", "--ff-only", "side"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_round_a_local_hook_is_caught(work: State, way: str) -> None:
    work.replace(CHECKPOINT, "pin the", "unpin the")
    work.git("add", "-A")
    WAYS[way](work)
    bad = work.git("rev-parse", "work").strip()
    assert findings(work, "main..work") == [("record_immutable_changed", bad)]


def test_what_a_later_commit_undoes_is_told_all_the_same(work: State) -> None:
    work.replace(TASK, "status: ready", RETIRED)
    work.commit("retired")
    work.replace(TASK, RETIRED, "status: ready")
    back = work.commit("back from the dead")
    assert findings(work) == [("task_transition_refused", back)]
    assert findings(work, endpoints=True) == []
    assert work.found(rev="HEAD") == [f"{TASK}:7:9: task_transition_refused"]


def test_a_version_that_cannot_be_read_hides_nothing(work: State) -> None:
    work.replace(TASK, "status: ready", RETIRED)
    work.commit("retired")
    good = work.text(TASK)
    work.write(TASK, good.replace("title:", "titel:"))
    broken = work.commit("broken")
    work.write(TASK, good.replace("titel:", "title:").replace(RETIRED, "status: ready"))
    back = work.commit("repaired, and revived")
    assert findings(work) == [("history_unreadable", broken), ("task_transition_refused", back)]
    assert work.data(range="main..work")["counts"] == {"error": 1, "warning": 1}


def test_a_tip_that_cannot_be_read_is_an_error_once(work: State) -> None:
    work.replace(TASK, "title:", "titel:")
    work.commit("broken")
    assert {commit for _, commit in findings(work)} == {None}
    assert "history_unreadable" not in dict(findings(work))


def test_50_06_done_by_hand_with_an_open_criterion_is_told(work: State) -> None:
    done = 'status: done\n\nclosed_at: "2026-11-20T12:00:00Z"'
    work.replace(TASK, "status: ready", done)
    bad = work.commit("done, says the file")
    assert findings(work) == [("task_close_unproven", None)]
    work.replace(TASK, done, "status: ready\nstatus_reason: it was not")
    work.commit("reopened")
    assert findings(work) == [("task_close_unproven", bad)]


def test_50_06_a_criterion_is_never_dropped_nor_reworded_after_work_began(work: State) -> None:
    work.replace(TASK, "the retry tests pass", "some tests pass")
    reworded = work.commit("reworded")
    work.replace(TASK, "id: ac1", "id: ac2")
    removed = work.commit("renumbered")
    assert sorted(findings(work)) == sorted([("criterion_changed", reworded), ("criterion_removed", removed)])


def test_a_criterion_may_be_reworded_while_it_is_refined(work: State) -> None:
    work.replace(TASK, "status: ready", "status: refining")
    work.commit("back to the table")
    work.replace(TASK, "the retry tests pass", "some tests pass")
    work.commit("reworded")
    assert findings(work) == []


def test_a_squash_that_hides_the_rewording_is_refused_and_says_the_way_out(work: State) -> None:
    for old, new in (("status: ready", "status: refining"), ("the retry tests pass", "some tests pass")):
        work.replace(TASK, old, new)
        work.commit(new)
    work.git("checkout", "-q", "-b", "ends-in-refining", "main")
    work.git("merge", "-q", "--squash", "work")
    work.git("commit", "-q", "-m", "squashed")
    assert findings(work) == []
    work.git("checkout", "-q", "work")
    work.replace(TASK, "status: refining", "status: ready")
    work.commit("ready again")
    assert findings(work) == []
    work.git("checkout", "-q", "-b", "ends-in-ready", "main")
    work.git("merge", "-q", "--squash", "work")
    work.git("commit", "-q", "-m", "squashed")
    (told,) = work.data(range="main..HEAD")["problems"]
    assert told["code"] == "criterion_changed"
    assert "no squash" in told["fix"]


def test_a_reason_is_asked_of_a_hand_made_change(work: State) -> None:
    work.replace(TASK, "status: ready", "status: parked")
    assert work.found() == [f"{TASK}:7:9: transition_reason_missing"]
    bad = work.commit("parked")
    assert findings(work) == [("transition_reason_missing", bad)]


def test_50_06_a_squash_that_reopened_worked_and_gave_back_passes(work: State) -> None:
    text = work.text(OTHER_TASK)
    closed = text[text.index("closed_at:") :].partition("\n")[0]
    bare = text.replace("status: done", "status: ready").replace(f"\n{closed}\n", "")
    work.write(OTHER_TASK, bare)
    work.commit("reopened, and nobody says why")
    assert [code for code, _ in findings(work)] == ["transition_reason_missing"]
    for old in sorted((work.root / RUN).rglob("*.*")):
        if old.name in ("run.md", "events.jsonl"):
            new = f"state/tasks/gh-461/runs/20261120t101130z-3k9xmb/{old.name}"
            work.write(new, old.read_text().replace("gh-460", "gh-461").replace("3k9xma", "3k9xmb"))
    work.commit("worked on")
    work.git("reset", "-q", "--soft", "main")
    work.git("commit", "-q", "--no-verify", "-m", "squashed")
    assert not [code for code, commit in findings(work) if commit]


def test_a_ledger_may_only_grow(work: State) -> None:
    ledger = "state/jobs/nightly/ledger/2026-11.k3q7x2ab.jsonl"
    work.write(ledger, '{"run":"one"}\n')
    work.commit("first line")
    work.write(ledger, '{"run":"one"}\n{"run":"two"}\n')
    work.commit("second line")
    assert not [code for code, commit in findings(work) if commit]
    work.write(ledger, '{"run":"six"}\n{"run":"two"}\n')
    bad = work.commit("rewritten")
    assert ("ledger_rewritten", bad) in findings(work)


def test_a_jobs_run_may_go_when_its_ledger_names_it(work: State) -> None:
    run, other = (f"state/jobs/nightly/runs/20261120t10113{n}z" for n in (0, 1))
    for folder in (run, other):
        work.write(f"{folder}/run.md", "a run\n")
        work.write(f"{folder}/run_receipt.json", "{}\n")
    work.write("state/jobs/nightly/ledger/2026-11.k3q7x2ab.jsonl", '{"run":"20261120t101130z"}\n')
    kept = work.commit("two runs are kept")
    work.remove(run, other)
    gone = [f"{other}/run.md:1:1: record_deleted"]
    assert [each for each in work.found() if "_deleted" in each] == gone
    work.git("add", "-A")
    assert [each for each in work.found(staged=True) if "_deleted" in each] == gone
    work.commit("pruned")
    assert [each for each in work.found(range=f"{kept}..HEAD") if "_deleted" in each] == gone


@pytest.mark.parametrize("name", ["resolved_steps.json", "events.jsonl", "run_receipt.json", "run.md"])
def test_of_a_jobs_run_that_its_ledger_names_no_part_may_go_alone(work: State, name: str) -> None:
    work.remove(f"state/jobs/nightly-export/runs/20261120t013000z/{name}")
    work.git("add", "-A")
    assert work.data(staged=True)["counts"]["error"]
    bad = work.commit("in part")
    assert bad in {commit for _, commit in findings(work)}


def test_a_deleted_record_is_told_once_in_its_commit(work: State) -> None:
    work.remove(RUN)
    bad = work.commit("gone")
    assert findings(work) == [("record_deleted", bad)]


def test_a_record_that_names_a_vanished_one_is_judged_too(work: State) -> None:
    path = work.add_task("gh-462", depends_on="  - gh-461")
    work.commit("one that depends")
    first = work.git("rev-parse", "HEAD").strip()
    work.remove("state/tasks/gh-461", EVIDENCE)
    work.commit("its ground is gone")
    found = work.found(range=f"{first}..work")
    assert f"{path}:16:5: reference_dangling" in found
    assert f"{OTHER_TASK}:1:1: record_deleted" in found


def test_at_a_merge_only_what_no_parent_has_is_its_own(work: State) -> None:
    work.replace(TASK, "priority: p1", "priority: p0")
    work.commit("on the branch")
    work.git("checkout", "-q", "main")
    work.replace(OTHER_TASK, "priority: p2", "priority: p3")
    work.commit("on main")
    work.git("checkout", "-q", "work")
    work.git("merge", "-q", "--no-ff", "-m", "merge", "main")
    data = work.data(range="main..work")
    assert (data["commits"], data["files"], data["problems"]) == (2, 1, [])
    work.replace(CHECKPOINT, "pin the", "unpin the")
    work.git("commit", "-q", "-a", "--amend", "--no-verify", "-m", "evil merge")
    tip = work.git("rev-parse", "HEAD").strip()
    assert findings(work) == [("record_immutable_changed", tip)]


def test_three_dots_begin_where_the_two_parted(work: State) -> None:
    work.replace(TASK, "priority: p1", "priority: p0")
    work.commit("on the branch")
    base = work.git("rev-parse", "main").strip()
    work.git("checkout", "-q", "main")
    work.replace(CHECKPOINT, "pin the", "unpin the")
    work.commit("bad, on main")
    data = work.data(range="main...work")
    assert (data["from"], data["base"], data["problems"]) == (base, [base], [])
    assert work.data(range="main...work", endpoints=True)["problems"] == []
    assert work.data(range="work..main")["counts"]["error"] == 1


def test_the_data_of_a_range_say_what_was_judged(work: State) -> None:
    work.replace(TASK, "priority: p1", "priority: p0")
    tip = work.commit("work")
    base = work.git("rev-parse", "main").strip()
    data = work.data(range="main..")
    assert (data["mode"], data["from"], data["to"], data["base"]) == ("range", base, tip, [base])
    assert (data["files"], data["commits"]) == (1, 1)
    assert data["rules"] == {"content": True, "cross_file": True, "transition": True, "history": "commits"}
    ends = work.data(range="main..work", endpoints=True)
    assert (ends["rules"]["history"], ends["commits"]) == ("endpoints", 0)
    assert work.data(range="work..work")["files"] == 0


@pytest.mark.parametrize("text", ["main", "", "HEAD~1"])
def test_what_is_no_range_is_refused(work: State, text: str) -> None:
    assert refused(work.root, range=text) == "usage_invalid"


def test_a_range_that_names_nothing_is_refused(work: State) -> None:
    assert refused(work.root, range="main..nope") == "ref_not_found"
    assert refused(work.root, range=f"{'a' * 40}..work") == "ref_not_found"
    for text in ("--output=x..work", "^main..work", "main..work\n", "a\0b..work"):
        assert refused(work.root, range=text) == "ref_not_found"


def test_a_range_mixes_with_no_other_mode(work: State) -> None:
    assert refused(work.root, range="main..", staged=True) == "usage_invalid"
    assert refused(work.root, range="main..", base="main") == "usage_invalid"
    assert refused(work.root, endpoints=True) == "usage_invalid"


def test_50_08_a_shallow_clone_is_told_and_not_judged_in_part(
    work: State, tmp_path: Path, platformctl: Platformctl
) -> None:
    work.replace(TASK, "priority: p1", "priority: p0")
    work.commit("work")
    clone = Repo(tmp_path / "clone")
    work.git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{work.root}", str(clone.root))
    ran = platformctl("validate", "--range", "origin/main..origin/work", "--json", cwd=clone.root)
    assert (ran.status, ran.document["error"]["code"]) == (7, "history_missing")
    assert "fetch-depth: 0" in ran.document["error"]["hint"]
    main = work.git("rev-parse", "main").strip()
    ends = validate_state(str(clone.root), Wish(range="origin/main..origin/work", endpoints=True))
    assert ends.data["rules"]["history"] == "endpoints"
    assert refused(clone.root, range="origin/main...origin/work") == "history_missing"
    clone.git("fetch", "-q", "--unshallow")
    ran = platformctl("validate", "--range", f"{main}..origin/work", "--json", cwd=clone.root)
    assert (ran.status, ran.document["data"]["commits"]) == (0, 1)


def test_50_08_an_id_that_a_shallow_clone_lacks_is_missing_history(work: State, tmp_path: Path) -> None:
    first = work.git("rev-parse", "HEAD").strip()
    work.replace(TASK, "priority: p1", "priority: p0")
    work.commit("work")
    work.git("clone", "-q", "--depth", "1", f"file://{work.root}", str(tmp_path / "clone"))
    assert refused(tmp_path / "clone", range=f"{first}..HEAD") == "history_missing"


def test_a_clone_without_blobs_is_told(work: State, tmp_path: Path) -> None:
    for priority in ("p0", "p1"):
        work.write(
            TASK,
            work.text(TASK).replace(
                "priority: p1" if priority == "p0" else "priority: p0", f"priority: {priority}"
            ),
        )
        work.commit(priority)
    work.git("config", "uploadpack.allowFilter", "true")
    work.git("clone", "-q", "--filter=blob:none", f"file://{work.root}", str(tmp_path / "clone"))
    assert refused(tmp_path / "clone", range="HEAD~2..HEAD") == "history_missing"


def test_a_bare_repository_is_judged(work: State, tmp_path: Path) -> None:
    work.replace(CHECKPOINT, "pin the", "unpin the")
    work.commit("bad")
    bare = tmp_path / "bare.git"
    work.git("clone", "-q", "--bare", ".", str(bare))
    answer = validate_state(str(bare), Wish(range="main..work"))
    assert [each["code"] for each in answer.data["problems"]] == ["record_immutable_changed"]
    assert validate_state(str(bare), Wish(rev="main")).error is None


def test_a_root_commit_is_judged_as_all_new(state: State) -> None:
    state.git("checkout", "-q", "--orphan", "fresh")
    state.replace(TASK, "status: ready", "status: parked")
    tip = state.commit("another beginning")
    assert findings(state, "main..fresh") == [("operator_act", tip), ("transition_reason_missing", tip)]


def test_a_range_without_state_passes_where_there_is_no_store(repo: Repo) -> None:
    for name in ("a.txt", "b.txt"):
        repo.write(name, "x\n")
        repo.commit(name)
    answer = validate_state(str(repo.root), Wish(range="HEAD~1..HEAD"))
    assert (answer.error, answer.data["files"]) == (None, 0)
    repo.write("state/notes/x.md", "x\n")
    repo.commit("state, but no store")
    assert refused(repo.root, range="HEAD~1..HEAD") == "store_not_found"


def test_a_changed_file_of_attributes_is_judged(work: State) -> None:
    work.write(".gitattributes", "state/** merge=union\n")
    work.commit("a trap")
    assert findings(work) == [("path_attributes_unsafe", None)]


def test_an_exception_of_an_operator_holds_for_a_range(work: State) -> None:
    work.replace(CHECKPOINT, "pin the", "unpin the")
    work.commit("known")
    assert work.data(range="main..", allow=["record_immutable_changed"])["counts"] == {
        "error": 0,
        "warning": 1,
    }


def test_the_reference_engine_agrees_on_every_version(work: State) -> None:
    for status in ("refining", "ready", "opne"):
        work.write(
            TASK,
            work.text(TASK)
            .replace("status: ready", "status: refining")
            .replace("status: refining", f"status: {status}"),
        )
        work.commit(status)
    assert work.data(range="main..", reference=True)["counts"]["error"] == 1


def test_a_path_with_a_line_break_confuses_nothing(work: State) -> None:
    work.write("state/tasks/gh-460/a\nb c.md", "x\n")
    work.replace(CHECKPOINT, "pin the", "unpin the")
    tip = work.commit("hostile")
    found = findings(work)
    assert ("record_immutable_changed", tip) in found
    assert ("path_name_invalid", None) in found


def test_a_gitlink_in_place_of_a_record_is_told(work: State) -> None:
    head = work.git("rev-parse", "HEAD").strip()
    work.git("rm", "-q", "--cached", CHECKPOINT)
    work.git("update-index", "--add", "--cacheinfo", f"160000,{head},{CHECKPOINT}")
    work.git("commit", "-q", "--no-verify", "-m", "swapped")
    tip = work.git("rev-parse", "HEAD").strip()
    assert set(findings(work)) == {("record_immutable_deleted", tip), ("path_mode_invalid", None)}


def test_many_commits_cost_no_child_each(work: State, platformctl: Platformctl) -> None:
    for number in range(8):
        work.replace(TASK, f"priority: p{(number + 1) % 2}", f"priority: p{number % 2}")
        work.commit(str(number))
    ran = platformctl("validate", "--range", "main..work", "-v")
    cost = json.loads(ran.stderr.partition("cost: ")[2])
    assert (ran.status, cost["parsed"]) == (0, 2)
    assert cost["git"] <= 11


def test_acts_of_an_operator_are_named(work: State) -> None:
    work.replace(TASK, "state: open", "state: waived\n    reason: not needed")
    work.replace(
        "state/store.yaml",
        "created_at",
        'live_database:\n  system_id: "77"\n  database: d\n  schema: s\ncreated_at',
    )
    waived = work.commit("acts")
    proof = EVIDENCE.replace("7fq2ka", "zzzzzz")
    work.write(proof, work.text(EVIDENCE).replace("7fq2ka", "zzzzzz"))
    proved = work.commit("a proof")
    acts = [
        (each["path"], each["commit"])
        for each in work.data(range="main..")["problems"]
        if each["code"] == "operator_act"
    ]
    assert acts == [(proof, proved), ("state/store.yaml", waived), (TASK, waived)]
    assert "operator_act" not in str(work.found(rev="HEAD"))


def test_an_act_that_a_merge_brings_along_is_named_once(work: State) -> None:
    proof = EVIDENCE.replace("7fq2ka", "zzzzzz")
    work.write(proof, work.text(EVIDENCE).replace("7fq2ka", "zzzzzz"))
    proved = work.commit("a proof")
    work.git("checkout", "-q", "-b", "other", "main")
    work.git("merge", "-q", "--no-ff", "-m", "merge", "work")
    assert findings(work, "main..other") == [("operator_act", proved)]


def sign_with(work: State, folder: Path, name: str) -> Path:
    """Make an ssh key, let git sign with it, and return the file that allows it."""
    import subprocess

    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for setting, value in (("gpg.format", "ssh"), ("user.signingKey", str(key))):
        work.git("config", setting, value)
    allowed = folder / f"{name}.allowed"
    allowed.write_text(f"ann@example.org {key.with_suffix('.pub').read_text()}")
    return allowed


def test_an_act_must_be_signed_where_signers_are_set(work: State, tmp_path: Path) -> None:
    allowed = sign_with(work, tmp_path, "ann")
    work.git("config", "platformstate.allowedSigners", str(allowed))
    proof = EVIDENCE.replace("7fq2ka", "zzzzzz")
    work.write(proof, work.text(EVIDENCE).replace("7fq2ka", "zzzzzz"))
    unsigned = work.commit("a proof")
    assert findings(work) == [("operator_act_unsigned", unsigned)]
    work.git("commit", "-q", "--amend", "--no-edit", "-S")
    signed = work.git("rev-parse", "HEAD").strip()
    assert findings(work) == [("operator_act", signed)]
    sign_with(work, tmp_path, "eve")
    work.git("commit", "-q", "--amend", "--no-edit", "-S")
    assert [code for code, _ in findings(work)] == ["operator_act_unsigned"]


def test_no_setting_of_the_repository_makes_a_signature_good(work: State, tmp_path: Path) -> None:
    allowed = sign_with(work, tmp_path, "ann")
    other = sign_with(work, tmp_path, "eve")
    work.git("config", "platformstate.allowedSigners", str(allowed))
    liar = tmp_path / "liar"
    liar.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 0\n")
    liar.chmod(0o755)
    proof = EVIDENCE.replace("7fq2ka", "zzzzzz")
    work.write(proof, work.text(EVIDENCE).replace("7fq2ka", "zzzzzz"))
    work.git("add", "-A")
    work.git("commit", "-q", "--no-verify", "-S", "-m", "a proof")
    for setting in ("gpg.ssh.program", "gpg.program", "gpg.x509.program"):
        work.git("config", setting, str(liar))
    work.git("config", "gpg.ssh.allowedSignersFile", str(other))
    assert [code for code, _ in findings(work)] == ["operator_act_unsigned"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["signers", "/nonexistent/signers", "IN_TREE"])
def test_signers_that_a_branch_could_change_are_refused(work: State, place: str) -> None:
    work.write("signers", "ann@example.org ssh-ed25519 AAAA\n")
    work.write("state/mine/x.txt", "x\n")
    named = str(work.root / "signers") if place == "IN_TREE" else place
    work.git("config", "platformstate.allowedSigners", named)
    proof = EVIDENCE.replace("7fq2ka", "zzzzzz")
    work.write(proof, work.text(EVIDENCE).replace("7fq2ka", "zzzzzz"))
    work.commit("a proof")
    assert refused(work.root, range="main..") == "config_invalid"


def test_a_header_is_judged_by_its_journal_in_the_final_tree(work: State) -> None:
    text = work.text(HEADER)
    ends = text[text.index("ended_at:") : text.index("---", 4)]
    work.replace(HEADER, ends, "")
    work.replace(HEADER, "status: succeeded", "status: running")
    forged = work.commit("forged")
    found = findings(work)
    assert ("run_transition_refused", forged) in found
    assert ("run_header_differs", None) in found
