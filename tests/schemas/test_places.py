import pytest

from platformstate.core import places
from platformstate.core.places import Place, place_of

RUN = "20261120t101130z-3k9xma"

KNOWN = {
    "state/store.yaml": Place("store", "store"),
    "state/tasks/gh-460/task.md": Place("task", "gh-460", "task/gh-460"),
    "state/jobs/nightly/job.md": Place("job", "nightly", "job/nightly"),
    "state/procedures/deploy/procedure.md": Place("procedure", "deploy", "procedure/deploy"),
    f"state/tasks/gh-460/runs/{RUN}/run.md": Place("run", RUN, "task/gh-460", RUN),
    f"state/jobs/nightly/runs/{RUN}/run.md": Place("run", RUN, "job/nightly", RUN),
    f"state/procedures/deploy/runs/{RUN}/events.jsonl": Place("event", RUN, "procedure/deploy", RUN),
    f"state/tasks/a/runs/{RUN}/run_receipt.json": Place("receipt", RUN, "task/a", RUN),
    f"state/tasks/a/runs/{RUN}/resolved_steps.json": Place("resolved_steps", RUN, "task/a", RUN),
    f"state/tasks/a/runs/{RUN}/summary.md": Place("summary", RUN, "task/a", RUN),
    f"state/tasks/a/runs/{RUN}/checkpoints/c.md": Place("checkpoint", "c", "task/a", RUN),
    f"state/tasks/a/runs/{RUN}/logs/0.1.log": Place("log", "0.1", "task/a", RUN),
    f"state/tasks/a/runs/{RUN}/artifacts/x/y z.txt": Place("artifact", "x/y z.txt", "task/a", RUN),
    "state/jobs/nightly/ledger/2026-11.k3m9qa2b.jsonl": Place("ledger", "2026-11.k3m9qa2b", "job/nightly"),
    "state/evidence/e.json": Place("evidence", "e"),
    "state/templates/CODEX_CHECKPOINT.md": Place("template", "CODEX_CHECKPOINT"),
    "state/schemas/task.schema.json": Place("schema_copy", "task"),
}


@pytest.mark.parametrize("path", KNOWN)
def test_a_place_of_the_layout_is_known(path: str) -> None:
    assert place_of(path) == KNOWN[path]


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "state",
        "state/",
        "state/README.md",
        "state/store.yml",
        "state/tasks/task.md",
        "state/tasks/a/task.md/task.md",
        "state/tasks/a/notes.md",
        "state/tasks/a/Task.md",
        "state/tasks/a/runs/task.md",
        "state/tasks/a/job.md",
        "state/tasks/a/ledger/2026-11.x.jsonl",
        "state/tasks/a/runs/r/checkpoints/deep/c.md",
        "state/tasks/a/runs/r/logs/deep/0.1.log",
        "state/tasks/a/runs/r/artifacts",
        "state/evidence/deep/e.json",
        "state/evidence/e.yaml",
        "state/schemas/note.schema.json",
        "state/schemas/meta/kind.schema.json",
        "state/templates/deep/A.md",
        "state/notes/a.md",
        "other/state/tasks/a/task.md",
        "state/tasks/a/task.md\n",
        "state/tasks/a\n/task.md",
        "state//tasks/a/task.md",
    ],
)
def test_anything_else_is_outside_the_layout(path: str) -> None:
    assert place_of(path) is None


def test_a_malformed_id_is_still_a_place() -> None:
    assert place_of("state/tasks/GH 460/task.md") == Place("task", "GH 460", "task/GH 460")


@pytest.mark.parametrize(
    "path,place",
    [
        (places.task_path("gh-460"), Place("task", "gh-460", "task/gh-460")),
        (places.run_path("job/nightly", RUN), Place("run", RUN, "job/nightly", RUN)),
        (places.journal_path("task/a", RUN), Place("event", RUN, "task/a", RUN)),
        (places.receipt_path("task/a", RUN), Place("receipt", RUN, "task/a", RUN)),
        (places.checkpoint_path("procedure/p", RUN, "c"), Place("checkpoint", "c", "procedure/p", RUN)),
        (places.evidence_path("e"), Place("evidence", "e")),
        (places.STORE_PATH, Place("store", "store")),
    ],
)
def test_a_path_that_is_made_is_the_place_that_is_meant(path: str, place: Place) -> None:
    assert place_of(path) == place
