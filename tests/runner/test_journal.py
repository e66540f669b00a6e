"""Appending to a journal: one write, verified, never torn, never lost."""

from __future__ import annotations

import fcntl
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from platformstate.codec.journal import ZERO_HASH, chain_problems
from platformstate.codec.jsonl import parse_lines
from platformstate.codec.sound_journal import verified_rows
from platformstate.errors import StateError
from platformstate.runner import Journal, read_journal
from tests.runner.conftest import Driver, forked, until

PATH = "state/procedures/demo/runs/20261120t101130z-7fq2ka/events.jsonl"
AT = "2026-11-20T10:11:30Z"


def event(step: int, at: str = AT) -> dict[str, Any]:
    return {"at": at, "type": "StepStarted", "step_index": step, "attempt": 1, "step": "ab" * 8}


FIRST = {
    "actor": "operator",
    "at": AT,
    "run": "20261120t101130z-7fq2ka",
    "subject": "procedure/demo",
    "type": "RunDefined",
}


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    return tmp_path / "git/platformstate/torn/local"


@pytest.fixture
def journal(tmp_path: Path, torn: Path) -> Journal:
    return Journal.create(tmp_path, PATH, [FIRST], torn=torn)


def rows(root: Path) -> list[dict[str, Any]]:
    lines = parse_lines((root / PATH).read_bytes(), PATH)
    assert not lines.problems
    assert not chain_problems(lines.rows, PATH)
    return [row for _, row in lines.rows]


def code(refused: pytest.ExceptionInfo[StateError]) -> str:
    return refused.value.code


def test_the_first_line_is_the_worked_example(tmp_path: Path, journal: Journal) -> None:
    assert journal.h == "4ab98365470680c8e9d36e0a1373bacc"
    assert journal.events == rows(tmp_path)


def test_a_batch_is_one_write_and_comes_back_as_it_stands(tmp_path: Path, journal: Journal) -> None:
    added = journal.append([event(0), event(1)], sync=True)
    assert [row["seq"] for row in added] == [1, 2]
    assert rows(tmp_path) == journal.events
    assert added[-1]["h"] == journal.h


def test_nothing_to_append_writes_nothing(tmp_path: Path, journal: Journal) -> None:
    before = (tmp_path / PATH).read_bytes()
    assert journal.append([], sync=True) == []
    assert (tmp_path / PATH).read_bytes() == before


def test_a_clock_that_was_set_back_does_not_break_the_order(journal: Journal) -> None:
    added = journal.append(
        [event(0, "2025-01-01T00:00:00Z"), event(1, "2027-01-01T00:00:00Z"), event(2)], sync=False
    )
    assert [row["at"] for row in added] == [AT, "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]


def test_what_another_process_added_is_read_before_anything_is_written(
    tmp_path: Path, torn: Path, journal: Journal
) -> None:
    with Journal.open(tmp_path, PATH, torn=torn) as other:
        other.append([event(0)], sync=False)
    journal.append([event(1)], sync=False)
    assert [row.get("step_index") for row in rows(tmp_path)] == [None, 0, 1]
    assert journal.events == rows(tmp_path)


def test_a_decision_sees_every_event_and_nobody_appends_meanwhile(
    tmp_path: Path, torn: Path, journal: Journal
) -> None:
    with Journal.open(tmp_path, PATH, torn=torn) as other:
        other.append([event(0)], sync=False)

    def decide(events: Any) -> list[dict[str, Any]]:
        assert len(events) == 2
        with open(tmp_path / PATH, "rb") as again, pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return [event(len(events))]

    assert journal.amend(decide, sync=True)[0]["step_index"] == 2


def test_refresh_reads_what_others_added(tmp_path: Path, torn: Path, journal: Journal) -> None:
    with Journal.open(tmp_path, PATH, torn=torn) as other:
        other.append([event(0)], sync=False)
    journal.refresh()
    assert len(journal.events) == 2


def test_several_processes_append_without_losing_a_line(tmp_path: Path, torn: Path, journal: Journal) -> None:
    def append() -> None:
        with Journal.open(tmp_path, PATH, torn=torn) as opened:
            for number in range(25):
                opened.append([event(number)], sync=False)

    writers = [forked(append) for _ in range(6)]
    assert [os.waitpid(pid, 0)[1] for pid in writers] == [0] * 6
    assert len(rows(tmp_path)) == 151


@pytest.mark.parametrize("damage", ["gone", "replaced", "shorter"])
def test_a_journal_that_is_not_the_one_that_was_opened_stops_the_conduct(
    tmp_path: Path, journal: Journal, damage: str
) -> None:
    path = tmp_path / PATH
    journal.append([event(0)], sync=False)
    data = path.read_bytes()
    if damage == "shorter":
        os.truncate(path, data.index(b"\n") + 1)
    else:
        path.unlink()
    if damage == "replaced":
        path.write_bytes(data)
    with pytest.raises(StateError) as refused:
        journal.append([event(1)], sync=True)
    assert code(refused) == "run_journal_moved"


def test_a_torn_tail_is_kept_apart_and_said(tmp_path: Path, torn: Path, journal: Journal) -> None:
    with open(tmp_path / PATH, "ab") as file:
        file.write(b'{"at":"2026-11')
    found = read_journal(tmp_path, PATH)
    assert found is not None
    assert (found.torn, len(found.events)) == (b'{"at":"2026-11', 1)
    with Journal.open(tmp_path, PATH, torn=torn) as opened:
        opened.append([event(0)], sync=True)
    repaired = rows(tmp_path)[1]
    assert (repaired["type"], repaired["bytes"]) == ("JournalRepaired", 14)
    assert repaired["sha256"] == sha256(b'{"at":"2026-11').hexdigest()
    assert torn.with_name("local.1").read_bytes() == b'{"at":"2026-11'
    assert rows(tmp_path)[2]["step_index"] == 0


def test_a_tail_torn_by_another_while_we_are_open_is_repaired_too(tmp_path: Path, journal: Journal) -> None:
    journal.append([event(0)], sync=False)
    with open(tmp_path / PATH, "ab") as file:
        file.write(b"{")
    journal.append([event(1)], sync=False)
    assert [row["type"] for row in rows(tmp_path)] == [
        "RunDefined",
        "StepStarted",
        "JournalRepaired",
        "StepStarted",
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b'"step_index":1', b'"step_index":2'),
        lambda data: b"".join([*data.splitlines(True)[:2], *data.splitlines(True)[3:]]),
        lambda data: b"".join(sorted(data.splitlines(True), reverse=True)),
        lambda data: data.replace(b'"seq":2,"step"', b'"step":"", "seq":2,"step"'),
        lambda data: data + b"\n",
        lambda data: data + b"{}\n",
        lambda data: data.replace(b'"seq":2', b'"seq":9'),
        lambda data: b"<<<<<<< ours\n" + data,
    ],
)
def test_damage_refuses_the_run_and_changes_nothing(
    tmp_path: Path, torn: Path, journal: Journal, damage: Any
) -> None:
    journal.append([event(0), event(1), event(2)], sync=False)
    data = damage((tmp_path / PATH).read_bytes())
    (tmp_path / PATH).write_bytes(data)
    for read in (lambda: read_journal(tmp_path, PATH), lambda: Journal.open(tmp_path, PATH, torn=torn)):
        with pytest.raises(StateError) as refused:
            read()
        assert code(refused) == "run_journal_corrupt"
        assert refused.value.line is not None
    assert (tmp_path / PATH).read_bytes() == data


@pytest.mark.parametrize("line", [b"{}\n", b"no json\n", b'{"at":"x","h":"0","seq":1,"type":"RunStarted"}\n'])
def test_what_another_wrote_wrongly_is_refused_with_its_line(
    tmp_path: Path, journal: Journal, line: bytes
) -> None:
    with open(tmp_path / PATH, "ab") as file:
        file.write(line)
    before = (tmp_path / PATH).read_bytes()
    with pytest.raises(StateError) as refused:
        journal.append([event(0)], sync=False)
    assert (code(refused), refused.value.line) == ("run_journal_corrupt", 2)
    assert (tmp_path / PATH).read_bytes() == before


def test_a_full_disk_leaves_the_old_journal(tmp_path: Path, journal: Journal) -> None:
    import resource
    import signal

    before = (tmp_path / PATH).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))
        with pytest.raises(StateError) as refused:
            journal.append([event(0)], sync=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert code(refused) == "disk_full"
    assert (tmp_path / PATH).read_bytes() == before
    journal.append([event(0)], sync=True)
    assert len(rows(tmp_path)) == 2


def test_killed_in_the_middle_of_a_line_it_is_torn_and_repaired(
    tmp_path: Path, driver: Driver, torn: Path, journal: Journal
) -> None:
    died = driver(
        f"""
        journal = runner.Journal.open(Path({str(tmp_path)!r}), {PATH!r}, torn=Path({str(torn)!r}))
        journal.append([{event(0)!r}], sync=True, cut=lambda: os.kill(os.getpid(), signal.SIGKILL))
        """
    )
    assert died.wait() == -9
    assert not (tmp_path / PATH).read_bytes().endswith(b"\n")
    with Journal.open(tmp_path, PATH, torn=torn) as opened:
        assert [row["type"] for row in opened.events] == ["RunDefined", "JournalRepaired"]


def test_a_cut_that_returns_leaves_the_line_whole(tmp_path: Path, journal: Journal) -> None:
    seen: list[int] = []
    journal.append([event(0)], sync=False, cut=lambda: seen.append((tmp_path / PATH).stat().st_size))
    assert len(rows(tmp_path)) == 2
    assert seen[0] < (tmp_path / PATH).stat().st_size


def test_a_journal_is_made_once(tmp_path: Path, torn: Path, journal: Journal) -> None:
    with pytest.raises(StateError) as refused:
        Journal.create(tmp_path, PATH, [FIRST], torn=torn)
    assert code(refused) == "run_journal_moved"


def test_one_that_is_not_there_is_said(tmp_path: Path, torn: Path) -> None:
    assert read_journal(tmp_path, "state/none/events.jsonl") is None
    with pytest.raises(StateError) as refused:
        Journal.open(tmp_path, PATH, torn=torn)
    assert code(refused) == "run_not_found"


def test_a_linked_journal_is_refused(tmp_path: Path, torn: Path, journal: Journal) -> None:
    path = tmp_path / PATH
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError) as refused:
        Journal.open(tmp_path, PATH, torn=torn)
    assert code(refused) == "path_symlink"


def test_the_fast_and_the_strict_reader_read_the_same(tmp_path: Path, journal: Journal) -> None:
    texts = ["ä\u2028", 'say ,"h":"' + "0" * 32 + '" here', "\\", "\t"]
    journal.append([{**event(0), "message": text} for text in texts], sync=False)
    data = (tmp_path / PATH).read_bytes()
    assert verified_rows(data) == rows(tmp_path)
    for at in range(0, len(data), 3):
        assert verified_rows(data[:at] + b"#" + data[at + 1 :]) is None


def test_an_event_that_holds_an_h_of_its_own_is_left_to_the_strict_reader(
    tmp_path: Path, journal: Journal
) -> None:
    journal.append([{**event(0), "a": {"a": 1, "h": "0" * 32}}], sync=False)
    assert verified_rows((tmp_path / PATH).read_bytes()) is None
    assert list(read_journal(tmp_path, PATH).events) == rows(tmp_path)  # type: ignore[union-attr]


def test_a_line_that_holds_a_list_of_objects_is_read_like_any_other(tmp_path: Path, journal: Journal) -> None:
    journal.append([{**event(0), "evidence": [{"a": 1}, {"a": 2}]}, event(1)], sync=False)
    assert verified_rows((tmp_path / PATH).read_bytes()) == rows(tmp_path)


def test_two_lines_that_are_whole_only_together_are_refused(tmp_path: Path, journal: Journal) -> None:
    torn_apart = b'{"at":"' + AT.encode() + b'","x":[{"y":1}\n{"y":2}]},{"y":3}\n'
    (tmp_path / PATH).write_bytes((tmp_path / PATH).read_bytes() + torn_apart)
    with pytest.raises(StateError) as refused:
        read_journal(tmp_path, PATH)
    assert (code(refused), refused.value.line) == ("run_journal_corrupt", 2)


def test_a_blank_that_no_hash_covers_is_refused_by_readers_and_writers(
    tmp_path: Path, torn: Path, journal: Journal
) -> None:
    journal.append([event(0)], sync=False)
    whole = (tmp_path / PATH).read_bytes()
    blank = whole.replace(b'"attempt":1', b'"attempt": 1')
    (tmp_path / PATH).write_bytes(blank)
    for read in (lambda: read_journal(tmp_path, PATH), lambda: Journal.open(tmp_path, PATH, torn=torn)):
        with pytest.raises(StateError) as refused:
            read()
        assert (code(refused), refused.value.line) == ("run_journal_corrupt", 2)
    first, second = whole.splitlines(keepends=True)
    (tmp_path / PATH).write_bytes(first)
    with Journal.open(tmp_path, PATH, torn=torn) as opened:
        with open(tmp_path / PATH, "ab") as file:
            file.write(second.replace(b'"attempt":1', b'"attempt": 1'))
        with pytest.raises(StateError) as refused:
            opened.append([event(1)], sync=False)
    assert (code(refused), refused.value.line) == ("run_journal_corrupt", 2)


def test_a_known_journal_is_not_read_twice_but_must_still_be_there(
    tmp_path: Path, torn: Path, journal: Journal
) -> None:
    known = read_journal(tmp_path, PATH)
    assert known is not None
    journal.append([event(0)], sync=False)
    with Journal.open(tmp_path, PATH, torn=torn, known=known) as opened:
        assert opened.events[0] is known.events[0]
        assert opened.events == rows(tmp_path)
    (tmp_path / PATH).write_bytes((tmp_path / PATH).read_bytes().replace(b"operator", b"somebody"))
    with pytest.raises(StateError) as refused:
        Journal.open(tmp_path, PATH, torn=torn, known=known)
    assert code(refused) == "run_journal_moved"


def test_an_empty_journal_begins_with_the_zero_hash(tmp_path: Path, torn: Path) -> None:
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).touch()
    with Journal.open(tmp_path, PATH, torn=torn) as journal:
        assert journal.h == ZERO_HASH
        assert journal.append([FIRST], sync=True)[0]["seq"] == 0


def test_a_journal_that_another_keeps_locked_is_waited_for(
    tmp_path: Path, driver: Driver, journal: Journal
) -> None:
    holding = driver(
        f"""
        import fcntl
        file = open({str(tmp_path / PATH)!r}, "rb")
        fcntl.flock(file, fcntl.LOCK_EX)
        print("locked", flush=True)
        time.sleep(0.2)
        """
    )
    assert holding.stdout is not None
    until(holding.stdout.readline)
    journal.append([event(0)], sync=False)
    assert len(rows(tmp_path)) == 2


def test_a_journal_that_nears_the_limit_of_its_readers_has_no_room(tmp_path: Path, journal: Journal) -> None:
    journal.append([{**event(0), "step": "x" * 2**20}] * 14, sync=False)
    assert journal.has_room
    journal.append([{**event(0), "step": "x" * 2**20}], sync=False)
    assert not journal.has_room
