"""Make rows and the result file of a run."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.bench.figure import Figure, Goal, Taken
from tests.bench.stores import SEED, Store
from tests.bench.timing import Timed

HOME: Final = Path(__file__).parent.parent.parent
PACKAGES: Final = ("click", "PyYAML", "jsonschema-rs", "jsonschema", "GitPython", "python-frontmatter")
PLACES: Final = 3


def row(figure: Figure, scale: str, times: Mapping[str, Timed]) -> dict[str, Any]:
    """Return one figure's row of the result file."""
    ours, floors = times[figure.ours], [times[name] for name in figure.floor]
    value = figure.value(ours)
    floor = sum(figure.value(one) for one in floors)
    timed_by_wall = figure.unit == "ms"
    least = sum(one.minimum for one in floors)
    ratio = value / floor
    return {
        "id": figure.id,
        "name": figure.name,
        "unit": figure.unit,
        "ours": {
            "median": round(value, PLACES),
            "min": round(ours.minimum if timed_by_wall else value, PLACES),
            "p90": round(ours.p90 if timed_by_wall else value, PLACES),
            "cpu": round(ours.cpu, PLACES),
            "rss_mb": round(ours.rss, 1),
        },
        "floor": {
            "name": figure.floor_name,
            "median": round(floor, PLACES),
            "min": round(least if timed_by_wall else floor, PLACES),
        },
        "ratio": round(ratio, PLACES),
        "ratio_of_minima": round(ours.minimum / least if timed_by_wall else ratio, PLACES),
        **_verdict(figure.goal(scale), ratio),
        "noisy": timed_by_wall and any(one.noisy for one in floors),
    }


def taken_row(taken: Taken, scale: str) -> dict[str, Any]:
    """Return the row of a figure that was not timed in rounds."""
    ratio = taken.ours / taken.floor
    ours, floor = round(taken.ours, PLACES), round(taken.floor, PLACES)
    return {
        "id": taken.id,
        "name": taken.name,
        "unit": taken.unit,
        "ours": {"median": ours, "min": ours, "p90": ours, "cpu": 0.0, "rss_mb": 0.0},
        "floor": {"name": taken.floor_name, "median": floor, "min": floor},
        "ratio": round(ratio, PLACES),
        "ratio_of_minima": round(ratio, PLACES),
        **_verdict(taken.goal(scale), ratio),
        "noisy": False,
    }


def line(figure: Mapping[str, Any], scale: str) -> str:
    """Return the line of one figure on stdout."""
    goal = f"goal {figure['goal']}" if figure["goal"] else "no goal here"
    verdict = {True: "held", False: "NOT HELD", None: ""}[figure["held"]]
    text = (
        f"{figure['id']:<4}{scale:<9}{figure['name']:<32}{figure['ratio']:>8.2f} x {figure['floor']['name']}"
    )
    return f"{text:<85} {goal:<14} {verdict}{'  noisy' if figure['noisy'] else ''}".rstrip()


def document(
    scale: str, rounds: int, store: Store, rows: Sequence[Any], skipped: Sequence[Any], load: float
) -> dict[str, Any]:
    """Return the result file of one scale."""
    import yaml

    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HOME, capture_output=True, text=True, check=False
    )
    dirty = subprocess.run(
        ["git", "status", "--porcelain"], cwd=HOME, capture_output=True, text=True, check=False
    )
    return {
        "schema": "platformstate-bench/1",
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit.stdout.strip() or "0" * 40,
        "dirty": bool(dirty.stdout.strip()),
        "seed": SEED,
        "rounds": rounds,
        "scale": scale,
        "environment": {
            "python": platform.python_version(),
            "git": git.split()[2],
            "system": platform.system(),
            "cores": os.cpu_count() or 1,
            "load_before": round(load, 2),
            "load_after": round(os.getloadavg()[0], 2),
            "libyaml": bool(yaml.__with_libyaml__),
            "packages": {name: version(name) for name in PACKAGES},
        },
        "store": {"files": store.files, "bytes": store.bytes, "tasks": store.scale.tasks},
        "figures": list(rows),
        "peers": [],
        "skipped": list(skipped),
    }


def _verdict(goal: Goal | None, ratio: float) -> dict[str, Any]:
    if goal is None:
        return {"goal": None, "stretch": None, "held": None, "stretch_held": None}
    stretch = goal.stretch
    return {
        "goal": f"{goal.sign} {goal.bound:g}",
        "stretch": None if stretch is None else f"{goal.sign} {stretch:g}",
        "held": goal.held(ratio),
        "stretch_held": None if stretch is None else goal.held(ratio, stretch),
    }
