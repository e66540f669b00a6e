"""`run list|show|steps|verify`, and what a dry run of resume tells: reading only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.conduct_settle import facts_of
from platformstate.actions.run_copies import refuse_malformed
from platformstate.actions.run_site import KnownRun, RunSite, find_run, read_run, sites
from platformstate.entities.step import Step, is_side_effecting
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL
from platformstate.policy.settle import Action, foreseen
from platformstate.policy.standing import RunFacts, condition, next_action, standing, steps_done
from platformstate.policy.steps import Attempt, StepState
from platformstate.policy.walking import AttemptFacts, is_done, situation, trailing

if TYPE_CHECKING:
    from platformstate.store import Store

_PLANNED: Mapping[Action, str] = {
    Action.SKIP: "skip",
    Action.REFUSE: "wait",
    Action.ADOPT: "adopt",
    Action.PROBE: "probe",
    Action.RUN: "run",
    Action.DECIDE: "decide",
    Action.ASK: "run",
    Action.WAIT: "wait",
    Action.BEGIN: "begin",
    Action.STOP: "wait",
}
_BECAUSE: Mapping[str, str] = {
    "skip": "it is done",
    "adopt": "its receipt says how it ended",
    "probe": "done_when is asked",
    "run": "it is not done",
    "decide": "nobody knows whether it had its effect",
    "wait": "somebody has to answer or to end it",
    "begin": "somebody does it by hand",
    "recheck": "what it found must still hold",
}


def list_runs(
    store: Store,
    *,
    subject: str | None = None,
    task: str | None = None,
    status: str | None = None,
    wanted: str | None = None,
    limit: int | None = None,
) -> Answer:
    """Return the runs that meet every condition, newest first. Raises: run_journal_corrupt."""
    found = []
    for site in sites(store, subject):
        known = read_run(site)
        header = known.state.header
        at_task = header.get("task") or site.subject.removeprefix("task/")
        if (status and known.state.status != status) or (task and at_task != task):
            continue
        facts = _quick_facts(store, known)
        if wanted and condition(known.state, facts) != wanted:
            continue
        found.append((str(header.get("started_at", "")), site.run, _row(known, facts)))
    rows = [row for _, _, row in sorted(found, key=lambda one: one[:2], reverse=True)]
    return Answer({"runs": rows if limit is None else rows[:limit]})


def _row(known: KnownRun, facts: RunFacts) -> dict[str, Any]:
    state, header = known.state, known.state.header
    return {
        "run": known.site.named,
        "subject": known.site.subject,
        "status": state.status,
        "condition": condition(state, facts),
        "reason": state.reason,
        "actor": header["actor"],
        "started_at": header.get("started_at"),
        "ended_at": header.get("ended_at"),
        "steps_done": None if known.pin is None else steps_done(state, known.pin),
        "steps_total": None if known.pin is None else len(known.pin.steps),
        "path": known.site.folder,
    }


def show_run(store: Store, text: str) -> Answer:
    """Return a run's header and where it stands. Raises: run_not_found, run_journal_corrupt."""
    known = read_run(find_run(store, text))
    stood = standing(known.state, known.pin, facts_beside(store, known))
    data = {"run": dict(known.state.header), "standing": stood}
    return Answer(data, tuple(stood["next"]))


def show_steps(store: Store, text: str) -> Answer:
    """Return every pinned step of a run with its attempts."""
    known = read_run(find_run(store, text))
    steps = [] if known.pin is None else [_step(known, step) for step in known.pin.steps]
    return Answer({"run": known.site.named, "steps": steps})


def _step(known: KnownRun, step: Step) -> dict[str, Any]:
    state = known.state.walk.at(step.index)
    log = None if state.last is None else known.site.log(step.index, state.last.number)
    there = log is not None and (known.site.root / log).is_file()
    return {
        "step_index": step.index,
        "key": step.key,
        "kind": step.kind,
        "side_effecting": is_side_effecting(step),
        "outcome": _outcome(step, state),
        "attempt": state.last.number if state.last else 0,
        "attempts": [_attempt(attempt) for attempt in state.attempts],
        "log": log if there else None,
    }


def _outcome(step: Step, state: StepState) -> str:
    if step.pinned_skip:
        return "skipped"
    return "in_flight" if state.outcome == "open" else state.outcome


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "outcome": "in_flight" if attempt.outcome == "open" else attempt.outcome,
        "by": attempt.closing.get("by"),
        "exit_code": attempt.closing.get("exit_code"),
        "ms": attempt.closing.get("ms"),
    }


def verify_run(store: Store, text: str) -> Answer:
    """Check a run's chain, pin, header, receipt and commit; the first that fails is the error."""
    site = find_run(store, text)
    faults: list[StateError] = []
    data: dict[str, Any] = {"run": site.named}
    known = _verified(site, data, faults)
    if known is not None:
        data["header"] = {"ok": _header_holds(store, known, faults)}
        data["receipt"] = _receipt_holds(store, known, faults)
        data["committed"] = _committed(store, known)
    return Answer(data, error=faults[0] if faults else None)


def _verified(site: RunSite, data: dict[str, Any], faults: list[StateError]) -> KnownRun | None:
    try:
        known = read_run(site)
        refuse_malformed(site, known.events)
    except StateError as fault:
        faults.append(fault)
        is_pin = fault.code == "run_steps_mismatch"
        data["chain"] = {"ok": is_pin, "events": None, "h": None}
        data["pin"] = {"ok": False, "count": None, "sha256": None} if is_pin else None
        data |= {"header": {"ok": False}, "receipt": None, "committed": {"ok": False, "seq": None}}
        return None
    data["chain"] = {"ok": True, "events": len(known.events), "h": known.events[-1]["h"]}
    recorded = known.state.walk.pin
    data["pin"] = (
        None
        if recorded is None
        else {"ok": True, "count": recorded["step_count"], "sha256": recorded["steps_sha256"]}
    )
    return known


def _header_holds(store: Store, known: KnownRun, faults: list[StateError]) -> bool:
    from platformstate.policy.run_header import header_differences

    try:
        meta = store.read(known.site.header).meta
    except StateError as fault:
        if fault.code == "run_not_found" and known.state.status not in TERMINAL:
            return True
        faults.append(fault)
        return False
    differing = header_differences(known.state.header, meta)
    # A header is written at commits, so a running one may be behind.
    if not differing or known.state.status == "running" or set(differing) <= {"status", "reason"}:
        return True
    faults.append(_differs(known.site.header, f"{differing[0]} is not what the journal says"))
    return False


def _receipt_holds(store: Store, known: KnownRun, faults: list[StateError]) -> dict[str, bool] | None:
    import json

    tree = WorkTree(store.root)
    data = tree.bytes_of(known.site.receipt)
    if data is None:
        return None
    journal = tree.bytes_of(known.site.journal) or b""
    try:
        receipt = json.loads(data)
        ok = receipt["journal"]["sha256"] == sha256(journal).hexdigest()
        ok = ok and receipt["status"] == known.state.status
    except (ValueError, KeyError, TypeError):
        ok = False
    if not ok:
        faults.append(_differs(known.site.receipt, "the receipt is not of this journal"))
    return {"ok": ok}


def _differs(path: str, message: str) -> StateError:
    return StateError("run_header_differs", message, hint=f"git log -p -- {path}", path=path)


def _committed(store: Store, known: KnownRun) -> dict[str, Any]:
    seq = committed_seq(store, known)
    return {"ok": seq == len(known.events) - 1, "seq": seq}


def committed_seq(store: Store, known: KnownRun) -> int | None:
    """Return the last event that HEAD's journal holds, None when HEAD has none of them."""
    if store.repository.head is None:
        return None
    data = dict(store.tree("HEAD").read([known.site.journal])).get(known.site.journal)
    lines = 0 if data is None else data.count(b"\n")
    return lines - 1 if lines else None


def facts_beside(store: Store, known: KnownRun) -> RunFacts:
    """Return what lies beside a run's journal: lock, marks, receipt, drift, commit."""
    from platformstate.actions.conduct_place import is_pinned_here, pin_drift
    from platformstate.store.place import place_of_work

    drift = None
    if known.pin is not None and known.pin.source.kind == "procedure":
        drift = pin_drift(store, known.pin)
    holder = known.state.holder
    stale = holder is not None and holder["clone"] != place_of_work(store.repository).clone
    return RunFacts(
        attempt=_attempt_facts(store, known),
        **_life(store, known),
        drift=drift,
        pin_verified=None if known.pin is None else is_pinned_here(store, known),
        last_seq=len(known.events) - 1,
        committed_seq=committed_seq(store, known),
        stale_possible=stale,
    )


def _quick_facts(store: Store, known: KnownRun) -> RunFacts:
    locked = known.state.status not in TERMINAL and known.site.lease.is_held()
    return RunFacts(AttemptFacts(locked=locked), **_life(store, known))


def _life(store: Store, known: KnownRun) -> dict[str, bool]:
    """Return what proves that a run at a task is dead or has lost its claim."""
    from platformstate.actions.signs_of_life import signs_at
    from platformstate.policy.claims import condition_of

    if not known.site.subject.startswith("task/") or known.state.status != "running":
        return {}
    signs = signs_at(store, known.site, known.state, str(known.events[-1]["at"]), store.now())
    found = condition_of(signs)
    return {"dead": found == "crashed", "expired": found == "stalled"}


def _attempt_facts(store: Store, known: KnownRun) -> AttemptFacts:
    locked = known.state.status not in TERMINAL and known.site.lease.is_held()
    if known.pin is None or known.state.open_attempt is None:
        return AttemptFacts(locked=locked)
    index = known.state.open_attempt[0]
    step, state = known.pin.steps[index], known.state.walk.at(index)
    return facts_of(store, known.site, step, state, known.state.holder, locked=locked)


def plan_resume(store: Store, site: RunSite) -> Answer:
    """Return where a run stands and what a resume would do, step by step; nothing is written or asked."""
    known = read_run(site)
    facts = facts_beside(store, known)
    plan = [] if known.pin is None else list(_plan(known, known.pin.steps, facts))
    stood = standing(known.state, known.pin, facts)
    return Answer({"standing": stood, "plan": plan}, tuple(stood["next"]))


def _plan(known: KnownRun, steps: tuple[Step, ...], facts: RunFacts) -> Iterator[dict[str, Any]]:
    walk = known.state.walk
    again = set(trailing(steps, walk))
    for step in steps:
        if step.index in again:
            action = "recheck"
        elif is_done(step, walk):
            action = "skip"
        else:
            known_step = walk.at(step.index)
            beside = (
                facts.attempt if known_step.outcome == "open" else AttemptFacts(locked=facts.attempt.locked)
            )
            action = _PLANNED[foreseen(situation(step, known_step, beside))]
        yield {"step_index": step.index, "key": step.key, "action": action, "because": _BECAUSE[action]}


def answer_of_known(known: KnownRun) -> Answer:
    """Return the answer of a conduct for a run that was made before; nothing ran now."""
    state, pin = known.state, known.pin
    data: dict[str, Any] = {
        "run": known.site.named,
        "subject": known.site.subject,
        "path": known.site.folder,
        "status": state.status,
        "reason": state.reason,
        "steps_total": 0 if pin is None else len(pin.steps),
        "steps_done": 0 if pin is None else steps_done(state, pin),
        "executed": [],
        "failure": None,
        "drift": False,
        "next_action": next_action(state, pin, RunFacts()),
        "commit": None,
        "pending": False,
        "write": None,
    }
    return Answer(data)
