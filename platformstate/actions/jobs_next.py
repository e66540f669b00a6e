"""`jobs next`: when a job, or any expression, fires next, and what daylight saving time did to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timezone
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.answer import Answer
from platformstate.core.instants import instant, moment_of
from platformstate.errors import StateError, Warned
from platformstate.policy.cron import cron
from platformstate.policy.slots import Fire, fires
from platformstate.policy.zones import tzdata_version

if TYPE_CHECKING:
    from platformstate.store import Store

MAX_FIRES: Final = 1_000


def next_of_job(store: Store, prefix: str, *, after: str | None, count: int) -> Answer:
    """Return the next instants of a job of the working files. Raises: job_not_found, job_invalid_spec."""
    from platformstate.actions.job_specs import resolve_job, working_job

    name = resolve_job(store, prefix)
    trigger = working_job(store, name).whole["trigger"]
    if trigger["kind"] != "cron":
        raise StateError(
            "job_trigger_invalid",
            f"{name} has no schedule: its trigger is {trigger['kind']}",
            hint=f"platformctl jobs run {name}",
        )
    return next_of(trigger["cron"], trigger["timezone"], after or store.now(), count, trigger["dst"])


def next_of(expr: str, zone: str, after: str, count: int, dst: Mapping[str, Any] | None = None) -> Answer:
    """Return the next instants of an expression. Raises: job_trigger_invalid, usage_invalid."""
    if not 1 <= count <= MAX_FIRES:
        raise StateError("usage_invalid", f"-n {count} is no number from 1 to {MAX_FIRES}", hint="-n 5")
    found = fires(expr, zone, moment_of("--after", after), **(dst or {}))
    checked = cron(expr)
    data = {
        "expr": expr,
        "zone": zone,
        "kind": "wildcard" if checked.is_wildcard else "fixed",
        "tzdata": tzdata_version(),
        "fires": [_row(fire) for fire in islice(found, count)],
    }
    message = "engines disagree about a step over all days beside a restriction; here both must match"
    doubts = (Warned("job_cron_ambiguous_day", message),) if checked.has_ambiguous_day else ()
    return Answer(data, warnings=doubts)


def _row(fire: Fire) -> dict[str, Any]:
    local = fire.at.astimezone(timezone(fire.offset)).isoformat(timespec="seconds")
    return {"at": instant(fire.at), "local": local, "note": fire.note}
