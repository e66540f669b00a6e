"""Whether a job is paused: by a line of its ledger, or by the mark of this clone; and changing that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store


def pause_of(store: Store, job: str, lines: Sequence[Mapping[str, Any]], now: str) -> dict[str, Any] | None:
    """Return the pause that holds now, `{reason, until, at, actor}`, None when the job is not paused.

    The line travels with its branch; the mark stays in this clone until `jobs resume`.
    """
    last = next((line for line in reversed(lines) if line["status"] in ("paused", "resumed")), None)
    pauses = [] if last is None or last["status"] == "resumed" else [dict(last)]
    mark = (JobFiles(store.repository.common_dir, job).cursor() or {}).get("paused")
    if isinstance(mark, dict):
        pauses.append(mark)
    for pause in pauses:
        until = pause.get("until")
        if until is None or str(until) > now:
            return {name: pause.get(name) for name in ("reason", "until", "at", "actor")}
    return None
