"""How a whole tree is taken apart, so that no more of it is in memory than belongs together."""

from __future__ import annotations

from platformstate.actions.judging_part import portions

NAMES = ("task.md", "runs/r/run.md", "runs/r/events.jsonl")


def test_no_path_is_lost_and_no_subject_is_torn_apart() -> None:
    tasks = [f"state/tasks/{name}" for number in range(700) for name in (f"t{number}", f"t{number}-b")]
    paths = {f"{task}/{name}" for task in tasks for name in NAMES} | {"state/store.yaml"}
    found = list(portions(paths))
    assert len(found) > 2
    assert sorted(path for portion in found for path in portion) == sorted(paths)
    for task in tasks:
        assert [len(portion & {f"{task}/{name}" for name in NAMES}) for portion in found].count(0) == len(
            found
        ) - 1


def test_a_tree_without_files_is_judged_too() -> None:
    assert list(portions(())) == [frozenset()]
