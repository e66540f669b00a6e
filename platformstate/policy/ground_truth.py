"""Compare what checkpoints claim with what is found now: confirmed, contradicted or unverifiable.

Pure: what git and the work tree say is asked beforehand and handed in as `Found`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.policy.chain import Chain, CheckpointFacts, RunFacts
from platformstate.policy.steps import Walk

MAX_COMMANDS: Final = 20
MAX_EVIDENCE: Final = 20
VERDICTS: Final = ("contradicted", "unverifiable", "confirmed")
# What was found of items of evidence: by checkpoint or criterion, and place in its list.
Verdicts = Mapping[tuple[str, int], Mapping[str, Any]]
_OF_EVIDENCE: Final = {
    "holds": "confirmed",
    "broken": "contradicted",
    "drifted": "contradicted",
    "unverifiable": "unverifiable",
}


class Found(NamedTuple):
    """What is found now about the newest checkpoint's claims; None means that it cannot be known.

    `tip` names what the commit was compared with. `contained` says whether it is that tip or an
    ancestor of it, `present` whether this clone has the commit at all.
    """

    tip: str = "HEAD"
    present: bool | None = None
    contained: bool | None = None
    branch_exists: bool | None = None
    dirty: int | None = None
    evidence: Verdicts = {}


def ground_truth(chain: Chain, acceptance: Sequence[Mapping[str, Any]], found: Found) -> list[dict[str, Any]]:
    """Return a line for each claim of the chain that can be compared: contradicted ones first."""
    standing = chain.standing
    if not standing:
        return []
    lines = [*_git_lines(standing[0], found), *_criterion_lines(standing, acceptance)]
    lines += [*_evidence_lines(standing, found.evidence)]
    lines += [*_command_lines(chain.checkpoints, standing), _step_line(chain)]
    return sorted(lines, key=lambda line: VERDICTS.index(line["verdict"]))


def _git_lines(newest: CheckpointFacts, found: Found) -> Iterable[dict[str, Any]]:
    git = newest.meta["git"]
    yield _line("commit", newest, git["commit"] or "none", *_commit_verdict(git["commit"], found))
    yield _line("branch", newest, git["branch"] or "none", *_branch_verdict(git["branch"], found))
    yield _line("dirty", newest, f"{git['dirty']} paths", *_dirty_verdict(git["dirty"], found))


def _commit_verdict(commit: str | None, found: Found) -> tuple[str, str]:
    if commit is None:
        return "no commit was recorded", "unverifiable"
    if found.contained:
        return f"in the history of {found.tip}", "confirmed"
    if found.present is False and found.contained is None:
        return "not in this clone, whose history is cut", "unverifiable"
    if found.contained is None:
        return "cannot be compared here", "unverifiable"
    if found.present is False:
        return "no such commit", "contradicted"
    return f"not in the history of {found.tip}", "contradicted"


def _branch_verdict(branch: str | None, found: Found) -> tuple[str, str]:
    if branch is None:
        return "no branch was recorded", "unverifiable"
    if found.branch_exists is None:
        return "branches are not looked at here", "unverifiable"
    return ("exists", "confirmed") if found.branch_exists else ("no such branch", "contradicted")


def _dirty_verdict(dirty: int, found: Found) -> tuple[str, str]:
    if found.dirty is None:
        return "that worktree is not this one", "unverifiable"
    return f"{found.dirty} paths", "confirmed" if found.dirty == dirty else "contradicted"


def _step_line(chain: Chain) -> dict[str, Any]:
    """Compare the newest step that a checkpoint speaks of with the journal of its run."""
    said = next((told for told in chain.standing if "step" in told.meta), None)
    newest = said or chain.standing[0]
    run = next(run for run in chain.runs if run.id == newest.meta["run"])
    step = None if said is None else said.meta["step"]
    text = "none" if step is None else _step_text(step)
    return _line("step", newest, text, *_step_verdict(run, step))


def _step_text(step: Mapping[str, Any]) -> str:
    return f"step {step['step_index']} {step['key']}, attempt {step['attempt']} {step['outcome']}"


def _step_verdict(run: RunFacts, step: Mapping[str, Any] | None) -> tuple[str, str]:
    if run.fault is not None:
        return f"the run's steps do not verify: {run.fault}", "contradicted"
    if run.pin is None or run.state is None:
        return "no steps are pinned", "unverifiable" if step is None else "contradicted"
    from platformstate.policy.walking import cursor, where  # most runs pin no steps

    index = cursor(run.pin.steps, run.state.walk) if step is None else step["step_index"]
    if index is None:
        return "the journal verifies: every pinned step is done", "confirmed"
    if step is None:
        return f"the journal verifies: {_step_text(where(run.pin.steps, run.state.walk, index))}", "confirmed"
    known = run.pin.steps[index] if index < len(run.pin.steps) else None
    if known is None or known.key != step["key"] or not _was_tried(run.state.walk, step):
        return "the journal knows nothing of it", "contradicted"
    return f"the journal verifies: {_step_text(where(run.pin.steps, run.state.walk, index))}", "confirmed"


def _was_tried(walk: Walk, step: Mapping[str, Any]) -> bool:
    """Say whether a journal knows the attempt that a checkpoint speaks of; it may have gone on since."""
    if step["outcome"] in ("none", "skipped", "carried"):
        return True
    return bool(step["attempt"] <= len(walk.at(step["step_index"]).attempts))


def _evidence_lines(standing: Sequence[CheckpointFacts], checked: Verdicts) -> Iterable[dict[str, Any]]:
    """Yield a line for each of the newest items of evidence that was checked again."""
    for checkpoint in standing:
        for number, item in enumerate(checkpoint.meta.get("evidence", ())):
            verdict = checked.get((checkpoint.id, number))
            if verdict is not None:
                said, found = f"{item['type']}:{item['ref']}", f"{verdict['verdict']}: {verdict['detail']}"
                claim = f"evidence:{checkpoint.id}#{number}"
                yield _line(claim, checkpoint, said, found, _OF_EVIDENCE[verdict["verdict"]])


def _criterion_lines(
    standing: Sequence[CheckpointFacts], acceptance: Sequence[Mapping[str, Any]]
) -> Iterable[dict[str, Any]]:
    """Yield the newest claim about each criterion that is said to be met."""
    known = {criterion["id"]: criterion for criterion in acceptance}
    seen = set()
    for checkpoint in standing:
        for claim in checkpoint.meta.get("criteria", ()):
            name = claim["id"]
            if name not in seen and claim["state"] == "met":
                yield _line(f"criterion:{name}", checkpoint, "met", *_criterion_verdict(known.get(name)))
            seen.add(name)


def _criterion_verdict(criterion: Mapping[str, Any] | None) -> tuple[str, str]:
    """Judge a criterion by its evidence, as it was checked for its acceptance."""
    if criterion is None:
        return "the task says nothing of it", "unverifiable"
    verdicts = [item["verdict"] for item in criterion["evidence"]]
    text = f"the task says {criterion['state']}"
    if bad := [word for word in verdicts if word in ("broken", "drifted")]:
        return f"{text}; its evidence is {bad[0]}", "contradicted"
    if criterion["state"] == "met" and "holds" in verdicts:
        return f"{text}; its evidence holds", "confirmed"
    return f"{text}; {'its evidence cannot be judged' if verdicts else 'it has no evidence'}", "unverifiable"


def _command_lines(
    checkpoints: Sequence[CheckpointFacts], standing: Sequence[CheckpointFacts]
) -> Iterable[dict[str, Any]]:
    last_executed = _last_executed(checkpoints)
    numbered = [
        (checkpoint, number, command)
        for checkpoint in standing
        for number, command in enumerate(checkpoint.meta.get("commands", ()))
    ]
    for checkpoint, number, command in numbered[:MAX_COMMANDS]:
        said = f"exit {command['exit_code']} of {shlex.join(command['argv'])}"
        executed = last_executed.get(tuple(command["argv"]))
        found, verdict = _command_verdict(checkpoint, command, executed)
        yield _line(f"command:{checkpoint.id}#{number}", checkpoint, said, found, verdict)


def _command_verdict(
    checkpoint: CheckpointFacts,
    command: Mapping[str, Any],
    executed: tuple[str, Mapping[str, Any]] | None,
) -> tuple[str, str]:
    """Judge one command; what was executed and recorded stays true when a later run ends otherwise."""
    if command["output_sha256"] is not None:
        return "executed and recorded then", "confirmed"
    if executed is None or executed[0] <= checkpoint.id or executed[1]["exit_code"] == command["exit_code"]:
        return "only said", "unverifiable"
    return f"exit {executed[1]['exit_code']} when executed at {executed[1]['at']}", "contradicted"


def _last_executed(
    checkpoints: Iterable[CheckpointFacts],
) -> dict[tuple[str, ...], tuple[str, Mapping[str, Any]]]:
    return {
        tuple(command["argv"]): (checkpoint.id, command)
        for checkpoint in checkpoints
        for command in checkpoint.meta.get("commands", ())
        if command["output_sha256"] is not None
    }


def _line(claim: str, checkpoint: CheckpointFacts, said: str, found: str, verdict: str) -> dict[str, Any]:
    return {"claim": claim, "checkpoint": checkpoint.id, "said": said, "found": found, "verdict": verdict}
