"""The rescue protocol as an agent follows it: each of its commands, word for word."""

from __future__ import annotations

import re
import shlex

from platformstate import packaged
from platformstate.actions.init import init_store
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo

STEP = re.compile(r"^(\d)\. \*\*.*?\n\n {7}(.+)$", re.MULTILINE)


def steps() -> dict[int, str]:
    text = packaged.read("templates", "CLAUDE_RESCUE_PROTOCOL.md").decode()
    return {int(number): command for number, command in STEP.findall(text)}


def test_the_rescue_protocol_has_nine_steps_with_one_command_each() -> None:
    assert list(steps()) == list(range(1, 10))


def test_the_rescue_protocol_can_be_followed_word_for_word(repo: Repo, platformctl: Platformctl) -> None:
    repo.write("a.py", "a = 1\n")
    repo.commit()
    init_store(open_repository(repo.root, durability="fast"))
    begun = {"PLATFORMSTATE_NOW": "2026-11-20T01:00:00Z"}
    platformctl("task", "create", "--id", "gh-460", "--title", "T", "--accept", "x::doc", env=begun)
    words = [
        "--actor",
        "codex",
        "--kind",
        "progress",
        "--done",
        "began",
        "--next",
        "go on",
        "--next-verify",
        "true",
    ]
    platformctl("memory", "checkpoint", "create", "--task", "gh-460", *words, env=begun)
    repo.git("checkout", "-q", "-b", "codex/460")
    repo.write("a.py", "a = 2\n")
    repo.git("commit", "-q", "--no-verify", "-am", "Change a")
    repo.git("checkout", "-q", "main")
    [said] = [path.stem for path in repo.root.glob("state/tasks/gh-460/runs/*/checkpoints/*.md")]
    meant = {"TASK": "gh-460", "CHECKPOINT": said, "AGENT": "codex", "BRANCH": "codex/460"}
    later = {"PLATFORMSTATE_NOW": "2026-11-20T02:01:00Z", "PLATFORMSTATE_ACTOR": "claude"}
    shown = {}
    for number, command in steps().items():
        argv = [meant.get(word, word) for word in shlex.split(command)]
        if argv[0] != "platformctl":
            assert (number, command) == (6, "COMMAND OF VERIFY")
            continue
        ran = platformctl(*argv[1:], env=later)
        assert ran.status == 0, (command, ran.stderr)
        shown[number] = ran.stdout
    assert "go on" in shown[3]
    assert "lease_expired" in shown[2]
    runs = platformctl("task", "show", "gh-460", "--json").document["data"]["runs"]
    assert [(run["actor"], run["status"], run["fence"]) for run in runs] == [
        ("codex", "aborted", 1),
        ("claude", "running", 2),
    ]
    assert platformctl("validate").status == 0
