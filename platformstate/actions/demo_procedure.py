"""The last act of the demo: a procedure is killed in the middle of an effect, and nobody repeats it unasked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from platformstate.actions.demo import Demo

PROCEDURE: Final = "announce"
WAITS: Final = 6
KILLED: Final = 137
WITHIN_S: Final = 30.0
AFTER_THE_CHILD_BEGAN: Final = "conduct.spawned@1"
TEXT: Final = """---
schema: procedure/1
id: announce

title: Announce a version

params:
  version: {type: string, format: semver}

steps:
  - {key: build, kind: command, run: "echo built >> ../effects", idempotent: true}
  - {key: send, kind: command, run: 'echo "sent $P_version" >> ../effects; sleep 60'}
  - {key: archive, kind: command, run: "echo archived >> ../effects"}
---

## Why
An announcement cannot be called back, so send must not happen twice.
"""


def conduct_killed(demo: Demo, task: str) -> None:
    """Kill a conductor and its command right after an effect that must not happen twice."""
    demo.say("A procedure of three steps. The middle one announces; it is killed right after it did.")
    path = f"state/procedures/{PROCEDURE}/procedure.md"
    file = demo.root / path
    file.parent.mkdir(parents=True)
    file.write_text(TEXT, encoding="utf-8")
    demo.run("git", "add", path)
    demo.run("git", "commit", "-q", "-m", "How a version is announced", path)
    demo.platformctl(
        *("procedure", "conduct", PROCEDURE, "--param", "version=1.4.2", "--task", task),
        expect=KILLED,
        failpoint=AFTER_THE_CHILD_BEGAN,
    )
    _until(demo, "the announcement went out", lambda: "sent 1.4.2" in _effects(demo))
    mark = next((demo.root / ".git/platformstate/leases").glob("*.1.1.start"))
    demo.run("sh", "-c", f"kill -9 -{json.loads(mark.read_text())['pid']}")
    _until(demo, "conductor and command are dead", lambda: not _standing(demo)["locked"])
    stood = _standing(demo)
    at = stood["stopped_at"]
    demo.check(
        "the run says crashed, at step 1, in flight", (at["key"], at["outcome"]) == ("send", "in_flight")
    )
    ran = demo.platformctl("memory", "brief", "--task", task)
    demo.check(
        "the brief shows that very step", "stands at step 1, send, a side-effecting command" in ran.stdout
    )


def conduct_resumed(demo: Demo) -> None:
    """Resume: it asks, an operator decides, the rest is done."""
    demo.say("Nothing proves whether the step was done to its end, so resume asks; an operator answers.")
    run = str(_standing(demo)["run"])
    demo.platformctl("run", "resume", run, expect=WAITS)
    before = demo.answer("run", "verify", run)["chain"]["events"]
    demo.platformctl("run", "resume", run, expect=WAITS)
    demo.check("asking twice writes nothing", demo.answer("run", "verify", run)["chain"]["events"] == before)
    demo.check("the announcement went out once", _effects(demo) == ["built", "sent 1.4.2"])
    demo.platformctl(
        *("run", "decide", run, "done", "--reason", "it is in the outbox"),
        *("--evidence", "url:https://example.org/outbox/1.4.2"),
    )
    demo.platformctl("run", "resume", run)
    demo.check("every effect happened once", _effects(demo) == ["built", "sent 1.4.2", "archived"])
    demo.platformctl("run", "steps", run)
    verified = demo.answer("run", "verify", run)
    demo.check("chain, pinned steps and receipt hold, and are in HEAD", verified["committed"]["ok"])
    demo.platformctl("validate")


def _effects(demo: Demo) -> list[str]:
    file = demo.folder / "effects"
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def _standing(demo: Demo) -> dict[str, Any]:
    run = demo.answer("run", "list", "--subject", f"procedure/{PROCEDURE}")["runs"][0]["run"]
    found: dict[str, Any] = demo.answer("run", "show", run)["standing"]
    return found


def _until(demo: Demo, promise: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds; only then it is said. Raises: internal_error when it never does."""
    deadline = time.monotonic() + WITHIN_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    demo.check(promise, holds())
