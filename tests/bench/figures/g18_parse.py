"""G18: reading one front matter and judging it, against CSafeLoader and jsonschema on the same text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.figure import ANY, Figure, Goal, Ground
from tests.bench.timing import Candidate

REPEATS: Final = 200


def make(ground: Ground) -> Sequence[Figure]:
    """Return one figure for parsing and one for validation, both in this process."""
    import jsonschema
    import yaml

    from platformstate import validation
    from platformstate.codec import record

    store = ground.store()
    path = f"state/tasks/{store.task}/task.md"
    data = (store.root / path).read_bytes()
    front = data.decode().split("---\n")[1]
    parsed = record.parse(data, path).document
    assert parsed is not None
    schema = json.loads((Path(__file__).parents[3] / "schemas" / "task.schema.json").read_text("utf-8"))
    reference = jsonschema.Draft202012Validator(schema)
    meta: Any = parsed.meta
    validation.judge(parsed)
    pairs = [
        (
            "parse",
            0.55,
            lambda: record.parse(data, path),
            lambda: yaml.load(front, yaml.CSafeLoader),
            "CSafeLoader",
        ),
        (
            "validate",
            0.05,
            lambda: validation.judge(parsed),
            lambda: list(reference.iter_errors(meta)),
            "jsonschema",
        ),
    ]
    return [
        Figure(
            "G18",
            f"{name} one record",
            {ANY: Goal("<=", bound)},
            (_called(f"{name}, ours", ours), _called(floor, theirs)),
            f"{name}, ours",
            (floor,),
            floor,
        )
        for name, bound, ours, theirs, floor in pairs
    ]


def _called(name: str, work: Callable[[], object]) -> Candidate:
    def call() -> float:
        started = time.perf_counter()
        for _ in range(REPEATS):
            work()
        return (time.perf_counter() - started) * 1000 / REPEATS

    return Candidate(name, call=call)
