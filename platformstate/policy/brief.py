"""Make a brief: what a new agent needs to go on with a task, from records alone. Pure.

The result is the `Brief` of `--json`, uncut; `brief_text` makes the Markdown of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.entities import checkpoint as checkpoints
from platformstate.entities import run as runs
from platformstate.entities.task import DEFAULT_PRIORITY
from platformstate.policy.chain import Chain, CheckpointFacts, RunFacts
from platformstate.policy.ground_truth import Found, Verdicts, ground_truth
from platformstate.policy.lifecycle import STARTS_WORK, ready_command

RECENT: Final = 5
# Of a step that is not done; whatever else it may have become has failed.
_STEP_OUTCOMES: Final = {"none": "none", "not_started": "none", "open": "in_flight", "unknown": "unknown"}
_HEADINGS: Final = {"goal": "Goal", "context": "Context", "constraints": "Constraints"}


class Known(NamedTuple):
    """Everything that a brief is made from: records as read, and what git said about them."""

    task: Mapping[str, Any]
    sections: Mapping[str, str]
    rev: str
    runs: tuple[RunFacts, ...]
    checkpoints: tuple[CheckpointFacts, ...]
    chain: Chain
    found: Found
    sources: tuple[str, ...]
    depends_on: Mapping[str, str | None]
    at_rev: str | None = None
    pending: tuple[str, ...] = ()
    conducts: tuple[Mapping[str, Any], ...] = ()
    evidence: Verdicts = {}
    claim: Mapping[str, Any] | None = None
    conditions: Mapping[str, str | None] = {}


def brief_of(known: Known) -> dict[str, Any]:
    """Return the brief of a task as `--json` has it, without its `budget`."""
    task, chain = known.task, known.chain
    acceptance = [_criterion(criterion, known.evidence) for criterion in task.get("acceptance", ())]
    truth = ground_truth(chain, acceptance, known.found)
    return {
        "task": task["id"],
        "title": task["title"],
        "rev": known.rev,
        "at_rev": known.at_rev,
        "sources": list(known.sources),
        "status": task["status"],
        "priority": task.get("priority", DEFAULT_PRIORITY),
        "condition": None if chain.run is None else known.conditions.get(chain.run.id),
        "run": None if chain.run is None else _run(known, chain.run),
        "claim": None if known.claim is None else dict(known.claim),
        **_wanted(known),
        "acceptance": acceptance,
        "next": _next(known),
        "ground_truth": truth,
        "trust": _trust(chain, truth),
        **_statements(chain.standing),
        "recent": [_recent(checkpoint, chain) for checkpoint in chain.checkpoints[::-1][:RECENT]],
        "files": sorted({path for said in chain.checkpoints for path in said.meta.get("files", ())}),
        "runs": [_run(known, run) for run in known.runs],
        "conducts": [dict(conduct) for conduct in known.conducts],
        "late": list(chain.late),
        "pending": list(known.pending),
    }


def last_sign_of_life(chain: Chain) -> str | None:
    """Return the last instant at which the newest run of the chain is known to have done anything."""
    if chain.run is None:
        return None
    said = [str(c.meta["at"]) for c in chain.checkpoints if c.meta["run"] == chain.run.id]
    told = [chain.run.last_event_at] if chain.run.last_event_at else []
    return max([*said, *told], default=None)


def run_row(run: RunFacts, said: Iterable[CheckpointFacts], condition: str | None = None) -> dict[str, Any]:
    """Return a run as it stands in a list, with the number of its checkpoints."""
    return runs.row(run.header, sum(checkpoint.meta["run"] == run.id for checkpoint in said), condition)


def _run(known: Known, run: RunFacts) -> dict[str, Any]:
    return run_row(run, known.checkpoints, known.conditions.get(run.id))


def next_step(run: RunFacts | None) -> dict[str, Any] | None:
    """Return the first pinned step that is not done, as the run's journal has it."""
    if run is None or run.pin is None or run.state is None:
        return None
    from platformstate.policy.walking import cursor  # most runs pin no steps

    index = cursor(run.pin.steps, run.state.walk)
    if index is None:
        return None
    step, known = run.pin.steps[index], run.state.walk.at(index)
    return {
        "run": run.id,
        "step_index": index,
        "key": step.key,
        "total": len(run.pin.steps),
        "attempt": known.last.number if known.last else 0,
        "outcome": _STEP_OUTCOMES.get(known.outcome, "failed"),
        "text": getattr(step, "instruct", None),
        "verify": getattr(step, "verify_text", None),
    }


def _criterion(criterion: Mapping[str, Any], checked: Verdicts) -> dict[str, Any]:
    plain = {name: criterion[name] for name in ("id", "text", "proof", "state")}
    items = enumerate(criterion.get("evidence", ()))
    verdicts = [dict(checked.get((criterion["id"], number)) or _unchecked(item)) for number, item in items]
    return {**plain, "moved_to": criterion.get("moved_to"), "evidence": verdicts}


def _unchecked(item: Mapping[str, Any]) -> dict[str, Any]:
    said = {"type": item.get("type"), "ref": item.get("ref")}
    return {**said, "verdict": "unverifiable", "detail": "not checked here"}


def _wanted(known: Known) -> dict[str, Any]:
    task = known.task
    texts = {name: known.sections.get(heading) or None for name, heading in _HEADINGS.items()}
    limits = {name: task.get(name) for name in ("scope", "stop_conditions", "approvals_needed", "budget")}
    return {
        **texts,
        "base_commit": task.get("base_commit"),
        "branch": task.get("branch"),
        "refs": list(task.get("refs", ())),
        "spec_refs": [
            {"path": spec["path"], "commit": spec.get("commit")} for spec in task.get("spec_refs", ())
        ],
        "depends_on": [
            {"id": name, "status": known.depends_on.get(name)} for name in task.get("depends_on", ())
        ],
        "limits": {"out_of_scope": known.sections.get("Out of scope") or None, **limits},
    }


def _next(known: Known) -> dict[str, Any]:
    stated = next((said for said in known.chain.standing if said.meta.get("next_action")), None)
    action, verify = (
        (None, None) if stated is None else (stated.meta["next_action"], stated.meta.get("next_verify"))
    )
    return {
        "action": action,
        "verify": verify,
        "last_verify": _last_result(known.chain, verify),
        "step": next_step(known.chain.run),
        "commands": _commands(known),
    }


def _last_result(chain: Chain, verify: str | None) -> dict[str, Any] | None:
    words = _words(verify)
    for said in chain.standing:
        for command in reversed(said.meta.get("commands", ())):
            if words and command["argv"] == words:
                return {name: command[name] for name in ("argv", "exit_code", "at")}
    return None


def _words(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError:
        return []


def _commands(known: Known) -> list[str]:
    """Return the commands with which to go on; they hold ids of ours only, never text of others."""
    task, status = str(known.task["id"]), str(known.task["status"])
    show = f"platformctl task show {task}"
    record = f'platformctl memory checkpoint create --task {task} --kind {{}} --summary "…" --next "…"'
    if status in STARTS_WORK:
        told = _step_commands(known)
        return [*told, record.format("progress" if known.chain.run else "start"), show]
    if status in ("intake", "refining") and not known.task.get("acceptance"):
        return [ready_command(task), show]
    if status in ("intake", "refining", "parked"):
        return [f"platformctl task update {task} --status ready", show]
    return [show]


def _step_commands(known: Known) -> list[str]:
    """Return how to tell of the next pinned step, as long as its run goes on."""
    step, run = next_step(known.chain.run), known.chain.run
    if step is None or run is None or run.header["status"] != "running":
        return []
    word = "done" if step["outcome"] == "in_flight" else "begun"
    checkpoint = f"platformctl memory checkpoint create --task {known.task['id']} --kind progress"
    return [f"{checkpoint} --step {step['key']}={word}"]


def _trust(chain: Chain, truth: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    verified = [said for said in chain.standing if said.meta["confidence"] == "verified"]
    observed = [s for s in chain.standing if s not in verified and s.meta["basis"] != "self_report"]
    return {
        "verified": len(verified),
        "observed": len(observed),
        "self_reported": len(chain.standing) - len(verified) - len(observed),
        "contradicted": sum(line["verdict"] == "contradicted" for line in truth),
    }


def _statements(standing: Sequence[CheckpointFacts]) -> dict[str, list[dict[str, Any]]]:
    def items(section: str) -> list[dict[str, Any]]:
        return [_item(said, text) for said in standing for text in said.body.get(section, ())]

    asked = [
        _item(said, f"waits on {blocker['waits_on']}: {blocker['ask']}")
        for said in standing
        for blocker in said.meta.get("blockers", ())
    ]
    return {
        "failed": items("failed"),
        "decisions": items("decisions"),
        "blockers": asked,
        "questions": items("questions"),
    }


def _item(said: CheckpointFacts, text: str) -> dict[str, Any]:
    source = {name: said.meta.get(name) for name in ("author", "observer", "basis", "confidence")}
    return {"checkpoint": said.id, **source, "text": text}


def _recent(said: CheckpointFacts, chain: Chain) -> dict[str, Any]:
    return checkpoints.row(said.meta, said.body, said.path, chain.superseded_by.get(said.id))
