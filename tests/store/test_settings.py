"""Who acts, when, and by which rules: flags, then environment, then git config (80, settings)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from platformstate.errors import StateError
from platformstate.store import open_repository
from tests.conftest import Repo
from tests.store.records import make_store, new_id, opened, write_checkpoint


def refused(repo: Repo, **settings: object) -> StateError:
    with pytest.raises(StateError) as error:
        open_repository(repo.root, **settings)  # type: ignore[arg-type]
    return error.value


def test_the_actor_is_the_flag_then_the_variable_then_config_then_gits_author(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_repository(repo.root).actor == "ann"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ána  B. Lópéz")
    assert open_repository(repo.root).actor == "ana-b-lopez"
    repo.git("config", "platformstate.actor", "codex")
    assert open_repository(repo.root).actor == "codex"
    monkeypatch.setenv("PLATFORMSTATE_ACTOR", "claude")
    assert open_repository(repo.root).actor == "claude"
    assert open_repository(repo.root, actor="ci/nightly").actor == "ci/nightly"


def test_another_actor_inside_a_wrapped_run_is_refused(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORMSTATE_ACTOR", "codex")
    assert open_repository(repo.root, actor="ann").actor == "ann"
    monkeypatch.setenv("PLATFORMSTATE_RUN", "20261120t101130z-3k9xma")
    assert refused(repo, actor="ann").code == "actor_mismatch"
    assert open_repository(repo.root, actor="codex").actor == "codex"


def test_operators_are_named_in_config_or_are_the_person(repo: Repo) -> None:
    assert open_repository(repo.root).operators == {"operator", "ann"}
    repo.git("config", "--add", "platformstate.operator", "bob")
    repo.git("config", "--add", "platformstate.operator", "eve")
    assert open_repository(repo.root).operators == {"bob", "eve"}
    assert open_repository(repo.root).setting("operator") == ["bob", "eve"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commit", "maybe"),
        ("durability", "medium"),
        ("lockTimeout", "soon"),
        ("lockTimeout", "-1"),
        ("signTimeout", "1h"),
        ("sign", "sometimes"),
        ("detached", "yes"),
        ("cache", "maybe"),
        ("workers", "0"),
        ("workers", "65"),
        ("claimTtl", "0m"),
        ("secretAllow", "xyz"),
        ("operator", "Not An Actor"),
        ("actor", "-"),
    ],
)
def test_a_setting_that_does_not_parse_names_its_key(name: str, value: str, repo: Repo) -> None:
    repo.git("config", f"platformstate.{name}", value)
    error = refused(repo)
    assert (error.code, error.exit_status) == ("config_invalid", 2)
    assert f"platformstate.{name}" in error.message


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PLATFORMSTATE_DURABILITY", "x", "config_invalid"),
        ("PLATFORMSTATE_CACHE", "x", "config_invalid"),
        ("PLATFORMSTATE_WORKERS", "0", "config_invalid"),
        ("PLATFORMSTATE_ACTOR", "Not An Actor", "config_invalid"),
        ("PLATFORMSTATE_NOW", "2026-11-20", "clock_override_invalid"),
        ("PLATFORMSTATE_NOW", "2026-13-20T10:11:30Z", "clock_override_invalid"),
        ("PLATFORMSTATE_NOW", "2026-11-20T10:11:30+00:00", "clock_override_invalid"),
        ("PLATFORMSTATE_FAILPOINT", "store.nowhere", "failpoint_unknown"),
    ],
)
def test_a_variable_that_does_not_parse_is_refused(
    name: str, value: str, code: str, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert refused(repo).code == code


def test_a_flag_that_does_not_parse_is_a_matter_of_usage(repo: Repo) -> None:
    assert refused(repo, durability="x").code == "usage_invalid"
    assert refused(repo, actor="Not An Actor").code == "usage_invalid"


def test_the_clock_can_be_set_and_goes_on(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:11:30Z")
    store = open_repository(repo.root)
    assert store.now() in ("2026-11-20T10:11:30Z", "2026-11-20T10:11:31Z")
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert repo.git("log", "-1", "--format=%aI").startswith("2026-11-20T10:11:3")
    fixed = opened(repo, clock=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    assert fixed.now() == "2027-01-01T00:00:00Z"


def test_durability_is_the_flags_then_the_variables_then_configs(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(repo, "gh-1")
    monkeypatch.delenv("PLATFORMSTATE_DURABILITY")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).durability == "full"
    repo.git("config", "platformstate.durability", "fast")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).durability == "fast"
    monkeypatch.setenv("PLATFORMSTATE_DURABILITY", "full")
    assert write_checkpoint(opened(repo), "gh-1", new_id(3)).durability == "full"
    assert write_checkpoint(opened(repo, durability="fast"), "gh-1", new_id(4)).durability == "fast"


def test_opening_a_store_never_changes_the_environment(repo: Repo) -> None:
    make_store(repo, "gh-1")
    before = dict(os.environ)
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert dict(os.environ) == before


def test_records_are_read_by_kind_and_prefix(repo: Repo) -> None:
    from platformstate.entities.kinds import TASK

    make_store(repo, "gh-1", "gh-12", "gh-13")
    store = opened(repo)
    assert store.ids(TASK) == ["gh-1", "gh-12", "gh-13"]
    assert store.resolve(TASK, "gh-1") == "gh-1"
    assert store.load(TASK, "gh-12").id == "gh-12"
    with pytest.raises(StateError) as ambiguous:
        store.resolve(TASK, "gh")
    assert (ambiguous.value.code, ambiguous.value.data) == (
        "id_ambiguous", {"candidates": ["gh-1", "gh-12", "gh-13"]},
    )  # fmt: skip
    for wrong in ("gh-2", ""):
        with pytest.raises(StateError) as missing:
            store.resolve(TASK, wrong)
        assert missing.value.code == "task_not_found"
    with pytest.raises(StateError) as missing:
        store.load(TASK, "gh-2")
    assert missing.value.code == "task_not_found"


def test_a_record_is_read_from_a_commit_too(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store = opened(repo)
    repo.write("state/tasks/gh-1/task.md", "broken\n")
    with pytest.raises(StateError) as broken:
        store.read("state/tasks/gh-1/task.md")
    assert (broken.value.code, broken.value.line) == ("state_invalid", 1)
    assert store.read("state/tasks/gh-1/task.md", store.tree("HEAD")).id == "gh-1"
    with pytest.raises(StateError) as unknown:
        store.tree("nothing")
    assert unknown.value.code == "ref_not_found"
    Path(repo.root / "state/tasks/gh-1/task.md").unlink()
    Path(repo.root / "state/tasks/gh-1/task.md").symlink_to("/etc/hostname")
    with pytest.raises(StateError) as linked:
        store.read("state/tasks/gh-1/task.md")
    assert linked.value.code == "state_invalid"
