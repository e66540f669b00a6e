"""Which files of the layout have a history that is judged: records and pins, not texts and copies."""

import pytest

from platformstate.policy.history import FileHistory, history_problems, needs_versions

RUN = "state/tasks/gh-460/runs/20261120t101130z-3k9xma"
FREE = [
    "state/templates/CODEX_CHECKPOINT.md",
    "state/schemas/task.schema.json",
    f"{RUN}/summary.md",
    f"{RUN}/logs/0.1.log",
    f"{RUN}/artifacts/x.txt",
]


@pytest.mark.parametrize("path", FREE)
@pytest.mark.parametrize("after", [b"other", None])
def test_a_file_that_is_no_record_may_change_and_go(path: str, after: bytes | None) -> None:
    assert not needs_versions(path)
    assert history_problems([FileHistory(path, (b"one",), after)]) == ()


def test_a_pin_may_neither_change_nor_go() -> None:
    path = f"{RUN}/resolved_steps.json"
    (changed,) = history_problems([FileHistory(path, (b"{}\n",), b"[]\n")])
    assert changed.code == "record_immutable_changed"
    (gone,) = history_problems([FileHistory(path, (b"{}\n",), None)])
    assert gone.code == "record_immutable_deleted"
