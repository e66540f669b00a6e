"""A run.md beside its journal: it follows at commits, and a resume is none."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.core.document import Document
from platformstate.entities.kinds import RUN
from platformstate.policy.journal import fold
from platformstate.policy.run_header import header_problems

AT = "2026-11-20T10:11:30Z"
DEFINED = {
    "type": "RunDefined",
    "run": "20261120t101130z-7fq2ka",
    "subject": "procedure/demo",
    "actor": "ann",
}
SUSPENDED = {"type": "RunSuspended", "reason": "gate"}
CRASHED = {"type": "RunSuspended", "reason": "crashed"}
STARTED, RESUMED = {"type": "RunStarted"}, {"type": "RunResumed"}
BEGUN = (DEFINED, STARTED)


def rows(events: tuple[dict[str, Any], ...]) -> list[tuple[int, dict[str, Any]]]:
    return [(seq + 1, {**event, "seq": seq, "at": AT}) for seq, event in enumerate(events)]


@pytest.mark.parametrize(
    ("events", "lagging", "is_fine"),
    [
        ((*BEGUN, SUSPENDED, RESUMED), 3, True),
        ((*BEGUN, SUSPENDED, RESUMED, CRASHED, RESUMED), 3, True),
        ((*BEGUN, CRASHED, RESUMED), 2, True),
        ((*BEGUN, SUSPENDED, RESUMED, SUSPENDED, RESUMED), 5, True),
        ((*BEGUN, SUSPENDED), 2, False),
        ((*BEGUN, SUSPENDED, RESUMED, SUSPENDED), 2, False),
        ((*BEGUN, SUSPENDED, RESUMED, {"type": "RunSuspended", "reason": "held"}, RESUMED), 3, False),
        ((*BEGUN, SUSPENDED, RESUMED, {"type": "RunSucceeded"}), 3, False),
    ],
)
def test_a_header_may_be_that_of_before_a_running_run_was_resumed(
    events: tuple[dict[str, Any], ...], lagging: int, is_fine: bool
) -> None:
    meta: Any = dict(fold([row for _, row in rows(events)[:lagging]]).header)
    header = Document(RUN, "state/procedures/demo/runs/20261120t101130z-7fq2ka/run.md", meta, "", "")
    assert (header_problems(header, rows(events)) == ()) is is_fine
    other = Document(RUN, header.path, {**meta, "actor": "bob"}, "", "")
    assert [problem.code for problem in header_problems(other, rows(events))] == ["run_header_differs"]
