"""What is refused because of the machine or the environment that a command meets."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from platformstate.files.errors import fsync_failed
from tests.conftest import Platformctl, Repo


def test_a_system_that_is_not_supported_is_named() -> None:
    code = "import sys; sys.platform = 'win32'; from platformstate.cli import main; sys.exit(main(['explain', 'x']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "(platform_unsupported)" in done.stderr


@pytest.mark.parametrize(
    "name, value, code",
    [
        ("PLATFORMSTATE_NOW", "tomorrow", "clock_override_invalid"),
        ("PLATFORMSTATE_DURABILITY", "sometimes", "config_invalid"),
        ("PLATFORMSTATE_CACHE", "maybe", "config_invalid"),
        ("PLATFORMSTATE_WORKERS", "0", "config_invalid"),
        ("PLATFORMSTATE_FAILPOINT", "store.nowhere", "failpoint_unknown"),
    ],
)
def test_a_variable_that_does_not_parse_is_refused(
    platformctl: Platformctl, name: str, value: str, code: str
) -> None:
    assert platformctl("init").status == 0
    ran = platformctl("task", "list", "--json", env={name: value})
    assert ran.status == 2
    assert ran.document["error"]["code"] == code
    assert name in ran.document["error"]["message"]


def test_a_clock_that_was_set_is_followed(platformctl: Platformctl) -> None:
    assert platformctl("init").status == 0
    ran = platformctl(
        "task", "create", "--title", "One", "--json", env={"PLATFORMSTATE_NOW": "2026-11-20T10:11:30Z"}
    )
    assert ran.document["data"]["task"]["created_at"].startswith("2026-11-20T10:11:3")


def test_a_write_that_was_interrupted_is_settled_and_named_by_the_next(platformctl: Platformctl) -> None:
    assert platformctl("init").status == 0
    killed = platformctl(
        "task", "create", "--title", "One", env={"PLATFORMSTATE_FAILPOINT": "store.ref-before"}
    )
    assert killed.status == -9
    ran = platformctl("task", "create", "--title", "Two", "--json")
    assert [warning["code"] for warning in ran.document["warnings"]] == ["intents_recovered"]
    assert ran.document["data"]["write"]["recovered"] == 1


def test_a_failed_fsync_is_an_error_of_the_disk() -> None:
    assert fsync_failed(OSError(errno.EIO, "Input/output error"), "state/a").code == "disk_error"


def test_files_that_a_partial_clone_left_out_are_not_guessed(
    platformctl: Platformctl, repo: Repo, tmp_path: Path
) -> None:
    assert platformctl("init").status == 0
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{repo.root}", str(clone))
    ran = platformctl("validate", "--rev", "HEAD", "--json", cwd=clone)
    assert ran.status == 7
    assert ran.document["error"]["code"] == "history_missing"


def test_doctor_names_hooks_of_another_version(platformctl: Platformctl, repo: Repo) -> None:
    assert platformctl("init", "--hooks").status == 0
    hook = repo.root / ".git" / "hooks" / "pre-commit"
    hook.write_text(hook.read_text().replace("platformstate hook 1", "platformstate hook 0"))
    checks = platformctl("doctor", "--json").document["data"]["checks"]
    assert "hooks_outdated" in {check["code"] for check in checks}


def test_without_the_c_parser_the_same_is_read_and_doctor_says_so(
    platformctl: Platformctl, repo: Repo
) -> None:
    assert platformctl("init").status == 0
    code = (
        "import sys; sys.modules['yaml._yaml'] = None; from platformstate.cli import main; sys.exit(main({}))"
    )
    runs = {
        verb: subprocess.run(
            [sys.executable, "-c", code.format([verb, "--json"])],
            cwd=repo.root,
            capture_output=True,
            text=True,
            check=False,
        )
        for verb in ("doctor", "validate")
    }
    assert "yaml_pure_python" in runs["doctor"].stdout
    assert runs["validate"].stdout == platformctl("validate", "--json").stdout


def test_a_limit_on_open_files_is_told_and_a_write_is_whole_or_not_there(
    platformctl: Platformctl, repo: Repo
) -> None:
    assert platformctl("init").status == 0
    assert platformctl("task", "create", "--id", "gh-1", "--title", "One").status == 0
    seen = set()
    for limit in (6, 9, 12, 13):
        title = f"under {limit}"
        for argv in (["validate"], ["task", "update", "gh-1", "--title", title]):
            script = f'ulimit -n {limit}; exec "$@" --json'
            command = ["bash", "-c", script, "bash", sys.executable, "-m", "platformstate", *argv]
            ran = subprocess.run(command, cwd=repo.root, capture_output=True, text=True, check=False)
            seen.add(ran.returncode)
            if ran.returncode == 7:
                error = json.loads(ran.stdout)["error"]
                assert (error["code"], error["retryable"]) == ("descriptors_exhausted", True)
                assert error["hint"].startswith("ulimit -n ")
        assert platformctl("task", "create", "--title", "after").status == 0
        written = title in repo.git("show", "HEAD:state/tasks/gh-1/task.md")
        assert written == (ran.returncode != 7)
        assert repo.git("status", "--porcelain") == ""
    assert 7 in seen
    assert seen <= {0, 6, 7}
