"""A live criterion closes on a proof of parity with the operator's database, and on nothing weaker."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.task_close import close_task, reopen_task
from platformstate.actions.task_create import create_task
from platformstate.actions.validate import Wish as Validate
from platformstate.actions.validate import validate_state
from platformstate.errors import StateError
from platformstate.store import Store, open_store
from tests.db.conftest import Mirror

TASK = "gh-900"


@pytest.fixture
def proof(pg: Mirror) -> str:
    """A task with a live criterion, synced and verified; the path of the proof."""
    create_task(store_of(pg), {"id": TASK, "title": "Tables", "accept": ["the tables are there::live"]})
    pg.sync()
    path: str = pg.verify(evidence=True).data["evidence"]
    return path


def store_of(pg: Mirror) -> Store:
    return open_store(pg.root, actor="operator")


def name_live(pg: Mirror, proof: str) -> None:
    target = json.loads((pg.root / proof).read_bytes())["target"]
    named = "".join(f'  {key}: "{target[key]}"\n' for key in ("system_id", "database", "schema"))
    file = Path(pg.root / "state/store.yaml")
    file.write_text(file.read_text() + f"live_database:\n{named}")
    pg.git("commit", "-q", "-am", "the live database")


def close(pg: Mirror, proof: str) -> list[dict[str, Any]]:
    answer = close_task(store_of(pg), TASK, evidence=[f"ac1=db-verify:{proof}"])
    given: list[dict[str, Any]] = answer.data["criteria"][0]["evidence"]
    return given


def test_40_14_without_a_named_database_the_criterion_stays_open(pg: Mirror, proof: str) -> None:
    with pytest.raises(StateError) as refused:
        close(pg, proof)
    assert (refused.value.code, refused.value.exit_status) == ("close_refused", 4)
    assert [row.code for row in refused.value.problems] == ["evidence_unverifiable"]


def test_a_live_criterion_closes_on_the_proof_of_the_named_database(pg: Mirror, proof: str) -> None:
    name_live(pg, proof)
    verdict = close(pg, proof)[0]
    assert (verdict["verdict"], verdict["recontacted"]) == ("holds", False)
    assert open_store(pg.root).read(f"state/tasks/{TASK}/task.md").meta["status"] == "done"


def test_with_a_target_the_database_is_asked_again(
    pg: Mirror, proof: str, environment: MutableMapping[str, str]
) -> None:
    name_live(pg, proof)
    environment["PLATFORMSTATE_DSN"] = str(pg.wish.target.dsn)
    assert close(pg, proof)[0]["recontacted"] is True


def test_a_database_that_does_not_remember_the_proof_denies_it(
    pg: Mirror, proof: str, environment: MutableMapping[str, str]
) -> None:
    name_live(pg, proof)
    environment["PLATFORMSTATE_DSN"] = str(pg.wish.target.dsn)
    pg.sql("UPDATE verify_run SET document_sha256 = NULL")
    with pytest.raises(StateError) as refused:
        close(pg, proof)
    assert "evidence_broken" in [row.code for row in refused.value.problems]
    assert refused.value.data is not None
    assert refused.value.data["criteria"][0]["evidence"][0]["recontacted"] is False


def test_a_changed_root_is_broken_whatever_the_database_is_called(pg: Mirror, proof: str) -> None:
    name_live(pg, proof)
    file = pg.root / proof
    said = json.loads(file.read_bytes())
    said["root"] = {"expected": "0" * 64, "found": "0" * 64}
    other = proof.replace("db-verify-", "db-verify-").replace(Path(proof).stem[-6:], "zzzzzz")
    (pg.root / other).write_text(json.dumps({**said, "id": Path(other).stem}, indent=2) + "\n")
    pg.git("add", "-A")
    pg.git("commit", "-q", "-m", "another proof")
    with pytest.raises(StateError) as refused:
        close(pg, other)
    assert refused.value.problems[0].code == "evidence_broken"
    assert "(e)" in refused.value.problems[0].message


def other_live(pg: Mirror) -> None:
    """Let the operator name another server."""
    pg.replace("state/store.yaml", 'database: "', 'database: "moved_')
    pg.git("commit", "-q", "-am", "another live database")


def test_a_task_closed_while_another_database_was_live_stays_proven(pg: Mirror, proof: str) -> None:
    name_live(pg, proof)
    close(pg, proof)
    other_live(pg)
    assert validate_state(str(pg.root), Validate()).data["problems"] == []
    assert validate_state(str(pg.root), Validate(rev="HEAD")).data["problems"] == []
    reopen_task(store_of(pg), TASK, reason="look again")
    with pytest.raises(StateError) as refused:
        close(pg, proof)
    assert [row.code for row in refused.value.problems] == ["evidence_broken"]
    assert "(c)" in refused.value.problems[0].message
