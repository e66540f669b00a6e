"""The pages about jobs: what they tell to type works, their files name commands that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import typed
from tests.contract import commands
from tests.contract.sandbox import is_ours

HOME = Path(__file__).parent.parent.parent
SCHEDULERS = HOME / "docs" / "schedulers"
CALL = re.compile(r"(?:/usr/local/bin/)?(platformctl [^\n#]*)")
IDENTITY = ("git config user.name Ann", "git config user.email ann@example.org")


def test_the_runbook_of_jobs_runs_as_printed(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (HOME / "docs" / "jobs.md").read_text("utf-8"), flags=re.S)
    script = "\n".join(["set -e", "git init -q -b main", *IDENTITY, "platformctl init -q", *blocks])
    done = typed(script, tmp_path, PLATFORMSTATE_NOW="2026-11-20T10:11:30Z")
    assert done.status == 0, done.stdout + done.stderr
    assert len(blocks) >= 2
    assert "succeeded" in done.stdout


@pytest.mark.parametrize("path", sorted(SCHEDULERS.iterdir()), ids=lambda path: path.name)
def test_the_file_of_a_scheduler_calls_what_there_is(path: Path) -> None:
    text = "\n".join(line for line in path.read_text("utf-8").splitlines() if not line.startswith("#"))
    for call in CALL.findall(text):
        assert is_ours(call)
        command = commands.meant(call)
        assert command is not None, call
        known = (HOME / "docs" / "cli.md").read_text("utf-8")
        page = known.partition(f"## platformctl {command}\n")[2].partition("\n## ")[0]
        flags = [word for word in shlex.split(call) if word.startswith("--")]
        assert [flag for flag in flags if flag not in page and flag not in known.partition("\n## ")[2]] == []


def test_the_timer_starts_the_service_of_its_name() -> None:
    timer = SCHEDULERS / "platformstate-tick.timer"
    assert timer.with_suffix(".service").is_file()


def test_the_contract_of_job_specs_says_who_owns_it_and_that_it_holds() -> None:
    page = HOME / "docs" / "specs" / "jobs" / "job_spec_v0.md"
    header = page.read_text("utf-8").split("---\n")[1].splitlines()
    fields = dict(line.split(": ", 1) for line in header)
    assert list(fields) == ["owner", "last_updated", "status", "source_of_truth"]
    assert re.fullmatch(r'"\d{4}-\d\d-\d\d"', fields["last_updated"])
    assert fields["owner"] not in ("", '""')
    assert (fields["status"], fields["source_of_truth"]) == ('"active"', "true")


def test_what_is_deferred_is_named_with_its_reason() -> None:
    debt = (HOME / "docs" / "specs" / "jobs" / "job_spec_v0.md").read_text("utf-8").partition("## Debt\n")[2]
    todos = [entry for entry in debt.split("\n- ") if "TODO" in entry]
    assert len(todos) == 3
    assert all(subject in debt for subject in ("cleans up", "learns from receipts", "distributed scheduling"))


def test_every_field_of_a_spec_has_its_meaning_in_the_contract() -> None:
    table = (
        (HOME / "docs" / "specs" / "jobs" / "job_spec_v0.md").read_text("utf-8").partition("<!-- /fields")[0]
    )
    assert [line for line in table.splitlines() if line.startswith("| `") and line.endswith("— |")] == []
