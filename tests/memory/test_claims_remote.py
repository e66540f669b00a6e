"""Claims between clones: a remote's ref is moved by compare-and-swap, and nothing else is pushed."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.claim import claim_task
from platformstate.actions.release import release_task
from platformstate.actions.rescue import rescue_task
from platformstate.actions.run_step import begin_step, end_step
from platformstate.actions.task_close import close_task
from platformstate.actions.task_update import update_task
from platformstate.store import open_store
from tests.conftest import Repo

from .conftest import Memory
from .test_claims import race, refused

REF = "refs/platformstate/claims/gh-460"


@pytest.fixture
def clones(memory: Memory, tmp_path: Path) -> list[Path]:
    """Two clones of one bare repository, each with the task."""
    memory.create()
    memory.repo.git("clone", "-q", "--bare", str(memory.repo.root), str(tmp_path / "hub.git"))
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        memory.repo.git("clone", "-q", str(tmp_path / "hub.git"), str(place))
    return places


def claim(place: Path, actor: str = "codex", remote: str | None = "", **wanted: Any) -> Answer:
    return claim_task(open_store(place, actor=actor, durability="fast"), "gh-460", remote=remote, **wanted)


def release(place: Path, actor: str = "codex") -> Answer:
    return release_task(open_store(place, actor=actor, durability="fast"), "gh-460")


def at_hub(place: Path) -> dict[str, Any] | None:
    """Return the lease that stands at the remote."""
    hub = Repo(place.parent / "hub.git")
    message = hub.git("log", "-1", "--format=%B", REF, check=False)
    loaded: dict[str, Any] | None = json.loads(message) if message.strip() else None
    return loaded


def test_a_claim_stands_at_the_remote_and_holds_in_every_clone(clones: list[Path]) -> None:
    one, two = clones
    made = claim(one).data
    stood = at_hub(one)
    assert stood is not None
    assert (stood["run"], stood["fence"], stood["actor"]) == (made["run"], 1, "codex")
    remote = made["claim"]["remote"]
    assert (remote["name"], remote["ref"]) == ("origin", REF)
    head = Repo(two).git("rev-parse", "HEAD")
    error = refused(lambda: claim(two, "claude"))
    assert (error.code, error.exit_status) == ("claim_held", 5)
    assert (error.data or {})["claim"]["run"] == made["run"]
    assert Repo(two).git("rev-parse", "HEAD") == head
    assert Repo(two).git("status", "--porcelain") == ""
    assert Repo(one.parent / "hub.git").git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        REF,
    ]
    tree = Repo(one.parent / "hub.git").git("ls-tree", REF)
    assert tree == ""


def test_without_being_asked_nothing_is_pushed(clones: list[Path]) -> None:
    claim(clones[0], remote=None)
    assert at_hub(clones[0]) is None
    assert claim(clones[1], remote=None).data["claim"]["fence"] == 1


def test_the_setting_asks_for_every_claim(clones: list[Path]) -> None:
    for place in clones:
        Repo(place).git("config", "platformstate.claimRemote", "origin")
    claim(clones[0], remote=None)
    assert refused(lambda: claim(clones[1], remote=None)).code == "claim_held"


def test_a_release_is_pushed_and_the_next_claim_has_a_higher_fence(clones: list[Path]) -> None:
    one, two = clones
    claim(one)
    assert release(one).warnings == ()
    stood = at_hub(one)
    assert stood is not None
    assert stood["released_at"] is not None
    made = claim(two, "claude").data
    assert made["claim"]["fence"] == 2
    assert (at_hub(one) or {})["run"] == made["run"]


def test_an_expired_claim_at_the_remote_is_replaced(
    clones: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(clones[0], ttl="5m")
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2036-11-20T10:11:30Z")
    assert claim(clones[1], "claude").data["claim"]["fence"] == 2


def test_10_03_two_clones_claim_at_once(clones: list[Path]) -> None:
    for fence in range(1, 4):
        outcomes = race([partial(claim, place, "operator") for place in clones])
        assert sorted(map(str, outcomes)) == ["None", "claim_held"]
        winner = clones[outcomes.index(None)]
        assert (at_hub(winner) or {})["fence"] == fence
        release(winner, "operator")
        loser = Repo(clones[1 - outcomes.index(None)])
        assert loser.git("log", "-1", "--format=%s").strip() != f"task: claim {fence}"
        assert loser.git("status", "--porcelain") == ""


def test_a_rescue_takes_the_claim_over_at_the_remote_too(clones: list[Path]) -> None:
    one = clones[0]
    dead = claim(one).data["run"]
    store = open_store(one, actor="operator", durability="fast")
    made = rescue_task(store, "gh-460", force=True, reason="gone", remote="").answer.data
    stood = at_hub(one) or {}
    assert (stood["run"], stood["fence"]) == (made["run"], 2)
    assert made["dead_run"] == dead


def test_a_remote_that_is_not_there_leaves_no_trace(clones: list[Path]) -> None:
    one = clones[0]
    head = Repo(one).git("rev-parse", "HEAD")
    error = refused(lambda: claim(one, remote="nowhere"))
    assert (error.code, error.exit_status) == ("remote_missing", 7)
    Repo(one).git("config", "--add", "remote.gone.url", str(one.parent / "gone.git"))
    error = refused(lambda: claim(one, remote="gone"))
    assert (error.code, error.exit_status) == ("remote_unreachable", 7)
    assert Repo(one).git("rev-parse", "HEAD") == head
    assert not (one / ".git/platformstate/claims").exists()


def test_a_renewal_is_pushed_once_a_quarter_of_its_time(
    clones: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = clones[0]
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:00:00Z")
    run = claim(one, ttl="60m").data["run"]
    first = at_hub(one) or {}
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:10:00Z")
    claim(one, run=run)
    assert at_hub(one) == first
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:20:00Z")
    made = claim(one, run=run)
    assert made.warnings == ()
    assert (at_hub(one) or {})["expires_at"] == made.data["claim"]["expires_at"]
    shutil.rmtree(one.parent / "hub.git")
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:40:00Z")
    [warning] = claim(one, run=run).warnings
    assert warning.code == "remote_unreachable"
    [lost] = release(one).warnings
    assert lost.code == "remote_unreachable"


def test_a_step_that_the_run_tells_renews_the_claim_at_the_remote(
    clones: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = clones[0]
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:00:00Z")
    update_task(open_store(one, actor="codex"), "gh-460", {"plan": ["a=first"]})
    run = claim(one, ttl="60m").data["run"]
    first = at_hub(one) or {}
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:20:00Z")
    begin_step(open_store(one, actor="codex"), run)
    assert (at_hub(one) or {})["expires_at"] > first["expires_at"]
    shutil.rmtree(one.parent / "hub.git")
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:40:00Z")
    [warning] = end_step(open_store(one, actor="codex"), run, "succeeded").warnings
    assert warning.code == "remote_unreachable"


def test_the_repositorys_own_settings_make_a_claim_execute_nothing(
    clones: list[Path], tmp_path: Path
) -> None:
    one = clones[0]
    canary = tmp_path / "canary"
    program = f"sh -c 'touch {canary}' --"
    for key in (
        "core.sshCommand",
        "credential.helper",
        "core.askPass",
        "core.gitProxy",
        "remote.origin.receivepack",
        "remote.origin.uploadpack",
    ):
        Repo(one).git("config", key, f"!{program}" if key == "credential.helper" else program)
    hook = one / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(0o755)
    claim(one)
    Repo(one).git("config", "remote.ext.url", f"ext::sh -c 'touch {canary}'")
    assert refused(lambda: claim(clones[1], remote="ext")).code == "remote_missing"
    release(one)
    assert refused(lambda: claim(one, remote="ext")).code == "remote_unreachable"
    assert not canary.exists()


def test_a_closed_task_is_given_back_at_the_remote(clones: list[Path]) -> None:
    one = clones[0]
    claim(one)
    store = open_store(one, actor="codex", durability="fast")
    closed = close_task(store, "gh-460", evidence=["ac1=file:docs/spec.md"])
    assert (closed.error, closed.warnings) == (None, ())
    assert (at_hub(one) or {})["released_at"] is not None
