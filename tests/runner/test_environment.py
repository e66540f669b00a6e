"""What a step finds in its environment."""

from __future__ import annotations

from hashlib import sha256

from platformstate.runner import StepNames, idempotency_key, inherited, job_base, step_environment

CALLER = {
    "PATH": "/bin",
    "HOME": "/home/ann",
    "GIT_DIR": "x",
    "GIT_AUTHOR_NAME": "x",
    "PLATFORMSTATE_ACTOR": "operator",
    "LD_PRELOAD": "x",
    "PYTHONPATH": "x",
    "BASH_ENV": "x",
    "ENV": "x",
    "ENVIRONMENT": "kept",
    "C_INCLUDE_PATH": "kept",
    "TMOUT": "3",
}


def test_what_steers_git_python_and_shells_is_dropped() -> None:
    assert set(inherited(CALLER)) == {"PATH", "HOME", "ENVIRONMENT", "C_INCLUDE_PATH", "TMOUT"}


def test_a_job_gets_few_names_and_what_it_asks_for() -> None:
    assert job_base(CALLER, ["ENVIRONMENT", "ABSENT"], {"SET": "1"}) == {
        "PATH": "/bin",
        "HOME": "/home/ann",
        "ENVIRONMENT": "kept",
        "SET": "1",
    }


def test_a_step_is_told_who_it_is_and_may_not_choose_it() -> None:
    names = StepNames(
        "nightly/20261120t101130z",
        "codex",
        3,
        "roll/build",
        2,
        task="gh-460",
        params={"P_version": "1.4.2"},
        captures={"digest": "abc"},
        more={"PLATFORMSTATE_JOB": "nightly", "PLATFORMSTATE_ACTOR": "operator"},
    )
    assert step_environment({"PATH": "/bin", "STEP_KEY": "outer"}, names) == {
        "PATH": "/bin",
        "P_version": "1.4.2",
        "C_digest": "abc",
        "PLATFORMSTATE_JOB": "nightly",
        "PLATFORMSTATE_RUN": "nightly/20261120t101130z",
        "PLATFORMSTATE_ACTOR": "codex",
        "PLATFORMSTATE_TASK": "gh-460",
        "STEP_INDEX": "3",
        "STEP_KEY": "roll/build",
        "STEP_ATTEMPT": "2",
        "STEP_IDEMPOTENCY_KEY": sha256(b"nightly.20261120t101130z:3").hexdigest()[:32],
    }


def test_without_a_task_none_is_named() -> None:
    assert "PLATFORMSTATE_TASK" not in step_environment({}, StepNames("r", "codex", 0, "a", 1))


def test_the_idempotency_key_is_the_same_over_attempts_and_another_for_each_step() -> None:
    assert idempotency_key("r", 0) == idempotency_key("r", 0) != idempotency_key("r", 1)
