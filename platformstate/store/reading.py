"""Read one record as every command must: judged by itself, and against the place where it stands."""

from __future__ import annotations

from platformstate import validation
from platformstate.policy.identity import identity_problems, journal_identity_problems


def judged(data: bytes, path: str) -> validation.Judged:
    """Judge a record; one that names another id or subject than its path does holds nothing.

    A copied folder would otherwise be taken for the record that it was copied from.
    """
    read = validation.read(data, path)
    if read.document is not None:
        misplaced = identity_problems(read.document)
    else:
        misplaced = journal_identity_problems(read.rows or (), path)
    if not misplaced:
        return read
    return validation.Judged(None, None, tuple(sorted((*read.problems, *misplaced))))
