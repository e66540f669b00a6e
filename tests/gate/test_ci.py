"""The workflows that `init --ci` writes: well-formed, without a secret, and their commands work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from platformstate import __version__
from platformstate.actions.init import CI_FILES, init_store
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo
from tests.forking import Ran
from tests.gate.conftest import CHECKPOINT, TASK, State

FORGES = sorted(CI_FILES)


def workflow(repo: Repo, forge: str) -> tuple[str, dict[str, Any]]:
    """Write a forge's workflow and return its text and what a YAML reader makes of it."""
    init_store(open_repository(repo.root), ci=forge)
    text = (repo.root / CI_FILES[forge]).read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return text, loaded


def lines_of(forge: str, loaded: dict[str, Any]) -> list[str]:
    """Return the shell lines of a workflow, without the one that installs."""
    if forge == "gitlab":
        return list(loaded["platformstate"]["script"])
    return [
        step["run"] for step in loaded["jobs"]["state"]["steps"] if "run" in step and "pip" not in step["run"]
    ]


def in_shell(state: State, line: str, base: str) -> Ran:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", line],
        cwd=state.root,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "BASE": base, "HEAD": "HEAD", "GITHUB_STEP_SUMMARY": "summary.md"},
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("forge", FORGES)
def test_a_workflow_is_well_formed_and_may_do_nothing_but_read(repo: Repo, forge: str) -> None:
    text, loaded = workflow(repo, forge)
    assert "pull_request_target" not in text
    assert "secrets." not in text
    assert not re.search(r"\bwrite\b|\btoken\b", text, re.IGNORECASE)
    assert f'"platformstate=={__version__}"' in text
    for line in lines_of(forge, loaded):
        assert "${{" not in line, "text of a pull request must not reach the shell"
    if forge != "gitlab":
        assert loaded["on"] == {"pull_request": ""}
        checkout = next(
            step for step in loaded["jobs"]["state"]["steps"] if "checkout" in step.get("uses", "")
        )
        assert (checkout["with"]["fetch-depth"], checkout["with"]["persist-credentials"]) == ("0", "false")
    else:
        assert loaded["platformstate"]["variables"]["GIT_DEPTH"] == "0"
    assert loaded.get("permissions", {"contents": "read"}) == {"contents": "read"}


@pytest.mark.parametrize("forge", FORGES)
def test_the_lines_of_a_workflow_pass_good_state_and_stop_bad_state(state: State, forge: str) -> None:
    _, loaded = workflow(state, forge)
    base = state.git("rev-parse", "HEAD").strip()
    state.replace(TASK, "priority: p1", "priority: p0")
    state.commit("good")
    lines = lines_of(forge, loaded)
    assert [in_shell(state, line, base).status for line in lines] == [0] * len(lines)
    assert (state.root / "state-diff.md").read_text().startswith("<!-- platformstate-diff -->\n")
    state.replace(CHECKPOINT, "kind:", "kind: ")
    state.git("commit", "-qam", "bad")
    ran = [in_shell(state, line, base) for line in lines]
    assert any(each.status for each in ran)
    assert "record_immutable_changed" in (state.root / "state-diff.md").read_text()


def test_a_workflow_that_is_there_is_left_as_it_is(repo: Repo, platformctl: Platformctl) -> None:
    repo.write(CI_FILES["github"], "on: push\n")
    repo.commit("own workflow")
    ran = platformctl("init", "--ci", "github", "--json")
    assert CI_FILES["github"] in ran.document["data"]["unchanged"]
    assert (repo.root / CI_FILES["github"]).read_text() == "on: push\n"
    again = platformctl("init", "--ci", "github", "--json").document["data"]
    assert (again["created"], again["changed"]) == ([], [])


def test_an_unknown_forge_is_refused(platformctl: Platformctl) -> None:
    assert platformctl("init", "--ci", "gitea").status == 2
