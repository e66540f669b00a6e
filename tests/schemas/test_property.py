"""Generated records: what is valid is valid to both engines and survives being written and read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platformstate.codec import render
from platformstate.core.document import Document
from platformstate.entities.kinds import CHECKPOINT, TASK
from platformstate.validation import engines, judge, read, read_reference
from platformstate.validation.wording import findings
from tests.schemas.corpus import PLACES
from tools.schemas import kinds

CHARACTERS = st.sampled_from(list("abcXYZ019 _-./:#'\"[]{},&*!|>%@`~=\\()<?^$+;éßΩ中文שלוםعمره😀"))
IDS = st.from_regex(r"[a-z0-9]([a-z0-9]|-[a-z0-9]){0,20}", fullmatch=True)
ACTORS = st.from_regex(r"[a-z0-9]([a-z0-9]|[-._/][a-z0-9]){0,10}", fullmatch=True)
OIDS = st.from_regex(r"[0-9a-f]{40}|[0-9a-f]{64}", fullmatch=True)
INSTANTS = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
OFTEN_READ_AS_OTHER = st.sampled_from(
    [
        "yes",
        "no",
        "on",
        "null",
        "~",
        "true",
        "0123",
        "0x1F",
        "1e3",
        "12:30",
        "2026-11-20",
        "1.0",
        "- a",
        "#1",
        "=",
        "<<",
    ]
)
LINES = st.text(CHARACTERS, min_size=1, max_size=60) | OFTEN_READ_AS_OTHER
TEXTS = LINES | st.lists(LINES, min_size=2, max_size=4).map("\n".join)


def lists(items: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=most, unique=True)


def records(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


CRITERIA = st.lists(
    records(
        {"id": IDS, "text": TEXTS, "proof": st.sampled_from(["doc", "test", "live", "operator"])},
        {"reason": TEXTS},
    ).flatmap(
        lambda item: st.sampled_from(
            [
                {**item, "state": "open"},
                {**item, "state": "met", "evidence": []},
                {**item, "state": "moved", "moved_to": "gh-1#ac1"},
                {**item, "state": "waived", "reason": "nobody needs it"},
            ]
        )
    ),
    max_size=3,
    unique_by=lambda item: item["id"],
)
OPEN = ["intake", "refining", "ready", "implementation", "review", "blocked", "parked"]
TASKS = records(
    {
        "schema": st.just("task/1"),
        "id": IDS,
        "title": LINES,
        "status": st.sampled_from(OPEN),
        "labels": lists(LINES),
        "depends_on": lists(IDS),
        "acceptance": CRITERIA,
        "created_at": INSTANTS,
        "created_by": ACTORS,
    },
    {
        "status_reason": TEXTS,
        "priority": st.sampled_from(["p0", "p1", "p2", "p3"]),
        "kind": IDS,
        "owner": ACTORS,
        "refs": lists(LINES),
        "spec_refs": st.lists(records({"path": st.just("docs/a.md")}, {"commit": OIDS}), max_size=2),
        "base_commit": OIDS,
        "scope": records({}, {"allow": lists(st.just("docs/**")), "forbid": lists(st.just("*.pem"))}),
        "plan": st.lists(
            records({"key": IDS, "text": TEXTS}, {"verify": TEXTS}),
            max_size=3,
            unique_by=lambda item: item["key"],
        ),
        "verify": lists(TEXTS),
        "setup": TEXTS,
        "budget": records({}, {"minutes": st.integers(1, 2**53 - 1), "tokens": st.integers(1, 9)}),
        "x-own": st.none() | st.booleans() | st.integers(-9, 9) | TEXTS | st.lists(TEXTS, max_size=2),
    },
)


@settings(max_examples=150, deadline=None)
@given(TASKS, TEXTS)
def test_a_valid_task_is_valid_to_both_engines_and_survives_writing(meta: dict[str, Any], body: str) -> None:
    document = Document(TASK, PLACES["task"], meta, f"\n{body}\n")
    assert judge(document) == ()
    text = render.canonical(document)
    for reader in (read, read_reference):
        judged = reader(text.encode(), document.path)
        assert [problem for problem in judged.problems if problem.severity == "error"] == []
        assert judged.document is not None
        assert dict(judged.document.meta) == meta
        assert judged.document.body == document.body
        assert render.canonical(judged.document) == text


@settings(max_examples=100, deadline=None)
@given(TASKS, st.data())
def test_both_engines_find_the_same_in_a_damaged_task(meta: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([*meta, "titel", "closed_at"]))
    wrong = data.draw(
        st.none() | st.booleans() | st.integers() | TEXTS | st.lists(TEXTS, max_size=2) | st.just({})
    )
    damaged = {**meta, key: wrong}
    fast, reference = (findings(damaged, of("task")(damaged)) for of in (engines.engine, engines.reference))
    assert sorted(fast, key=repr) == sorted(reference, key=repr)  # by place they are put where they are shown


CHECKPOINTS = records(
    {
        "schema": st.just("checkpoint/1"),
        "id": st.just("20261120t103501z-7fq2ka"),
        "run": st.just("20261120t101130z-3k9xma"),
        "kind": st.sampled_from(["start", "plan", "progress", "decision", "failed_attempt"]),
        "at": INSTANTS,
        "author": ACTORS,
        "basis": st.just("self_report"),
        "confidence": st.just("claimed"),
        "git": records(
            {
                "commit": st.none() | OIDS,
                "branch": st.none() | st.just("codex/460"),
                "dirty": st.integers(0, 10**6),
                "ahead": st.none() | st.integers(0, 99),
            },
            {},
        ),
    },
    {
        "task": IDS,
        "commands": st.lists(
            records(
                {
                    "argv": st.lists(LINES, min_size=1, max_size=3),
                    "exit_code": st.integers(-255, 255),
                    "at": INSTANTS,
                    "output_sha256": st.none() | st.just("ab" * 32),
                },
                {},
            ),
            max_size=2,
        ),
        "files": lists(st.sampled_from(["a", "docs/ü.md", "x y/z"])),
        "next_action": TEXTS,
        "next_verify": TEXTS,
    },
)


@settings(max_examples=75, deadline=None)
@given(CHECKPOINTS)
def test_a_valid_checkpoint_survives_writing(meta: dict[str, Any]) -> None:
    document = Document(CHECKPOINT, PLACES["checkpoint"], meta, "\n## Done\n- it works\n")
    judged = read(render.canonical(document).encode(), document.path)
    assert judged.problems == ()
    assert judged.document is not None
    assert dict(judged.document.meta) == meta


def titled_patterns() -> list[tuple[str, dict[str, Any]]]:
    """Return every definition that a pattern stands for, with the name of a kind that has it."""
    found = {}
    for kind, schema in kinds().items():
        for name, part in schema["$defs"].items():
            if "pattern" in part:
                found[name] = (kind, part)
    return [(name, part) for name, (_, part) in sorted(found.items())]


@pytest.mark.parametrize(
    "name,part", titled_patterns(), ids=lambda value: value if isinstance(value, str) else ""
)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_pattern_means_the_same_to_both_engines(
    name: str, part: dict[str, Any], data: st.DataObject
) -> None:
    import jsonschema
    import jsonschema_rs

    text = data.draw(st.from_regex(part["pattern"]) | st.text(st.sampled_from("az09-_./#t\nZ é"), max_size=8))
    fast = jsonschema_rs.Draft202012Validator(part).is_valid(text)
    slow = jsonschema.Draft202012Validator(engines._anchored(part)).is_valid(text)
    assert fast == slow
