"""Which variables reach git, and which are dropped (60 §3)."""

from __future__ import annotations

import os

import pytest

from platformstate.gitrepo.environment import (
    FIXED,
    child_environment,
    clean_environment,
    hook_environment,
    redirecting,
)
from tests.conftest import Platformctl, Repo


def test_cleaning_keeps_identity_and_config_and_names_what_a_person_must_hear_of() -> None:
    environ = {
        "PATH": "/bin",
        "LD_PRELOAD": "x.so",
        "GIT_DIR": "/elsewhere",
        "GIT_INDEX_FILE": "/elsewhere/index",
        "GIT_EDITOR": "vi",
        "GIT_PYTHON_TRACE": "1",
        "GIT_SSH_COMMAND": "sh",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_GLOBAL": "/home/ann/.gitconfig",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_COMMITTER_DATE": "now",
        "GIT_CEILING_DIRECTORIES": "/",
    }
    assert clean_environment(environ) == ("GIT_DIR", "GIT_INDEX_FILE")
    assert sorted(environ) == [
        "GIT_AUTHOR_NAME",
        "GIT_CEILING_DIRECTORIES",
        "GIT_COMMITTER_DATE",
        "GIT_CONFIG_GLOBAL",
        "LD_PRELOAD",
        "PATH",
    ]
    assert clean_environment(environ) == ()


def test_what_redirects_git_is_found_and_nothing_else() -> None:
    environ = {
        "GIT_WORK_TREE": "",
        "GIT_CONFIG_KEY_0": "",
        "GIT_CONFIG": "",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PAGER": "",
    }
    assert redirecting(environ) == ("GIT_CONFIG", "GIT_CONFIG_KEY_0", "GIT_WORK_TREE")


def test_a_hook_reads_what_git_told_it() -> None:
    environ = {"GIT_INDEX_FILE": "next-index", "GIT_QUARANTINE_PATH": "q", "GIT_EDITOR": "vi"}
    assert hook_environment(environ) == {"GIT_INDEX_FILE": "next-index", "GIT_QUARANTINE_PATH": "q"}


def test_a_child_gets_our_words_over_the_persons() -> None:
    made = child_environment({"LC_ALL": "de_DE", "GIT_TRACE": "1", "HOME": "/h"}, {"GIT_INDEX_FILE": "i"})
    assert made == {**FIXED, "HOME": "/h", "GIT_INDEX_FILE": "i"}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (".:/usr/bin", "/usr/bin"),
        (":/usr/bin:", "/usr/bin"),
        ("bin:/bin:../x:/opt", "/bin:/opt"),
        (".", os.defpath),
    ],
)
def test_no_folder_of_a_repository_is_searched_for_git(path: str, kept: str) -> None:
    assert child_environment({"PATH": path}, {})["PATH"] == kept


def test_a_program_called_git_in_a_repository_is_never_run(repo: Repo, platformctl: Platformctl) -> None:
    planted = repo.write("git", '#!/bin/sh\necho ran >> ../planted\nexec /usr/bin/git "$@"\n')
    planted.chmod(0o755)
    path = f".{os.pathsep}{os.environ['PATH']}"
    ran = platformctl("init", env={"PATH": path})
    assert ran.status == 0, ran.stderr
    assert not (repo.root.parent / "planted").exists()
