"""The example corpus: every file under examples/<kind>/valid and examples/<kind>/invalid is a test.

Beside each invalid file stands `<name>.expected`, a line `line:col code pointer` for each problem.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from platformstate.core.catalog import KINDS
from platformstate.errors import Problem

EXAMPLES: Final = Path(__file__).parent.parent.parent / "examples"
RUN: Final = "state/tasks/gh-460/runs/20261120t101130z-3k9xma"
PLACES: Final = {
    "task": "state/tasks/gh-460/task.md",
    "run": f"{RUN}/run.md",
    "checkpoint": f"{RUN}/checkpoints/20261120t103501z-7fq2ka.md",
    "event": f"{RUN}/events.jsonl",
    "receipt": f"{RUN}/run_receipt.json",
    "evidence": "state/evidence/operator-20261120t110000z-7fq2ka.json",
    "store": "state/store.yaml",
    "procedure": "state/procedures/release-hotfix/procedure.md",
    "resolved_steps": f"{RUN}/resolved_steps.json",
    "job": "state/jobs/nightly-export/job.md",
    "ledger": "state/jobs/nightly-export/ledger/2026-11.k3m7qa2b.jsonl",
}


def files(verdict: str) -> list[Path]:
    """Return the corpus files of one verdict, valid or invalid."""
    return sorted(
        path for kind in KINDS for path in (EXAMPLES / kind / verdict).glob("*") if path.suffix != ".expected"
    )


def kind_of(path: Path) -> str:
    """Return the kind that a corpus file is an example of."""
    return path.parent.parent.name


def name_of(path: Path) -> str:
    """Return a corpus file's name for test reports."""
    return f"{kind_of(path)}-{path.stem}"


def expected(path: Path) -> list[str]:
    """Return what the file beside an invalid example says."""
    return path.with_suffix(".expected").read_text("utf-8").splitlines()


def told(problems: Iterable[Problem]) -> list[str]:
    """Return problems as lines of an `.expected` file."""
    return [f"{problem.line}:{problem.col} {problem.code} {problem.pointer}".rstrip() for problem in problems]
