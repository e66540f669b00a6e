from datetime import UTC, datetime, timedelta, timezone

import pytest

from platformstate.core.document import Document
from platformstate.core.instants import instant, moment, stamp
from platformstate.core.kind import Kind

DOCUMENT: Document[dict[str, object]] = Document(
    Kind("task"), "state/tasks/a/task.md", {"id": "a", "title": "x", "x-own": None}, "body\n", "source"
)


def test_an_instant_is_written_in_utc_and_whole_seconds() -> None:
    warsaw = timezone(timedelta(hours=1))
    assert instant(datetime(2026, 11, 20, 11, 11, 30, 999_999, tzinfo=warsaw)) == "2026-11-20T10:11:30Z"


def test_an_instant_read_is_the_moment_that_was_written() -> None:
    assert moment("2026-11-20T10:11:30Z") == datetime(2026, 11, 20, 10, 11, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="yesterday"):
        moment("yesterday")


def test_an_instant_in_an_id() -> None:
    assert stamp("2026-11-20T10:11:30Z") == "20261120t101130z"


def test_a_document_knows_its_id() -> None:
    assert DOCUMENT.id == "a"


def test_a_changed_document_keeps_everything_else() -> None:
    changed = DOCUMENT.with_changes({"title": "y", "owner": "ann"})
    assert changed.meta == {"id": "a", "title": "y", "x-own": None, "owner": "ann"}
    assert (changed.body, changed.source, changed.path) == ("body\n", "source", DOCUMENT.path)
    assert DOCUMENT.meta["title"] == "x"


def test_a_change_to_nothing_removes_a_field() -> None:
    assert DOCUMENT.with_changes({"title": None}).meta == {"id": "a", "x-own": None}


def test_a_body_may_change_alone() -> None:
    assert DOCUMENT.with_changes({}, body="other\n").body == "other\n"
