"""Runs of procedures for the figures: conducted to any step by writing the journal, then resumed for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from platformstate.codec.journal import encode
from platformstate.runner import Lease, Position
from tests.bench.figure import Ground
from tests.bench.stores import SCALES, Store, build, git
from tests.bench.timing import Candidate

FAILED: Final = "{} ended with {}: {}"
KILLED: Final = -9
MARK: Final = "mark"
TRUE: Final = '{{key: s{:05d}, kind: command, run: "true"}}'
CALL: Final = "{{key: c{:05d}, kind: call, procedure: block}}"
BLOCK: Final = 100
LAST: Final = '{key: last, kind: command, run: ": > ../mark"}'


def small_store(ground: Ground, name: str) -> Store:
    """Return a small store of its own, in which procedures are conducted."""
    store = build(ground.folder / name / "repo", SCALES["smoke"])
    for key in ("actor", "operator"):
        git(store.root, "config", f"platformstate.{key}", "operator")
    return store


def write_procedure(store: Store, name: str, steps: Sequence[str]) -> None:
    """Write and commit a procedure, given its steps in flow style."""
    path = store.root / f"state/procedures/{name}/procedure.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = "".join(f"  - {step}\n" for step in steps)
    path.write_text(f"---\nschema: procedure/1\nid: {name}\n\ntitle: {name}\n\nsteps:\n{listed}---\n")
    git(store.root, "add", str(path))
    git(store.root, "commit", "-q", "-m", f"bench: write {name}", "--", str(path))


def true_steps(number: int) -> Iterator[str]:
    """Yield command steps that do nothing."""
    return (TRUE.format(index) for index in range(number))


def run_ours(
    ground: Ground, store: Store, *argv: str, point: str | None = None, now: str | None = None
) -> float:
    """Run our command in a store and return its milliseconds. Raises RuntimeError unless it did well."""
    named = {"PLATFORMSTATE_FAILPOINT": point, "PLATFORMSTATE_NOW": now}
    environment = {**os.environ, **{name: value for name, value in named.items() if value}}
    began = time.perf_counter()
    done = subprocess.run(
        [str(ground.command), *argv],
        cwd=store.root,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    took = (time.perf_counter() - began) * 1000
    if done.returncode != (KILLED if point else 0):
        raise RuntimeError(FAILED.format(" ".join(argv), done.returncode, done.stderr or done.stdout))
    return took


@dataclass(frozen=True, slots=True)
class HalfDone:
    """A crashed run all of whose steps but the last one are done; the last one makes a file."""

    ground: Ground
    store: Store
    run: str
    journal: Path

    def candidate(self, name: str) -> Candidate:
        """Return what takes the time from the start of `run resume` to the effect of its first step."""
        numbers = count()
        places: list[Path] = []

        def prepare(_round: int) -> None:
            if places:
                shutil.rmtree(places.pop())
            folder = self.ground.folder / f"{self.run}-{next(numbers)}"
            folder.mkdir()
            self.store.copy(folder / "repo")
            places.append(folder)

        return Candidate(name, prepare=prepare, call=lambda: self._resumed(places[-1]))

    def _resumed(self, folder: Path) -> float:
        mark = folder / MARK
        argv = [str(self.ground.command), "run", "resume", self.run]
        began = time.perf_counter()
        resuming = subprocess.Popen(
            argv, cwd=folder / "repo", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not mark.exists() and resuming.poll() is None:
            time.sleep(0.0005)
        took = (time.perf_counter() - began) * 1000
        _, said = resuming.communicate()
        if resuming.returncode:
            raise RuntimeError(FAILED.format("run resume", resuming.returncode, said))
        return took


def half_done(ground: Ground, name: str, steps: int) -> HalfDone:
    """Return a run of so many steps, its last one not done, made by a conduct that died as it started."""
    store = small_store(ground, name)
    calls, left = divmod(steps - 1, BLOCK)
    write_procedure(store, "block", list(true_steps(BLOCK)))
    write_procedure(
        store, "long", [*(CALL.format(number) for number in range(calls)), *true_steps(left), LAST]
    )
    run_ours(ground, store, "procedure", "conduct", "long", point="conduct.started")
    journal = next((store.root / "state/procedures/long/runs").glob("*/events.jsonl"))
    pin = json.loads((journal.parent / "resolved_steps.json").read_bytes())
    first = [json.loads(line) for line in journal.read_bytes().splitlines()]
    events = list(_done(pin["steps"][:-1], str(first[-1]["at"])))
    data = encode(events, seq=len(first), h=str(first[-1]["h"]))
    with journal.open("ab") as file:
        file.write(data)
    run = journal.parent.name
    last = Position(
        first[1]["steps_sha256"], len(first) + len(events) - 1, json.loads(data.splitlines()[-1])["h"]
    )
    Lease(store.root / ".git", run).write_position(last)
    git(store.root, "add", "state")
    git(store.root, "commit", "-q", "-m", "bench: conduct all steps but one")
    return HalfDone(ground, store, run, journal)


def _done(steps: Sequence[dict[str, Any]], at: str) -> Iterator[dict[str, Any]]:
    for step in steps:
        place = {"at": at, "step_index": step["index"], "attempt": 1}
        yield {"type": "StepStarted", **place, "step": step["step_sha256"][:16]}
        yield {"type": "StepSucceeded", **place, "by": "conductor", "exit_code": 0, "ms": 3}


def in_process(name: str, work: Callable[[], object]) -> Candidate:
    """Return a candidate that is a call in this process."""

    def call() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000

    return Candidate(name, call=call)
