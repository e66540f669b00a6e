"""Judge what a person says of a run or a job before it stands in a journal or ledger, where it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.actions.job_ledger import ledger_writer
from platformstate.codec.journal import ZERO_HASH, encode
from platformstate.core.places import ledger_path
from platformstate.policy.ledger import file_name, line_text

if TYPE_CHECKING:
    from platformstate.store import Store


def refuse_event(store: Store, path: str, event: Mapping[str, Any]) -> None:
    """Refuse an event that no commit could hold. Raises: record_invalid, secret_found."""
    _refuse(store, path, encode([event], seq=0, h=ZERO_HASH))


def refuse_line(store: Store, job: str, line: Mapping[str, Any]) -> None:
    """Refuse a line of a job's ledger that no commit could hold. Raises: record_invalid, secret_found."""
    _refuse(store, ledger_path(job, file_name(str(line["at"]), ledger_writer(store), {})), line_text(line))


def _refuse(store: Store, path: str, text: bytes) -> None:
    from platformstate.store.change import FileChange
    from platformstate.store.checking import refuse_bad_files

    refuse_bad_files([FileChange(path, None, text)], store.session.settings.allowed_secrets)
