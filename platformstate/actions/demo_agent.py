"""The first acts of the demo: a wrapped agent is killed, another goes on from the brief, and the task is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from platformstate.actions.demo import Demo

KILLED: Final = 137
REFUSED: Final = 4
CONFLICT: Final = 5
# An agent as far as the wrapper can tell: it says where it stands, and then the machine takes it away.
AGENT: Final = """#!/bin/sh
platformctl codex-task checkpoint --kind failed_attempt --failed "a retry around the whole sync repeats rows"
platformctl codex-task checkpoint --kind progress --step test=done --next "retry one row at a time"
platformctl codex-task checkpoint --kind progress --step retry=begun --next "retry one row at a time"
kill -9 $PPID $$
"""
RETRIED: Final = "grep -q retry sync.py"
MANUAL: Final = "# Retry\n\nA failed row is tried three times.\n"


def task_created(demo: Demo, task: str) -> None:
    """Create a task that says what must hold at its end, and how to get there."""
    demo.say("A task: what must hold at its end, what will prove it, and the steps to get there.")
    demo.platformctl(
        *("task", "create", "--id", task, "--title", "Add retry to the exporter"),
        *("--goal", "A failed sync is retried."),
        *("--accept", "a row is retried::test", "--accept", "the manual says so::doc"),
        *("--plan", "test=Write a failing test", "--plan", "retry=Retry one row at a time"),
    )
    demo.check("the task is ready", _status(demo, task) == "ready")


def agent_killed(demo: Demo, task: str) -> None:
    """Wrap an agent that is killed together with its wrapper in the middle of a step."""
    demo.say("Codex works in a run that is claimed and watched. It is killed with its wrapper: kill -9.")
    agent = demo.folder / "agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    demo.run("cat", "../agent")
    demo.platformctl("codex-task", "start", "--task", task, "--", "../agent", expect=KILLED)
    run = _runs(demo, task)[0]
    demo.check("nobody wrote that it died; readers see it", run["condition"] == "crashed")


def brief_read(demo: Demo, task: str) -> None:
    """Read what a successor needs: from files alone."""
    demo.say("Whoever comes next reads the brief, which is made of these files alone.")
    ran = demo.platformctl("memory", "brief", "--task", task)
    demo.check("it says that the run crashed", "condition: crashed" in ran.stdout)
    demo.check("it names the exact step", "step 1 of 2, retry, attempt 1 in flight" in ran.stdout, ran)
    demo.check("it says what to do next", "retry one row at a time" in ran.stdout)
    demo.check("it says what was tried and failed", "repeats rows" in ran.stdout)


def run_rescued(demo: Demo, task: str) -> None:
    """Let another agent prove the death and go on at the same step."""
    demo.say("Claude rescues the run: its death is proven first, then the same pinned steps go on.")
    demo.platformctl("memory", "rescue", "--actor", "claude", "--task", task, "--max-tokens", "400")
    dead, new = _runs(demo, task)
    demo.check(
        "the dead run is ended, as crashed", (dead["status"], dead["reason"]) == ("aborted", "crashed")
    )
    demo.check("the new one goes on from it", new["rescues"] == dead["id"])
    late = demo.platformctl(
        *("memory", "checkpoint", "create", "--actor", "codex", "--task", task, "--run", str(dead["id"])),
        *("--kind", "progress", "--done", "I am back"),
        expect=CONFLICT,
    )
    demo.check("a late word of the dead run is refused", "claim_fenced" in late.stderr, late)
    demo.platformctl("run", "steps", new["id"])


def task_closed(demo: Demo, task: str) -> None:
    """Close the task: a claim does not do it, proof does."""
    demo.say("Done means proven: saying so closes nothing; a command that runs now and a file in HEAD do.")
    (demo.root / "manual.md").write_text(MANUAL)
    demo.run("git", "add", "manual.md")
    demo.run("git", "commit", "-q", "-m", "Retry each row")
    demo.platformctl(
        *("memory", "checkpoint", "create", "--actor", "claude", "--task", task, "--kind", "verification"),
        *("--step", "retry=done", "--criterion", "ac1=met", "--criterion", "ac2=met"),
    )
    close = ("task", "close", task, "--actor", "claude")
    demo.platformctl(*close, expect=REFUSED)
    demo.check("nothing is done because somebody said so", _status(demo, task) == "implementation")
    demo.platformctl(*close, "--evidence", f"ac1=cmd:{RETRIED}", "--evidence", "ac2=file:manual.md")
    shown = demo.answer("task", "show", task)
    demo.check(
        "the task is done, and proven", (shown["task"]["status"], shown["close"]) == ("done", "proven")
    )
    demo.check("the run that closed it has ended", _runs(demo, task)[-1]["status"] == "succeeded")


def _status(demo: Demo, task: str) -> str:
    return str(demo.answer("task", "show", task)["task"]["status"])


def _runs(demo: Demo, task: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = demo.answer("task", "show", task)["runs"]
    return found
