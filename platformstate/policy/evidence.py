"""What proves a criterion, and what each finding about a piece of evidence means. Pure.

What git and the files say is asked beforehand and handed in as `Facts`; a finding's code decides
its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from platformstate.core.places import place_of
from platformstate.entities.choices import CHOICES
from platformstate.errors import StateError, shown
from platformstate.policy.parity import Parity, parity_finding

TYPES: Final = CHOICES["EvidenceItem.type"]
SHORT: Final = {"cmd": "command"}
PROVES: Final[Mapping[str, tuple[str, ...]]] = {
    "doc": ("file", "commit"),
    "test": ("command", "receipt"),
    "live": ("receipt", "db-verify", "operator"),
    "operator": ("operator",),
}
HOLDS, DRIFTED, BROKEN, UNVERIFIABLE = "holds", "drifted", "broken", "unverifiable"
VERDICTS: Final = (HOLDS, DRIFTED, BROKEN, UNVERIFIABLE)
_VERDICT_OF: Final[Mapping[str | None, str]] = {
    None: HOLDS,
    "evidence_drifted": DRIFTED,
    "evidence_unverifiable": UNVERIFIABLE,
}
_BEFORE_THE_TYPE: Final = ("evidence_self_report", "evidence_unverifiable")
# What a proof file has to say exactly as the item that names it does.
_SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "command": ("argv", "exit_code", "commit", "output_sha256", "at", "by"),
    "operator": ("note", "at", "by"),
}
_REGULAR: Final = ("100644", "100755")


class Finding(NamedTuple):
    """What is wrong with an item, as a problem's code; None when it holds."""

    code: str | None
    detail: str


class Verdict(NamedTuple):
    """What a check says of one item; `code` is the problem that it would be, None when it holds.

    `recontacted` is None where no database is asked.
    """

    type: str
    ref: str
    verdict: str
    detail: str
    code: str | None = None
    recontacted: bool | None = None

    @property
    def holds(self) -> bool:
        """Whether the item proves what it is for."""
        return self.verdict == HOLDS

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as `--json` shows it."""
        said: dict[str, Any] = {
            "type": self.type,
            "ref": self.ref,
            "verdict": self.verdict,
            "detail": self.detail,
        }
        return said if self.recontacted is None else {**said, "recontacted": self.recontacted}


class Claim(NamedTuple):
    """One item, and whose it is; `criterion` is None for a checkpoint's."""

    item: Mapping[str, Any]
    task: str
    criterion: str | None = None
    proof: str | None = None
    base_commit: str | None = None
    closed_at: str | None = None


class FileFacts(NamedTuple):
    """A file as a tree holds it."""

    mode: str
    blob: str
    size: int


class Facts(NamedTuple):
    """What was found of one item. What its type does not ask about keeps its default.

    `present` and `contained` are about the item's commit: whether it is here (None: it may lie
    behind the end of a shallow history), and whether the history of `tip` has it. `now` and `then`
    are its file at the tip and at its own commit; `recorded` is its proof file or receipt.
    """

    tip: str = "HEAD"
    present: bool | None = True
    contained: bool = True
    predates: bool = False
    only_state: bool = False
    now: FileFacts | None = None
    then: FileFacts | None = None
    recorded: Mapping[str, Any] | None = None
    blob: str | None = None
    fault: str | None = None
    parity: Parity | None = None


def parse(text: str) -> tuple[str, str]:
    """Return type and reference of `KIND:REF`. Raises: usage_invalid."""
    kind, _, ref = text.partition(":")
    kind = SHORT.get(kind, kind)
    if kind not in TYPES or not ref.strip():
        raise StateError(
            "usage_invalid",
            f"--evidence: {shown(text)!r} is not KIND:REF; kinds are {', '.join(TYPES)}",
            hint="--evidence file:docs/contract.md",
        )
    return kind, ref.strip()


def parse_for_criterion(text: str) -> tuple[str | None, str]:
    """Return criterion and `KIND:REF` of `[AC=]KIND:REF`; None where no criterion is named."""
    name, equals, rest = text.partition("=")
    if equals and ":" not in name:
        return name.strip(), rest
    return None, text


def fits(proof: str, type_: str) -> bool:
    """Say whether evidence of a type can prove a criterion of this proof."""
    return type_ in PROVES[proof]


def fit_finding(proof: str, type_: str) -> Finding | None:
    """Return the finding of evidence whose type cannot prove a criterion."""
    if fits(proof, type_):
        return None
    able = " or ".join(PROVES[proof])
    return Finding("evidence_wrong_type", f"{type_} does not prove a {proof} criterion; {able} does")


def judged(claim: Claim, facts: Facts) -> Verdict:
    """Return the verdict on one item: the first finding counts, and whether its type fits comes early."""
    finding = _JUDGES[claim.item["type"]](claim, facts)
    if claim.proof is not None and finding.code not in _BEFORE_THE_TYPE:
        finding = fit_finding(claim.proof, claim.item["type"]) or finding
    return verdict_of(claim.item["type"], claim.item["ref"], finding)


def verdict_of(type_: str, ref: str, finding: Finding) -> Verdict:
    """Return a finding as the verdict that it means."""
    return Verdict(type_, ref, _VERDICT_OF.get(finding.code, BROKEN), finding.detail, finding.code)


def absent_file(path: str, tip: str) -> Finding:
    """Return the finding of a path at which the judged commit has nothing."""
    return Finding("evidence_not_on_target", f"{path} is not in {tip}")


def file_fault(file: FileFacts, path: str, task: str) -> Finding | None:
    """Return what keeps a file from being evidence at all."""
    if path.startswith(f"state/tasks/{task}/"):
        return Finding("evidence_self_report", "it stands in the task's own folder")
    if file.mode not in _REGULAR:
        return Finding("evidence_broken", "it is no regular file")
    return None if file.size else Finding("evidence_broken", "the file is empty")


def _commit_lost(facts: Facts, name: str) -> Finding | None:
    if facts.present is None:
        return Finding("evidence_unverifiable", f"{name} is not in this clone, whose history is cut")
    if not facts.present:
        return Finding("evidence_broken", f"{name} is no commit of this clone")
    return None


def _not_contained(facts: Facts, name: str) -> Finding | None:
    if facts.contained:
        return None
    return Finding("evidence_not_on_target", f"{name} is not in the history of {facts.tip}")


def _commit(claim: Claim, facts: Facts) -> Finding:
    name = claim.item["commit"][:12]
    if lost := _commit_lost(facts, name):
        return lost
    if facts.only_state:
        return Finding("evidence_self_report", f"{name} changes nothing outside state/")
    if apart := _not_contained(facts, name):
        return apart
    if facts.predates:
        return Finding("evidence_predates_task", f"{name} is not newer than the task's base commit")
    return Finding(None, f"in the history of {facts.tip}")


def _file(claim: Claim, facts: Facts) -> Finding:
    path, blob = claim.item["path"], claim.item["blob"]
    at_either = facts.now or facts.then
    if at_either and not _is_transcript(claim) and (fault := file_fault(at_either, path, claim.task)):
        return fault
    if facts.now is not None and facts.now.blob == blob:
        return Finding(None, f"the same in {facts.tip}")
    name = claim.item["commit"][:12]
    if lost := _commit_lost(facts, name):
        return lost
    if facts.then is None or facts.then.blob != blob:
        return Finding("evidence_broken", f"{name} does not hold this content")
    if apart := _not_contained(facts, name):
        return apart
    changed = "gone" if facts.now is None else "changed"
    return Finding("evidence_drifted", f"{changed} since {name}")


def _is_transcript(claim: Claim) -> bool:
    """Say whether a checkpoint points to what its author printed: kept beside it, it proves no criterion."""
    return claim.criterion is None and "/artifacts/transcript-" in claim.item["path"]


def _command(claim: Claim, facts: Facts) -> Finding:
    name = claim.item["commit"][:12]
    if lost := _commit_lost(facts, name):
        return lost
    if unsaid := _not_recorded(claim, facts):
        return unsaid
    if claim.item["exit_code"]:
        return Finding("command_failed", f"exit {claim.item['exit_code']}")
    return _not_contained(facts, name) or Finding(None, f"exit 0 at {name}")


def _operator(claim: Claim, facts: Facts) -> Finding:
    return _not_recorded(claim, facts) or Finding(None, f"said by {claim.item['by']}")


def _not_recorded(claim: Claim, facts: Facts) -> Finding | None:
    item, proof = claim.item, facts.recorded
    if proof is None:
        return Finding("evidence_not_recorded", f"{item['proof']} is missing or cannot be read")
    wanted = {key: item[key] for key in _SAME[item["type"]]} | {"type": item["type"], "task": claim.task}
    if claim.criterion is not None:
        wanted["criterion"] = claim.criterion
    differing = [key for key, value in wanted.items() if proof.get(key) != value]
    if not differing:
        return None
    return Finding("evidence_not_recorded", f"{item['proof']} says another {differing[0]}")


def _receipt(claim: Claim, facts: Facts) -> Finding:
    path = claim.item["path"]
    if path.startswith("state/tasks/"):
        return Finding("evidence_self_report", "a run at a task is what the task's own worker says")
    if not _is_receipt_of(path, claim.item["run"]):
        return Finding("evidence_broken", f"{path} is not the receipt of {claim.item['run']}")
    if facts.recorded is None:
        return Finding("evidence_broken", f"{path} is missing or cannot be read")
    if facts.blob != claim.item["blob"]:
        return Finding("evidence_broken", "the receipt has other content now")
    if facts.recorded.get("status") != "succeeded":
        return Finding("evidence_broken", f"the run {shown(facts.recorded.get('status'))}")
    if facts.fault is not None:
        return Finding("evidence_broken", f"the run does not verify: {facts.fault}")
    return Finding(None, "the run succeeded")


def _is_receipt_of(path: str, run: str) -> bool:
    place = place_of(path)
    if place is None or place.kind != "receipt":
        return False
    job = f"{str(place.subject).partition('/')[2]}/" if str(place.subject).startswith("job/") else ""
    return run == f"{job}{place.id}"


def _db_verify(claim: Claim, facts: Facts) -> Finding:
    if facts.recorded is not None and facts.blob != claim.item["blob"]:
        return Finding("evidence_broken", "(a) the proof has other content now")
    return Finding(*parity_finding(facts.recorded, facts.parity, claim.closed_at))


def _url(_: Claim, __: Facts) -> Finding:
    return Finding("evidence_unverifiable", "an address is never fetched; it proves nothing alone")


_JUDGES: Final[Mapping[str, Callable[[Claim, Facts], Finding]]] = {
    "commit": _commit,
    "file": _file,
    "command": _command,
    "receipt": _receipt,
    "db-verify": _db_verify,
    "operator": _operator,
    "url": _url,
}
