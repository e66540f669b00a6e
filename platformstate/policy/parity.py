"""When a recorded proof of database parity proves a live criterion: five rules, named by letter. Pure.

(a) the proof is valid, complete and of PostgreSQL; (b) it is of this store and of a commit in the
judged history; (c) its database is the one that the operator named as live; (d) it is fresh; (e) its
roots are those of the tree that it names, computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from platformstate.core.instants import moment

MAX_AGE_S: Final = 24 * 3600
_BROKEN, _UNVERIFIABLE = "evidence_broken", "evidence_unverifiable"
_TARGET: Final = ("system_id", "database", "schema")


class Parity(NamedTuple):
    """What a proof is compared with.

    `live` is the operator's `live_database`, None where none is named. `contained` says whether the
    judged history has the proof's commit, None where a cut history cannot tell. `by` is the instant
    that counts when the task is not closed, None where none does. `roots` says whether (e) holds, None when it was not
    computed; `asks_roots` whether it has to be. `stands` says that the trusted history holds this very
    closing from when the proof's database was the live one.
    """

    store_id: str | None
    contained: bool | None
    live: Mapping[str, Any] | None
    by: str | None
    roots: bool | None = None
    asks_roots: bool = True
    stands: bool = False


def parity_finding(
    proof: Mapping[str, Any] | None, parity: Parity | None, closed_at: str | None
) -> tuple[str | None, str]:
    """Return a problem's code (None when the proof counts) and the reason with its rule's letter."""
    if proof is None or parity is None or proof.get("type") != "db-verify":
        return _BROKEN, "(a) the proof is missing or cannot be read"
    if not _is_complete(proof):
        return _BROKEN, "(a) the proof does not say that a deep verification of PostgreSQL was equal"
    if proof["store_id"] != parity.store_id:
        return _BROKEN, "(b) the proof is of another store"
    if parity.contained is None:
        return _UNVERIFIABLE, "(b) the proof's commit is not in this clone, whose history is cut"
    if not parity.contained:
        return _BROKEN, "(b) the proof's commit is not in the judged history"
    return _database(proof, parity) or _age_and_roots(proof, parity, closed_at)


def is_of(proof: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Say whether a proof is of the database that an operator called live."""
    return all(proof["target"].get(key) == live.get(key) for key in _TARGET)


def _database(proof: Mapping[str, Any], parity: Parity) -> tuple[str, str] | None:
    if parity.stands:
        return None
    if parity.live is None:
        return _UNVERIFIABLE, "(c) state/store.yaml at the trusted ref names no live_database"
    if not is_of(proof, parity.live):
        return _BROKEN, "(c) the proof is of another database than the live one"
    return None


def _is_complete(proof: Mapping[str, Any]) -> bool:
    equal = all(table["expected_root"] == table["found_root"] for table in proof["tables"].values())
    root = proof["root"]
    is_deep = proof["ok"] and proof["mode"] == "deep" and proof["target"]["engine"] == "postgres"
    return bool(is_deep and equal and root["expected"] == root["found"])


def _age_and_roots(proof: Mapping[str, Any], parity: Parity, closed_at: str | None) -> tuple[str | None, str]:
    if not _is_fresh(proof["at"], closed_at or parity.by):
        return _BROKEN, "(d) the proof is not of the 24 hours before"
    if parity.roots is False:
        return _BROKEN, "(e) the roots are not those of the commit that the proof names"
    if parity.roots is None and parity.asks_roots:
        return _UNVERIFIABLE, "(e) the roots were not computed anew from the commit that the proof names"
    return None, "the live database equals the commit that the proof names"


def _is_fresh(at: str, by: str | None) -> bool:
    return by is None or 0 <= (moment(by) - moment(at)).total_seconds() <= MAX_AGE_S
