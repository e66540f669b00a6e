"""One module a peer: the same work by ours and by theirs. Nothing is installed; one that is not here is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.figure import Figure, Ground, NotHere, Taken

MODULES: Final = {"dagu": "Dagu", "dlt": "dlt", "pre-commit": "pre-commit"}
LATER: Final = "comparison with the other peers comes later"
ALL: Final = "auto"
NONE: Final = "none"

Maker = Callable[[Ground, Path], Sequence[Figure | Taken]]


class Peer(NamedTuple):
    """A peer that is here: its name, its program, and what makes the figures."""

    title: str
    program: Path
    version: str
    make: Maker


def asked(names: str) -> list[str]:
    """Return the peers that PEERS means: `auto` for all, `none`, or names with commas. Raises KeyError."""
    if names in (ALL, NONE):
        return list(MODULES) if names == ALL else []
    wanted = names.split(",")
    for name in wanted:
        if name not in MODULES:
            raise KeyError(name)
    return wanted


def found(name: str) -> Peer:
    """Return a peer of this machine. Raises NotHere."""
    module = name.replace("-", "_")
    place = os.environ.get(f"BENCH_{module.upper()}") or shutil.which(name)
    if place is None:
        raise NotHere(f"{name} not on PATH")
    home = import_module(f"tests.bench.peers.{module}")
    said = subprocess.run([place, *home.VERSION], capture_output=True, text=True, check=False)
    lines = (said.stdout + said.stderr).split("\n")
    return Peer(MODULES[name], Path(place), lines[0].strip() or "unknown", home.make)


def here(names: Sequence[str]) -> Iterator[Peer | tuple[str, str]]:
    """Yield each peer, or its name and why it is not here."""
    for name in names:
        try:
            yield found(name)
        except NotHere as reason:
            yield MODULES[name], str(reason)
