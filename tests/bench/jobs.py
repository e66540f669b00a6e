"""Jobs for the figures: many of them on schedules that are not due, or one that runs `true`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from platformstate.actions.init import BLOCKS
from tests.bench.conducts import run_ours, small_store
from tests.bench.figure import Ground
from tests.bench.stores import Store, git

ZONES: Final = (
    "UTC",
    "Europe/Warsaw",
    "Europe/Berlin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Lord_Howe",
)
MANUAL_EVERY: Final = 100
BEFORE: Final = "2026-11-20T10:10:00Z"
NOW: Final = "2026-11-20T10:11:30Z"  # no slot of any of them lies between
SPEC: Final = """---
schema: job/1
id: {id}

title: Job {id}

target: {{kind: command, argv: ["true"]}}

trigger: {{{trigger}}}
---
"""


def many_jobs(ground: Ground, number: int) -> Store:
    """Return a store of so many jobs, one in a hundred by hand, that was ticked a moment ago."""
    store = small_store(ground, f"jobs-{number}")
    for name, text in _specs(number):
        _write(store, name, text)
    _land(store)
    run_ours(ground, store, "jobs", "tick", now=BEFORE)
    return store


def one_job(ground: Ground, name: str, argv: str = '["true"]') -> Store:
    """Return a store with one approved job, started by hand."""
    store = small_store(ground, f"job-{name}")
    text = SPEC.format(id=name, trigger="kind: manual").replace('["true"]', argv)
    _write(store, name, text)
    _land(store)
    run_ours(ground, store, "jobs", "approve", name)
    return store


def minute_job(ground: Ground, name: str) -> Store:
    """Return a store of its own with the approved job `minutely`, whose slots are for a backfill to run."""
    store = small_store(ground, name)
    _write(
        store, "minutely", SPEC.format(id="minutely", trigger='kind: cron, cron: "* * * * *", timezone: UTC')
    )
    (store.root / ".gitignore").write_bytes(BLOCKS[".gitignore"])  # as `init` writes it
    git(store.root, "add", ".gitignore")
    _land(store)
    run_ours(ground, store, "jobs", "approve", "minutely")
    return store


def _specs(number: int) -> Iterator[tuple[str, str]]:
    for at in range(number):
        zone = ZONES[at % len(ZONES)]
        cron = f'kind: cron, cron: "{at % 10} {at % 24} * * *", timezone: {zone}'
        name = f"job-{at:05d}"
        yield name, SPEC.format(id=name, trigger="kind: manual" if at % MANUAL_EVERY == 0 else cron)


def _write(store: Store, name: str, text: str) -> None:
    folder = store.root / "state" / "jobs" / name
    folder.mkdir(parents=True)
    (folder / "job.md").write_text(text, encoding="utf-8")


def _land(store: Store) -> None:
    git(store.root, "add", "state/jobs")
    git(store.root, "commit", "-q", "-m", "bench: write jobs")
