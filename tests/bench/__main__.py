"""`python -m tests.bench [SCALE=10k] [ROUNDS=9] [ONLY=G8,G13] [PEERS=auto] [OUT=build/bench.json] [--smoke]`.

Exit 0 if every figure that ran held, 1 if one did not, 2 for a bad argument.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench import figures, peers, report
from tests.bench.figure import PLATFORMCTL, Figure, Ground, NotHere, Taken
from tests.bench.stores import LATER, SCALES
from tests.bench.timing import Timed, timed

LEAST_ROUNDS: Final = 5
SMOKE_ROUNDS: Final = "1"
DEFAULTS: Final = {"SCALE": "10k", "ROUNDS": "9", "ONLY": "", "PEERS": "auto", "OUT": "build/bench.json"}
FAILED: Final = "failed: "


class BadArgument(Exception):
    """An argument that the runner does not understand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one run is to measure."""

    scales: tuple[str, ...]
    rounds: int
    only: tuple[str, ...]
    peers: str
    out: Path
    smoke: bool


def wanted(argv: Sequence[str]) -> Wanted:
    """Read the arguments. Raises BadArgument, which lists what is possible."""
    smoke = "--smoke" in argv
    given = DEFAULTS | ({"ROUNDS": SMOKE_ROUNDS} if smoke else {})
    for word in argv:
        name, equals, value = word.partition("=")
        if word == "--smoke":
            continue
        if not equals or name not in given:
            raise BadArgument(f"{word}: one of {' '.join(f'{key}=…' for key in DEFAULTS)}, or --smoke")
        given[name] = value or given[name]
    scale, known = given["SCALE"], [*(name for name in SCALES if name != "smoke"), *LATER]
    if scale not in (*known, "all"):
        raise BadArgument(f"SCALE={scale}: one of {', '.join(known)}, all")
    rounds = given["ROUNDS"]
    if not rounds.isdecimal() or (int(rounds) < LEAST_ROUNDS and not smoke):
        raise BadArgument(f"ROUNDS={rounds}: a number from {LEAST_ROUNDS}")
    only = tuple(name for name in given["ONLY"].split(",") if name)
    unknown = [name for name in only if name not in figures.MODULES and name not in figures.LATER]
    if unknown:
        raise BadArgument(f"ONLY={','.join(unknown)}: of {', '.join([*figures.MODULES, *figures.LATER])}")
    try:
        peers.asked(given["PEERS"])
    except KeyError as unknown_peer:
        raise BadArgument(
            f"PEERS={given['PEERS']}: auto, none, or of {', '.join(peers.MODULES)}"
        ) from unknown_peer
    given["PEERS"] = peers.NONE if smoke and given["PEERS"] == peers.ALL else given["PEERS"]
    scales = ("smoke",) if smoke else tuple(known) if scale == "all" else (scale,)
    return Wanted(scales, int(rounds), only, given["PEERS"], Path(given["OUT"]), smoke)


def measure(asked: Wanted, scale: str, folder: Path) -> dict[str, Any]:
    """Take every figure asked for at one scale, print a line for each, and return the result file."""
    load = os.getloadavg()[0]
    skipped = [{"name": name, "reason": why} for name, why in figures.LATER.items() if _is_asked(asked, name)]
    skipped.append({"name": "peers", "reason": peers.LATER})
    ground = Ground(folder, scale, asked.rounds, _command())
    rows: list[dict[str, Any]] = []
    for name in figures.MODULES:
        if not _is_asked(asked, name):
            continue
        try:
            rows += _printed(_rows(ground, name), scale)
        except NotHere as reason:
            skipped.append({"name": name, "reason": str(reason)})
        except RuntimeError as failure:
            print(f"{name:<4}{scale:<9}{FAILED}{failure}", flush=True)
            skipped.append({"name": name, "reason": f"{FAILED}{failure}"})
    compared = _compared(ground, asked, skipped)
    return report.document(scale, asked.rounds, ground.store(), rows, skipped, load) | {"peers": compared}


def _compared(ground: Ground, asked: Wanted, skipped: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return what each peer that is here does the same work in; `skipped` gets those that are not."""
    compared = []
    for peer in peers.here(peers.asked(asked.peers)):
        if not isinstance(peer, peers.Peer):
            skipped.append({"name": peer[0], "reason": peer[1]})
            continue
        try:
            rows = list(_printed(_taken(ground, peer.make(ground, peer.program)), ground.scale))
        except (NotHere, RuntimeError) as failure:
            skipped.append({"name": peer.title, "reason": f"it does not work here: {failure}"})
            continue
        compared.append({"name": peer.title, "version": peer.version, "figures": rows})
    return compared


def _rows(ground: Ground, name: str) -> Iterator[dict[str, Any]]:
    return _taken(ground, figures.maker(name)(ground))


def _taken(ground: Ground, made: Sequence[Figure | Taken]) -> Iterator[dict[str, Any]]:
    timed_figures = [figure for figure in made if isinstance(figure, Figure)]
    times = _times(ground, timed_figures) if timed_figures else {}
    for figure in made:
        if isinstance(figure, Taken):
            yield report.taken_row(figure, ground.scale)
        else:
            yield report.row(figure, ground.scale, times)


def _times(ground: Ground, made: Sequence[Figure]) -> dict[str, Timed]:
    """Time all candidates of one id together; a noisy floor gets one second chance."""
    candidates = {one.name: one for figure in made for one in figure.candidates}
    times = timed(candidates.values(), ground.rounds)
    if any(times[name].noisy for figure in made for name in figure.floor):
        times = timed(candidates.values(), ground.rounds)
    return times


def _printed(rows: Iterator[dict[str, Any]], scale: str) -> Iterator[dict[str, Any]]:
    for row in rows:
        print(report.line(row, scale), flush=True)
        yield row


def _is_asked(asked: Wanted, name: str) -> bool:
    return not asked.only or name in asked.only


def _command() -> Path:
    beside = Path(sys.executable).parent / PLATFORMCTL
    found = beside if beside.exists() else Path(shutil.which(PLATFORMCTL) or PLATFORMCTL)
    return found.absolute()


def main(argv: Sequence[str]) -> int:
    """Measure, write the result file, and say whether every goal held."""
    try:
        asked = wanted(argv)
    except BadArgument as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    compileall.compile_dir(report.HOME / "platformstate", quiet=1)
    documents = []
    for scale in asked.scales:
        if scale in LATER:
            print(f"{scale}: skipped, {LATER[scale]}")
            continue
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            documents.append(measure(asked, scale, Path(folder)))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = documents[0] if len(documents) == 1 else documents
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0 if all(_held(document) for document in documents) else 1


def _held(document: dict[str, Any]) -> bool:
    rows, skipped = document["figures"], document["skipped"]
    missed = any(row["held"] is False and not row["noisy"] for row in rows)
    return not missed and not any(one["reason"].startswith(FAILED) for one in skipped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
