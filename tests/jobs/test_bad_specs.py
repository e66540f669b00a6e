"""What a job's spec may get wrong: the error that `jobs run` answers with, and where each finding is."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.jobs_run import RunRequest, run_job
from platformstate.errors import Problem, StateError
from platformstate.store.opened import open_store
from tests.jobs.scenes import JobScene

GOOD = """---
schema: job/1
id: nightly
title: Nightly
target: {kind: command, argv: ["true"]}
trigger: {kind: manual}
---
"""
COMMAND = 'target: {kind: command, argv: ["true"]}'
MANUAL = "trigger: {kind: manual}"
PYTHON = 'target: {kind: python, entry: "tools.export:main"'


def cron(text: str, zone: str = "UTC", more: str = "") -> tuple[str, str]:
    """Return the change of the good spec to a schedule."""
    return MANUAL, f"trigger: {{kind: cron, cron: {text!r}, timezone: {zone}{more}}}"


def after(line: str, more: str) -> tuple[str, str]:
    """Return the change of the good spec by lines after one of its lines."""
    return line, f"{line}\n{more}"


# A name, the change, and the text at which the first finding stands; None where the key is absent.
Row = tuple[str, tuple[str, str], str | None]
INVALID: list[Row] = [
    ("unknown key", after(MANUAL, "colour: red"), 'colour'),
    ("missing key", ("title: Nightly\n", ""), None),
    ("duplicate key", after("title: Nightly", "title: Again"), 'title: Again'),
    ("another id", ("id: nightly", "id: weekly"), 'weekly'),
    ("argv a text", (COMMAND, "target: {kind: command, argv: run}"), 'run}'),
    ("argv empty", (COMMAND, "target: {kind: command, argv: []}"), '[]}'),
    ("argv of an empty text", (COMMAND, 'target: {kind: command, argv: [""]}'), '""'),
    ("argv with a NUL", (COMMAND, r'target: {kind: command, argv: ["a\0b"]}'), '"a\\0b"'),
    ("argv with a number", (COMMAND, "target: {kind: command, argv: [echo, 1]}"), '1]'),
    *(
        (f"timeout {value}", after(MANUAL, f"runtime: {{timeout: {value}}}"), value)
        for value in ("0", "-1", ".nan", "1e308", "'1:30'", "2.5")
    ),
    ("deadline below timeout", after(MANUAL, "runtime: {timeout: 2m, deadline: 1m}"), '1m}'),
    ("grace above 5m", after(MANUAL, "runtime: {grace: 6m}"), '6m'),
    ("too many retries", after(MANUAL, "retry: {max: 21}"), '21'),
    ("codes that retry and never do", after(MANUAL, "retry: {exit_codes: [2], never_exit_codes: [2]}"), '[2]}\n---'),
    ("codes that succeed and retry", after(MANUAL, "success_exit_codes: [2]\nretry: {exit_codes: [2]}"), '[2]\nretry'),
    ("exit code 256", after(MANUAL, "success_exit_codes: [256]"), '256'),
    ("unknown policy", after(MANUAL, "overlap: {policy: sometimes}"), 'sometimes'),
    ("unknown trigger", (MANUAL, "trigger: {kind: hourly}"), 'hourly'),
    ("cron with manual", (MANUAL, 'trigger: {kind: manual, cron: "* * * * *"}'), 'cron'),
    ("approved", after(MANUAL, "approved: true"), 'approved'),
    ("anchor", ("title: Nightly", "title: &a Nightly"), '&a'),
    ("alias", ("title: Nightly", "title: *a"), '*a'),
    ("tag", ("title: Nightly", "title: !!str Nightly"), '!!str'),
    ("no front matter", (GOOD, "Nightly\n"), 'Nightly'),
]  # fmt: skip
TRIGGER: list[Row] = [
    *(
        (text, cron(text), repr(text))
        for text in (
            "* * * *", "* * * * * *", "@reboot", "5-1 * * * *", "* * * * fri-mon", "*/0 * * * *", "*/60 * * * *",
            "5/15 * * * *", "1,,2 * * * *", "* * L * *", "* * ? * *", "+1 * * * *", "60 * * * *", "0 0 30 2 *",
            "mon * * * *", "\u0661 * * * *", "* " * 129 + "* * * *",
        )
    ),
    *(
        (zone, cron("0 1 * * *", zone), zone + "}")
        for zone in ("CEST", "EST", "Poland", "'+02:00'", "''", "/etc/localtime", "../x", "europe/berlin")
    ),
    ("no timezone", (MANUAL, 'trigger: {kind: cron, cron: "0 1 * * *"}'), 'kind: cron'),
    ("no cron", (MANUAL, "trigger: {kind: cron, timezone: UTC}"), 'kind: cron'),
]  # fmt: skip
UNRESOLVED: list[Row] = [
    ("unknown kind", (COMMAND, "target: {kind: docker}"), "docker"),
    ("no such program", (COMMAND, "target: {kind: command, argv: [no-such-program]}"), "no-such"),
    ("no such file", (COMMAND, "target: {kind: command, argv: [./absent.sh]}"), "./absent"),
    ("a file out of the source", (COMMAND, "target: {kind: command, argv: [../../../bin/true]}"), "../../"),
    ("no such procedure", (COMMAND, "target: {kind: procedure, procedure: absent}"), "absent"),
    ("a procedure that calls itself", (COMMAND, "target: {kind: procedure, procedure: loop}"), "loop"),
    ("no such module", (COMMAND, PYTHON.replace("export", "absent") + "}"), '"tools'),
    ("entry without a function", (COMMAND, 'target: {kind: python, entry: "tools.export"}'), '"tools'),
    ("entry with an empty part", (COMMAND, 'target: {kind: python, entry: "tools..export:main"}'), '"tools'),
]
BINDINGS: list[Row] = [
    ("against the schema", (COMMAND, f"{PYTHON}, bindings_schema: {{required: [day]}}}}"), None),
    (
        "a value against the schema",
        (COMMAND, f"{PYTHON}, bindings_schema: {{properties: {{day: {{type: string}}}}}}}}\nbindings: {{day: 1}}"),
        '1}',
    ),
    ("a broken schema", (COMMAND, f"{PYTHON}, bindings_schema: {{type: objekt}}}}"), 'objekt'),
    ("a remote reference", (COMMAND, f'{PYTHON}, bindings_schema: {{$ref: "https://x.org/y"}}}}'), '"https'),
    ("a dangling reference", (COMMAND, f'{PYTHON}, bindings_schema: {{$ref: "#/nope"}}}}'), "{$ref"),
    ("another dialect", (COMMAND, f'{PYTHON}, bindings_schema: {{$schema: "http://json-schema.org/draft-07/schema#"}}}}'), '"http://json'),
    ("no such schema file", (COMMAND, f"{PYTHON}, bindings_schema: {{file: absent.json}}}}"), "{file"),
    ("a schema file with a remote reference", (COMMAND, f"{PYTHON}, bindings_schema: {{file: remote.json}}}}"), "{file"),
    ("a parameter of a procedure", (COMMAND, "target: {kind: procedure, procedure: ship}\nbindings: {version: 1}"), "1}"),
    ("a missing parameter", (COMMAND, "target: {kind: procedure, procedure: ship}"), None),
]  # fmt: skip
DENIED: list[Row] = [
    *(
        (f"pass {name}", after(MANUAL, f"runtime: {{env: {{pass: [{name}]}}}}"), name + "]")
        for name in (
            "LD_PRELOAD", "DYLD_X", "GIT_DIR", "PYTHONPATH", "PLATFORMSTATE_NOW", "STEP_KEY", "NODE_OPTIONS", "BASH_ENV",
            "ENV", "IFS", "PERL5OPT", "RUBYOPT", "lower",
        )
    ),
    *(
        (f"set {name}", after(MANUAL, f"runtime: {{env: {{set: {{{name}: x}}}}}}"), name + ":")
        for name in ("PATH", "HOME", "LD_PRELOAD", "a-b")
    ),
    ("cwd above", after(MANUAL, "runtime: {cwd: ../x}"), '../x'),
    ("cwd absolute", after(MANUAL, "runtime: {cwd: /tmp}"), '/tmp'),
    ("cwd by a link", after(MANUAL, "runtime: {cwd: out}"), 'out}'),
    ("cwd by a link of the commit", after(MANUAL, "runtime: {cwd: out, source: trusted}"), 'out,'),
    ("glob above", after(MANUAL, 'output: {artifacts: ["../*"]}'), '"../*"'),
    ("glob absolute", after(MANUAL, 'output: {artifacts: ["/etc/*"]}'), '"/etc'),
]  # fmt: skip


@pytest.fixture
def bad(jobs: JobScene) -> JobScene:
    """A scene with what the specs refer to, landed."""
    jobs.repo.write("tools/__init__.py", "")
    jobs.repo.write("tools/export.py", "def main(bindings, context):\n    return None\n")
    jobs.repo.write("remote.json", '{"$ref": "https://x.org/y"}\n')
    jobs.procedure("loop", jobs.step("call", "again", procedure="loop"), commit=False)
    jobs.procedure(
        "ship", jobs.command("a"), top="params:\n  version: {type: string, format: semver}", commit=False
    )
    (jobs.repo.root / "out").symlink_to("/tmp")
    jobs.repo.write("state/jobs/nightly/job.md", GOOD)
    jobs.ready()
    return jobs


def place_of(text: str, word: str | None) -> tuple[int, int]:
    """Return line and column, from 1, at which a word begins; of an absent key those of the first one."""
    if word is None:
        return 2, 1
    before = text[: text.index(word)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def refusal_of(jobs: JobScene, change: tuple[str, str]) -> StateError:
    """Return what `jobs run` says to the good spec with a change."""
    assert change[0] in GOOD
    jobs.repo.write("state/jobs/nightly/job.md", GOOD.replace(*change, 1))
    with pytest.raises(StateError) as refused:
        run_job(open_store(jobs.repo.root), RunRequest("nightly"))
    return refused.value


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("job_invalid_spec", INVALID),
        ("job_trigger_invalid", TRIGGER),
        ("job_target_unresolved", UNRESOLVED),
        ("job_bindings_invalid", BINDINGS),
        ("job_policy_denied", DENIED),
    ],
)
def test_a_bad_spec_is_refused_by_its_boundary_with_the_place(
    bad: JobScene, code: str, rows: list[Row]
) -> None:
    wrong: dict[str, Any] = {}
    for name, change, word in rows:
        refused = refusal_of(bad, change)
        first = refused.problems[0] if refused.problems else Problem("", 0, 0, "", "", "")
        said = (refused.code, (first.line, first.col), first.path, bool(first.fix))
        wanted = (code, place_of(GOOD.replace(*change, 1), word), "state/jobs/nightly/job.md", True)
        if said != wanted:
            wrong[name] = (wanted, said, refused.message)
    assert wrong == {}
    assert not (bad.repo.root / "state/jobs/nightly/runs").exists()


def test_the_error_is_the_first_boundary_and_the_problems_are_all(bad: JobScene) -> None:
    both = after(MANUAL, "runtime: {cwd: ../x, timeout: 0}")
    refused = refusal_of(bad, both)
    assert refused.code == "job_invalid_spec"
    assert [(row.line, row.col) for row in refused.problems] == [(7, 16), (7, 31)]
    refused = refusal_of(
        bad,
        (
            COMMAND,
            PYTHON.replace("export", "absent")
            + ", bindings_schema: {required: [day]}}\nruntime: {env: {pass: [LD_X]}}",
        ),
    )
    assert refused.code == "job_policy_denied"
    refused = refusal_of(
        bad, (COMMAND, PYTHON.replace("export", "absent") + ", bindings_schema: {required: [day]}}")
    )
    assert refused.code == "job_target_unresolved"
    assert [row.code for row in refused.problems] == ["job_target_unresolved", "job_bindings_invalid"]


def test_a_good_spec_that_is_not_landed_is_untrusted(bad: JobScene) -> None:
    assert refusal_of(bad, ("title: Nightly", "title: Other")).code == "job_untrusted"


def test_bindings_of_the_caller_have_a_limit(bad: JobScene) -> None:
    bad.repo.write("state/jobs/nightly/job.md", GOOD)
    request = RunRequest("nightly", bindings={"text": "a" * 65_536})
    with pytest.raises(StateError) as refused:
        run_job(open_store(bad.repo.root), request)
    assert refused.value.code == "job_bindings_invalid"
