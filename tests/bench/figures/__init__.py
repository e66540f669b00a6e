"""One module a figure; each has `make(ground)`, which returns the figures of that id."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.bench.figure import Maker

MODULES: Final = {
    "G1": "g01_version",
    "G2": "g02_help",
    "G3": "g03_hook_without_state",
    "G4": "g04_hook_with_state",
    "G6": "g06_validate",
    "G8": "g08_checkpoint",
    "G9": "g09_each",
    "G10": "g10_batch",
    "G13": "g13_show_and_brief",
    "G14": "g14_many_writers",
    "G15": "g15_many_processes",
    "G16": "g16_untracked_cache",
    "G17": "g17_growth",
    "G18": "g18_parse",
    "G19": "g19_append",
    "G20": "g20_resume",
    "G21": "g21_idle_tick",
    "G22": "g22_job_run",
    "G23": "g23_memory",
    "G24": "g24_bytes",
    "G25": "g25_conduct",
    "G26": "g26_range",
    "G27": "g27_fmt",
    "G28": "g28_hostile",
    "G29": "g29_batch_and_long_brief",
    "G30": "g30_mirror",
    "G31": "g31_many_runs",
    "G32": "g32_tail",
}
LATER: Final = {
    "G5": "the cache does not exist yet",
    "G7": "the cache does not exist yet",
    "G11": "the cache does not exist yet",
    "G12": "the cache does not exist yet",
}


def maker(figure: str) -> Maker:
    """Return the function that makes the figures of an id."""
    made: Maker = import_module(f"tests.bench.figures.{MODULES[figure]}").make
    return made
