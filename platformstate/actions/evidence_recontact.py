"""Ask the configured database again, at close, whether it remembers a proof of parity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.errors import StateError
from platformstate.policy.evidence import BROKEN, Verdict

_STALE: Final = "db_evidence_stale"


class Answered(NamedTuple):
    """Whether a database confirmed a proof; `denied` is what it says against it."""

    confirmed: bool
    denied: str | None = None


Asked = Mapping[str, Answered]


def ask_again(root: Path, refs: Iterable[str]) -> dict[str, Answered]:
    """Return what the configured database says of each proof.

    Without a target, or with one that does not answer, a proof stands on what git alone shows.
    """
    return {ref: _ask(root, ref) for ref in refs}


def _ask(root: Path, ref: str) -> Answered:
    from platformstate.actions.db_evidence import check_evidence
    from platformstate.actions.db_place import Place, Wish

    try:
        check_evidence(Place(str(root), Wish()), ref)
    except StateError as refused:
        return Answered(False, refused.message if refused.code == _STALE else None)
    return Answered(True)


def with_answer(verdict: Verdict, asked: Asked) -> Verdict:
    """Return a verdict with what the database said: one that holds and that it denies is broken."""
    answered = asked.get(verdict.ref)
    if verdict.type != "db-verify" or answered is None:
        return verdict
    if answered.denied is not None and verdict.holds:
        return verdict._replace(
            verdict=BROKEN, detail=answered.denied, code="evidence_broken", recontacted=False
        )
    return verdict._replace(recontacted=answered.confirmed)
