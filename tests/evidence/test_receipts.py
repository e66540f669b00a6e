"""The receipt of a procedure's run proves what the procedure did; a proof of parity what the database holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.evidence_resolve import resolve
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from platformstate.store import Store, open_store
from tests.conduct.conftest import scene as scene
from tests.conduct.scenes import Scene
from tests.evidence.test_by_hand import an_item, codes, edit, met
from tests.evidence.test_resolve import CRITERIA, resolved
from tests.memory.conftest import Memory

EXAMPLE = Path(__file__).parent.parent.parent / "examples/evidence/valid/db_verify.json"


def a_store(scene: Scene) -> Store:
    return open_store(scene.repo.root, actor="operator", durability="fast")


def test_a_run_that_succeeded_holds_until_its_journal_is_touched(scene: Scene) -> None:
    scene.procedure("deploy", scene.command("roll"))
    assert scene.run_ctl("procedure", "conduct", "deploy", check=True).status == 0
    run = next((scene.repo.root / "state/procedures/deploy/runs").iterdir())

    def verdict() -> Any:
        wanted = {"purpose": "close", "task": {"id": "gh-460"}, "criterion": CRITERIA["live"]}
        return resolve(a_store(scene), f"receipt:{run.name[:12]}", **wanted)

    held = verdict()
    assert held.verdict.detail == "the run succeeded"
    assert held.item["run"] == run.name
    assert held.item["path"] == f"state/procedures/deploy/runs/{run.name}/run_receipt.json"
    receipt = run / "run_receipt.json"
    receipt.write_text(receipt.read_text().replace('"succeeded"', '"failed"', 1))
    assert verdict().verdict.code == "evidence_broken"


def test_a_run_that_failed_and_one_that_nobody_knows_prove_nothing(scene: Scene) -> None:
    scene.procedure("deploy", scene.command("roll", run="false"))
    scene.run_ctl("procedure", "conduct", "deploy")
    run = next((scene.repo.root / "state/procedures/deploy/runs").iterdir())
    asked: dict[str, Any] = {"purpose": "close", "task": {"id": "gh-460"}}
    assert resolve(a_store(scene), f"receipt:{run.name}", **asked).verdict.code == "evidence_broken"
    for name in ("20261120t101130z-000000", "nightly/20261120t101130z"):
        with pytest.raises(StateError) as refused:
            resolve(a_store(scene), f"receipt:{name}", **asked)
        assert refused.value.code == "run_not_found"


def a_proof(memory: Memory, **changes: Any) -> str:
    """Write a proof of parity of this store at HEAD, as the tool would, and return its path."""
    store_id = memory.store().read("state/store.yaml").meta["id"]
    said = json.loads(EXAMPLE.read_text())
    path = "state/evidence/db-verify-20261120t101131z-k3m9qa.json"
    said |= {
        "id": Path(path).stem,
        "at": "2026-11-20T10:11:31Z",
        "store_id": store_id,
        "commit": memory.head(),
    }
    for table in said["tables"].values():
        table["found_root"] = table["expected_root"]
    said["root"]["found"] = said["root"]["expected"]
    memory.repo.write(path, json.dumps({**said, **changes}, indent=2) + "\n")
    memory.repo.commit("parity")
    return path


def name_the_live_database(memory: Memory) -> None:
    target = json.loads(EXAMPLE.read_text())["target"]
    named = "".join(f'  {key}: "{target[key]}"\n' for key in ("system_id", "database", "schema"))
    memory.repo.write("state/store.yaml", f"{memory.text('state/store.yaml')}live_database:\n{named}")
    memory.repo.commit("the live database")


def test_a_parity_proof_counts_only_for_the_live_database_that_the_trusted_ref_names(memory: Memory) -> None:
    path = a_proof(memory)
    unnamed = resolved(memory, f"db-verify:{path}", proof="live", purpose="close").verdict
    assert (unnamed.code, unnamed.detail[:3]) == ("evidence_unverifiable", "(c)")
    name_the_live_database(memory)
    found = resolved(memory, f"db-verify:{path}", proof="live", purpose="close").verdict
    assert (found.code, found.detail[:3]) == ("evidence_broken", "(e)")  # its roots are made up
    elsewhere = a_proof(memory, store_id="0b0e6f5e-0000-4000-8000-000000000000")
    other = resolved(memory, f"db-verify:{elsewhere}", proof="live", purpose="close").verdict
    assert (other.code, other.detail[:3]) == ("evidence_broken", "(b)")


def test_validate_checks_a_parity_proof_as_far_as_no_database_is_needed(memory: Memory) -> None:
    name_the_live_database(memory)
    path = a_proof(memory)
    memory.create(accept=["The tables are there::live"])
    blob = memory.repo.git("rev-parse", f"HEAD:{path}").strip()
    met(memory, an_item(memory, type="db-verify", ref=path, path=path, blob=blob))
    assert validate_state(str(memory.repo.root), Wish()).data["problems"] == []
    memory.repo.git("config", "platformstate.trustedRef", "HEAD~3")
    codes = [row["code"] for row in validate_state(str(memory.repo.root), Wish()).data["problems"]]
    assert codes == ["evidence_unverifiable"]


def closed_on_parity(memory: Memory, at: str = "2026-11-20T10:40:00Z") -> None:
    """Close the task by hand as the command would, on a proof of the example's database."""
    path = a_proof(memory)
    blob = memory.repo.git("rev-parse", f"HEAD:{path}").strip()
    met(memory, an_item(memory, type="db-verify", ref=path, path=path, blob=blob))
    created = "created_by: operator\n"
    edit(memory, ("status: ready", "status: done"), (created, f'{created}closed_at: "{at}"\n'))


def let_live(memory: Memory, database: str | None) -> None:
    """Let the operator name another database, or none, by a commit of the trusted ref."""
    text = memory.text("state/store.yaml").partition("live_database:\n")
    block = "".join(
        f'  {key}: "{value}"\n'
        for key, value in (("system_id", "7"), ("database", database), ("schema", "s"))
    )
    memory.repo.write("state/store.yaml", text[0] + (f"live_database:\n{block}" if database else ""))
    memory.repo.commit("the live database")


def test_a_closing_stands_on_the_database_that_was_live_then(memory: Memory) -> None:
    memory.create(accept=["The tables are there::live"])
    name_the_live_database(memory)
    closed_on_parity(memory)
    memory.repo.commit("closed")
    for database in ("second", None, "third"):
        let_live(memory, database)
        assert (codes(memory), codes(memory, rev="HEAD"), codes(memory, staged=True)) == ([], [], [])
    edit(memory, ("status: done", "status: ready"), ('closed_at: "2026-11-20T10:40:00Z"\n', ""))
    assert "evidence_broken" in codes(memory)
    edit(memory, ("status: ready", 'status: done\nclosed_at: "2026-11-20T10:41:00Z"'))
    assert "evidence_broken" in codes(memory)
    edit(memory, ("T10:41:00Z", "T10:40:00Z"))
    assert codes(memory) == []


def test_nothing_new_closes_on_a_database_that_is_no_longer_live(memory: Memory) -> None:
    """Not when it says that it was closed before, nor when only a branch had it closed before."""
    memory.create(accept=["The tables are there::live"])
    name_the_live_database(memory)
    memory.repo.git("checkout", "-q", "-b", "work")
    closed_on_parity(memory)
    memory.repo.commit("closed")
    assert codes(memory) == []
    memory.repo.git("checkout", "-q", "main")
    let_live(memory, "second")
    memory.repo.git("merge", "-q", "work")
    assert codes(memory) == ["evidence_broken"]
    assert codes(memory, rev="HEAD") == ["evidence_broken"]
