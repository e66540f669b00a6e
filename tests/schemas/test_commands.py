import hashlib
import json
from pathlib import Path

import pytest

from platformstate import packaged
from platformstate.actions.schema import export_schemas, list_kinds, show_example, show_schema
from platformstate.codec import journal, record, render
from platformstate.core.catalog import KINDS
from platformstate.core.places import place_of
from platformstate.errors import StateError
from platformstate.validation import read
from tests.conftest import Platformctl, Repo
from tests.schemas.corpus import EXAMPLES


def test_list_names_every_kind_with_the_digest_of_its_schema() -> None:
    kinds = list_kinds().data["kinds"]
    assert [entry["kind"] for entry in kinds] == list(KINDS)
    task = kinds[0]
    digest = hashlib.sha256(packaged.read("schemas", "task.schema.json")).hexdigest()
    assert task == {
        "kind": "task",
        "version": 1,
        "path": "state/tasks/{id}/task.md",
        "container": "markdown",
        "sha256": digest,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_show_gives_the_packaged_schema(kind: str) -> None:
    data = show_schema(kind).data
    assert data["kind"] == kind
    assert data["schema"] == json.loads(packaged.read("schemas", f"{kind}.schema.json"))


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_valid_at_its_path(kind: str) -> None:
    data = show_example(kind).data
    assert data["kind"] == kind
    place = place_of(data["path"])
    assert place is not None
    assert place.kind == kind
    assert read(data["text"].encode(), data["path"]).problems == ()


def test_the_example_of_a_task_is_that_of_the_documentation() -> None:
    data = show_example("task").data
    assert data["path"] == "state/tasks/gh-460/task.md"
    assert data["text"] == (EXAMPLES / "task" / "valid" / "ready.md").read_text("utf-8")


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(StateError) as refused:
        show_schema("tsk")
    assert refused.value.code == "usage_invalid"
    assert refused.value.hint == "platformctl schema show task"


def test_export_writes_every_schema_once(tmp_path: Path) -> None:
    written = export_schemas(str(tmp_path)).data["written"]
    assert written == [f"{kind}.schema.json" for kind in KINDS]
    for name in written:
        assert (tmp_path / name).read_bytes() == packaged.read("schemas", name)
    assert export_schemas(str(tmp_path)).data["written"] == []


def test_a_differing_file_is_not_overwritten_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "store.schema.json").write_text("{}\n")
    with pytest.raises(StateError) as refused:
        export_schemas(str(tmp_path))
    assert refused.value.code == "output_exists"
    assert refused.value.exit_status == 5
    assert [path.name for path in tmp_path.iterdir()] == ["store.schema.json"]
    assert (tmp_path / "store.schema.json").read_text() == "{}\n"


def test_a_dry_run_of_export_writes_nothing(tmp_path: Path) -> None:
    assert len(export_schemas(str(tmp_path), dry_run=True).data["written"]) == len(KINDS)
    assert list(tmp_path.iterdir()) == []


def test_the_exported_store_is_valid_and_holds_every_kind(tmp_path: Path) -> None:
    written = export_schemas(str(tmp_path), examples=True).data["written"]
    held = set()
    for path in written:
        place = place_of(path)
        assert place is not None, path
        held.add(place.kind)
        assert read((tmp_path / path).read_bytes(), path).problems == (), path
    assert held == {*KINDS, "summary", "artifact", "log"}


def test_the_exported_store_agrees_with_itself() -> None:
    """Journal, receipt and header tell the same; evidence names no commit of one repository."""
    state = EXAMPLES / "store" / "state"
    (run,) = (state / "tasks" / "gh-460" / "runs").iterdir()
    data = (run / "events.jsonl").read_bytes()
    path = f"state/tasks/gh-460/runs/{run.name}/events.jsonl"
    rows = read(data, path).rows
    assert rows is not None
    assert journal.chain_problems(rows, path) == ()
    receipt = json.loads((run / "run_receipt.json").read_text("utf-8"))
    assert receipt["journal"] == {
        "events": len(rows),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "h": rows[-1][1]["h"],
    }
    for proof in state.rglob("*.json"):
        loaded = json.loads(proof.read_text("utf-8"))
        assert loaded.get("commit") is None


def test_the_command_prints_tables_and_documents(platformctl: Platformctl, tmp_path: Path) -> None:
    listed = platformctl("schema", "list")
    assert listed.status == 0
    assert listed.stdout.splitlines()[0].split() == ["task", "1", "markdown", "state/tasks/{id}/task.md"]
    shown = platformctl("schema", "show", "task", "--example")
    assert shown.stdout == (EXAMPLES / "task" / "valid" / "ready.md").read_text("utf-8")
    exported = platformctl("schema", "export", str(tmp_path / "out"), "--json")
    assert exported.document["data"]["written"] == [f"{kind}.schema.json" for kind in KINDS]
    (tmp_path / "out" / "task.schema.json").write_text("{}")
    again = platformctl("schema", "export", str(tmp_path / "out"), "--json")
    assert again.status == 5
    assert again.document["error"]["code"] == "output_exists"
    assert platformctl("schema", "show", "nothing").status == 2


def test_export_into_a_folder_of_the_repository(platformctl: Platformctl, repo: Repo) -> None:
    exported = platformctl("-C", str(repo.root), "schema", "export", "state/schemas", cwd=repo.root.parent)
    assert exported.status == 0
    names = sorted(path.name for path in (repo.root / "state" / "schemas").iterdir())
    assert names == sorted(f"{kind}.schema.json" for kind in KINDS)
    assert sorted(path.name for path in repo.root.iterdir()) == [".git", "state"]


@pytest.mark.parametrize("kind", ["task", "run", "checkpoint", "store"])
def test_an_example_is_canonical(kind: str) -> None:
    data = show_example(kind).data
    document = record.parse(data["text"].encode(), data["path"]).document
    assert document is not None
    assert render.canonical(document) == data["text"]
