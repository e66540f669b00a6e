"""An act of the demo: a job is reviewed, approved, run by a tick at its slot, and never twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from platformstate.actions.demo import Demo

JOB: Final = "nightly-report"
NOT_ALLOWED: Final = 4
TEXT: Final = """---
schema: job/1
id: nightly-report

title: Count the commits of the day

target: {kind: command, argv: [sh, -c, "git rev-list --count HEAD | tee ../report"]}

trigger: {kind: cron, cron: "30 2 * * *", timezone: Europe/Warsaw}
---
If this fails: `platformctl jobs replay RUN --allow-side-effects`.
"""


def job_ticked(demo: Demo) -> None:
    """Land a job, approve it, and let a tick run its slot."""
    demo.say("A job is a reviewed file. Nothing of it runs before an operator has let it run in this clone.")
    path = f"state/jobs/{JOB}/job.md"
    file = demo.root / path
    file.parent.mkdir(parents=True)
    file.write_text(TEXT, encoding="utf-8")
    demo.run("git", "add", path)
    demo.run("git", "commit", "-q", "-m", "A report every night", path)
    demo.platformctl("jobs", "run", JOB, expect=NOT_ALLOWED)
    demo.platformctl("jobs", "approve", JOB)
    demo.platformctl("jobs", "tick")
    demo.check("before its slot nothing runs", not (demo.folder / "report").exists())
    demo.say(
        "At half past two in Warsaw a tick, from cron or a timer, runs it; here the clock is put forward."
    )
    slot = demo.answer("jobs", "next", JOB, "-n", "1")["fires"][0]["at"]
    tick = ("env", f"PLATFORMSTATE_NOW={slot}", "platformctl", "jobs", "tick")
    demo.run(*tick)
    reported = (demo.folder / "report").stat()
    demo.run(*tick)
    demo.check(
        "a second tick starts it no second time",
        (demo.folder / "report").stat().st_mtime_ns == reported.st_mtime_ns,
    )
    line = next(row for row in demo.answer("jobs", "history", JOB)["items"] if row["slot"] == slot)
    receipt = f"state/jobs/{JOB}/runs/{line['run']}/run_receipt.json"
    shown = json.loads(demo.run("cat", receipt).stdout)
    demo.check("its receipt says what ran, at which commit, for which slot", shown["job"]["slot"] == slot)
    demo.platformctl("jobs", "history", JOB)
    demo.platformctl("validate")
