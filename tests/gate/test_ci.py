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


def steps_of(loaded: dict[str, Any]) -> list[dict[str, Any]]:
    return list(loaded["jobs"]["state"]["steps"])


def scripts_of(forge: str, loaded: dict[str, Any]) -> list[str]:
    """Return what a runner gives to a shell at a time, without what installs."""
    if forge == "gitlab":
        return ["\n".join(loaded["platformstate"]["script"])]
    return [step["run"] for step in steps_of(loaded) if "run" in step and "pip" not in step["run"]]


def depth_of(forge: str, loaded: dict[str, Any]) -> int:
    """Return how many commits of each branch a runner fetches, 0 for all."""
    if forge == "gitlab":
        return int(loaded["platformstate"]["variables"]["GIT_DEPTH"])
    return next(
        int(step["with"]["fetch-depth"]) for step in steps_of(loaded) if "checkout" in step.get("uses", "")
    )


class Forge:
    """A bare repository with branches, and runners that clone it as a forge's do."""

    def __init__(self, state: State, place: Path) -> None:
        self.state, self.place = state, place
        state.git("clone", "-q", "--bare", ".", str(place / "forge.git"))
        state.git("remote", "add", "forge", str(place / "forge.git"))

    def push(self, branch: str) -> str:
        self.state.git("push", "-q", "forge", f"HEAD:refs/heads/{branch}")
        return self.state.git("rev-parse", "HEAD").strip()

    def runner(self, head: str, depth: int) -> Repo:
        """Clone as `actions/checkout` does: into an empty repository, with a detached HEAD."""
        made = Repo(self.place / f"runner-{head[:12]}-{depth}")
        made.root.mkdir()
        made.git("init", "-q")
        made.git("remote", "add", "origin", f"file://{self.place}/forge.git")
        cut = [f"--depth={depth}"] if depth else []
        made.git("fetch", "-q", "--no-tags", *cut, "origin", "+refs/heads/*:refs/remotes/origin/*")
        made.git("checkout", "-q", "--detach", head)
        return made


def run(place: Repo, scripts: list[str], base: str, head: str) -> list[Ran]:
    """Run each script literally, as a runner's shell does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "BASE": base, "HEAD": head, "GITHUB_STEP_SUMMARY": "summary.md"}
    ran = []
    for script in scripts:
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(argv, cwd=place.root, capture_output=True, text=True, env=env, check=False)
        ran.append(Ran(done.returncode, done.stdout, done.stderr))
    return ran


@pytest.mark.parametrize("forge", FORGES)
def test_a_workflow_is_well_formed_and_may_do_nothing_but_read(repo: Repo, forge: str) -> None:
    text, loaded = workflow(repo, forge)
    assert "pull_request_target" not in text
    assert "secrets." not in text
    assert not re.search(r"\bwrite\b|\btoken\b", text, re.IGNORECASE)
    assert f'"platformstate=={__version__}"' in text
    for script in scripts_of(forge, loaded):
        assert "${{" not in script, "text of a pull request must not reach the shell"
    if forge != "gitlab":
        # A branch that gets another base is judged against that one: edited.
        assert loaded["on"] == {"pull_request": {"types": ["opened", "synchronize", "reopened", "edited"]}}
        checkout = next(
            step for step in loaded["jobs"]["state"]["steps"] if "checkout" in step.get("uses", "")
        )
        assert (checkout["with"]["fetch-depth"], checkout["with"]["persist-credentials"]) == ("0", "false")
    else:
        assert loaded["platformstate"]["variables"]["GIT_DEPTH"] == "0"
    assert loaded.get("permissions", {"contents": "read"}) == {"contents": "read"}


@pytest.mark.parametrize("forge", FORGES)
def test_the_lines_of_a_workflow_judge_a_branch_in_a_runners_clone(
    state: State, tmp_path: Path, forge: str
) -> None:
    _, loaded = workflow(state, forge)
    scripts, depth = scripts_of(forge, loaded), depth_of(forge, loaded)
    base = state.git("rev-parse", "HEAD").strip()
    served = Forge(state, tmp_path)
    state.git("checkout", "-q", "-b", "good")
    state.replace(TASK, "priority: p1", "priority: p0")
    state.commit("good")
    head = served.push("good")
    runner = served.runner(head, depth)
    assert [each.status for each in run(runner, scripts, base, head)] == [0] * len(scripts)
    assert (runner.root / "state-diff.md").read_text().startswith("<!-- platformstate-diff -->\n")
    state.replace(CHECKPOINT, "pin the", "unpin the")
    state.commit("bad")
    state.git("checkout", "-q", base, "--", CHECKPOINT)
    state.commit("undone")
    state.write("src/x.py", "x = 1\n")
    state.commit("innocent")
    head = served.push("bad")
    runner = served.runner(head, depth)
    ran = run(runner, scripts, base, head)
    assert [each.status for each in ran] == ([1] if forge == "gitlab" else [1, 0, 0])
    assert "record_immutable_changed" in ran[0].stdout
    assert "record_immutable_changed" in (runner.root / "state-diff.md").read_text()
    shallow = served.runner(head, 1)
    assert run(shallow, scripts[:1], base, head)[0].status == 7
    unset = run(runner, scripts[:1], "", head)[0]
    assert (bool(unset.status), "BASE" in unset.stderr) == (True, True)


@pytest.mark.parametrize("forge", ["forgejo", "github"])
def test_a_workflow_has_only_the_words_of_its_forge(repo: Repo, forge: str) -> None:
    text, loaded = workflow(repo, forge)
    known = {"name", "on", "permissions", "concurrency", "jobs"}
    assert known >= set(loaded)
    (job,) = loaded["jobs"].values()
    assert {"runs-on", "timeout-minutes", "container", "env", "steps"} >= set(job)
    for step in job["steps"]:
        assert {"name", "uses", "run", "with", "if"} >= set(step)
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(
            r"(https://code\.forgejo\.org/)?actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1")
        )
    named = set(re.findall(r"\$\{\{ (.*?) \}\}", text))
    assert named <= {"github.event.pull_request.base.sha", "github.event.pull_request.head.sha", "github.ref"}


@pytest.mark.parametrize("forge", FORGES)
def test_no_file_of_the_branch_runs_when_the_program_is_installed(repo: Repo, forge: str) -> None:
    _, loaded = workflow(repo, forge)
    lines = [step["run"] for step in steps_of(loaded) if "run" in step] if forge != "gitlab" else []
    lines += loaded["platformstate"]["before_script"] if forge == "gitlab" else []
    (line,) = (line for line in lines if "pip" in line)
    repo.write("pip/__main__.py", "open('ran', 'w')\n")
    repo.write("pip/__init__.py", "")
    words = line.split()
    assert words[0] == "python"
    subprocess.run(
        [sys.executable, *words[1 : words.index("install")], "--version"], cwd=repo.root, check=True
    )
    assert not (repo.root / "ran").exists()


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
