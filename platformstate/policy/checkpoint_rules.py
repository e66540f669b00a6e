"""Rules on who says what in a checkpoint: author, observer, basis and confidence agree. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from platformstate.codec import locate
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.errors import Problem

# What a checkpoint of this basis must bring: evidence of one of these types, or for `command` a
# command whose output was kept.
SUPPORT: Final[Mapping[str, frozenset[str]]] = {
    "observed_artifact": frozenset({"commit", "file", "receipt"}),
    "tool_receipt": frozenset({"command", "receipt"}),
}


def checkpoint_problems(document: Document[Any], run_actor: str | None) -> tuple[Problem, ...]:
    """Return what is wrong with a checkpoint's author, observer and basis.

    `run_actor` is the actor of its run; None when that run cannot be read, which has its own finding.
    """
    return tuple(sorted(_problems(document, run_actor)))


def _problems(document: Document[Any], run_actor: str | None) -> Iterator[Problem]:
    meta = document.meta
    author, observer, basis = meta.get("author"), meta.get("observer"), meta.get("basis")
    if run_actor is not None and author != run_actor:
        message = f'author is "{author}", the run\'s actor is "{run_actor}"'
        fix = f"write author: {run_actor}; who writes for another is the observer"
        yield _problem(document, "checkpoint_author_mismatch", "author", message, fix)
    if observer is not None and observer == author:
        message = "observer is the author; an author does not observe himself"
        fix = "take observer out"
        yield _problem(document, "checkpoint_observer_missing", "observer", message, fix)
    elif observer is None and _needs_observer(document):
        message = f"basis is {basis}, but nobody is named as observer"
        fix = "name the one who wrote it as observer, or write basis: self_report"
        yield _problem(document, "checkpoint_observer_missing", "basis", message, fix)
    if reason := _unsupported(meta):
        fix = "write basis: self_report and confidence: claimed, or add the evidence"
        yield _problem(document, "checkpoint_basis_unsupported", "basis", reason, fix)


def _needs_observer(document: Document[Any]) -> bool:
    """Say whether this basis is another's; an automatic checkpoint holds no words of anyone."""
    meta = document.meta
    if meta.get("basis") == "operator":
        return True
    says = document.body.strip() or meta.get("next_action") or meta.get("criteria")
    return meta.get("basis") == "observed_artifact" and bool(says)


def _unsupported(meta: Mapping[str, Any]) -> str | None:
    basis = meta.get("basis")
    types = {item.get("type") for item in meta.get("evidence", ())}
    if basis == "self_report" and meta.get("confidence") == "verified":
        return "confidence is verified, but a self-report verifies nothing"
    if basis == "tool_receipt" and not types & SUPPORT[basis] and not meta.get("commands"):
        return "basis is tool_receipt, but there is no command and no receipt"
    if basis == "observed_artifact" and meta.get("observer") and not types & SUPPORT[basis]:
        return "basis is observed_artifact, but there is no commit, file or receipt as evidence"
    return None


def _problem(document: Document[Any], code: str, field: str, message: str, fix: str) -> Problem:
    container = KINDS[document.kind.name].container
    line, col = locate.position(document.source or "", container, f"/{field}")
    return Problem(document.path, line, col, code, message, fix, f"/{field}")
