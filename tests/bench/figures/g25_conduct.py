"""G25: what a conduct costs: a step, a resume near its end, bytes a step, commits and their time."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.bench import floors
from tests.bench.conducts import half_done, in_process, run_ours, small_store, true_steps, write_procedure
from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.stores import Store, git
from tests.bench.timing import Candidate, timed

RECORD: Final = b"x" * 299 + b"\n"
TRUE: Final = ("sh", "-c", "true")
BYTES_A_STEP: Final = 350
COMMITS: Final = 6
COMMITTED_STEPS: Final = 20


def make(ground: Ground) -> Sequence[Taken]:
    """Return the figures."""
    return [*_steps(ground), *_resume(ground), *_commits(ground)]


def _steps(ground: Ground) -> Iterator[Taken]:
    """Yield the time and the bytes of a step that does nothing, start-up taken off."""
    number = 5 if ground.smoke else 1_000
    store = small_store(ground, "steps")
    write_procedure(store, "one", list(true_steps(1)))
    write_procedure(store, "many", list(true_steps(number)))
    conducted = [_conducted(ground, store, name) for name in ("one", "many")]
    floor = in_process("spawn + append + fdatasync", lambda: _bare_steps(ground.folder / "bare", number))
    times = timed([*conducted, floor], ground.rounds)
    ours = (times["many"].median - times["one"].median) / (number - 1)
    goals = {ANY: Goal("<=", 6.0)}
    yield Taken("G25", "a step", goals, "ms", ours, times[floor.name].median / number, floor.name)
    size = (_journal_bytes(store, "many") - _journal_bytes(store, "one")) / (number - 1)
    yield Taken(
        "G25", "bytes a step", {ANY: Goal("<=", 1.0)}, "bytes", size, BYTES_A_STEP, f"{BYTES_A_STEP} bytes"
    )


def _conducted(ground: Ground, store: Store, name: str) -> Candidate:
    return in_process(name, lambda: run_ours(ground, store, "procedure", "conduct", name))


def _bare_steps(path: Path, number: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(number):
        os.waitpid(os.posix_spawn("/bin/sh", TRUE, os.environ), 0)
        os.write(descriptor, RECORD)
        os.fdatasync(descriptor)
    os.close(descriptor)


def _journal_bytes(store: Store, name: str) -> int:
    journals = (store.root / f"state/procedures/{name}/runs").glob("*/events.jsonl")
    return next(journals).stat().st_size


def _resume(ground: Ground) -> Iterator[Taken]:
    """Yield the time to the first effect at 999 of 1,000 against the journal's own.

    Start-up is taken off as with a step: once as a resume of two steps, once as bare imports (no goal).
    """
    run = half_done(ground, "near-the-end", 50 if ground.smoke else 1_000)
    short = half_done(ground, "at-the-beginning", 2).candidate("resume at 1 of 2")
    lines = run.journal.read_bytes().splitlines()
    ours, reader = run.candidate("resume at 999 of 1,000"), floors.importing("READER")
    floor = in_process("parse, re-serialise, hash", lambda: _hashed(lines))
    times = timed([ours, short, reader, floor], ground.rounds)
    bare = times[floor.name].median
    for name, start, goals in (
        (ours.name, short, {ANY: Goal("<=", 4.0)}),
        (f"{ours.name}, less imports", reader, {}),
    ):
        taken = times[ours.name].median - times[start.name].median
        yield Taken("G25", name, goals, "ms", taken, bare, floor.name)


def _hashed(lines: Sequence[bytes]) -> None:
    for line in lines:
        text = json.dumps(json.loads(line), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        sha256(text.encode()).hexdigest()


def _commits(ground: Ground) -> Iterator[Taken]:
    """Yield how many commits a conduct of 20 steps with a gate makes, and what they add to its time."""
    store, plain = ground.copy(), floors.commit(ground.copy())
    for key in ("actor", "operator"):
        git(store.root, "config", f"platformstate.{key}", "operator")
    steps = list(true_steps(COMMITTED_STEPS - 1))
    write_procedure(store, "twenty", [*steps, '{key: last, kind: command, run: "true"}'])
    write_procedure(store, "gated", [*steps[:10], '{key: go, kind: gate, prompt: "Go on?"}', *steps[10:]])
    before = _commit_count(store)
    _gated(ground, store)
    yield Taken(
        "G25",
        "commits for 20 steps",
        {ANY: Goal("<=", 1.0)},
        "commits",
        _commit_count(store) - before,
        COMMITS,
        f"{COMMITS} commits",
    )
    ours = in_process("with", lambda: run_ours(ground, store, "procedure", "conduct", "twenty"))
    bare = small_store(ground, "uncommitted")
    write_procedure(bare, "twenty", [*steps, '{key: last, kind: command, run: "true"}'])
    less = in_process(
        "without", lambda: run_ours(ground, bare, "--no-commit", "procedure", "conduct", "twenty")
    )
    times = timed([ours, less, plain], ground.rounds)
    added = times["with"].median - times["without"].median
    goals = {ANY: Goal("<=", 8.0)}
    yield Taken(
        "G25", "time of commits", goals, "ms", added, times[plain.name].median, "one plain git commit"
    )


def _gated(ground: Ground, store: Store) -> None:
    subprocess.run(
        [str(ground.command), "procedure", "conduct", "gated"],
        cwd=store.root,
        capture_output=True,
        check=False,
    )
    run = next((store.root / "state/procedures/gated/runs").iterdir()).name
    for verb in ("approve", "resume"):
        run_ours(ground, store, "run", verb, run)


def _commit_count(store: Store) -> int:
    return int(git(store.root, "rev-list", "--count", "HEAD"))
