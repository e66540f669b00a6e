"""The pinned list: steps and payloads as inverses, its bytes, its digests, its sources."""

from __future__ import annotations

import json
from dataclasses import fields
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platformstate.codec.json_text import canonical_json
from platformstate.core.catalog import KINDS
from platformstate.entities.step import STEPS as CLASSES
from platformstate.entities.step import Guard, ManualStep, Step
from platformstate.policy.pin import (
    Pin,
    Source,
    job_steps,
    pin_bytes,
    read_pin,
    step_from_payload,
    step_sha256,
    step_to_payload,
    task_steps,
)
from platformstate.validation import engines, read
from tests.conduct.recipes import RUN, SOURCE, STEPS, check, command, gate, manual, pin_of

PATH = f"state/procedures/demo/runs/{RUN}/resolved_steps.json"
ANY_STEP = st.one_of(*STEPS)


@settings(max_examples=300, deadline=None)
@given(ANY_STEP)
def test_step_to_payload_to_step_is_the_identity(step: Step) -> None:
    assert step_from_payload(step_to_payload(step)) == step


@settings(max_examples=300, deadline=None)
@given(ANY_STEP)
def test_payload_to_step_to_payload_gives_the_same_bytes(step: Step) -> None:
    line = canonical_json(step_to_payload(step))
    assert canonical_json(step_to_payload(step_from_payload(json.loads(line)))) == line


@settings(max_examples=50, deadline=None)
@given(st.lists(ANY_STEP, min_size=1, max_size=5))
def test_a_whole_list_survives_its_bytes(steps: list[Step]) -> None:
    numbered = tuple(type(step)(**{**_given(step), "index": number}) for number, step in enumerate(steps))
    guard = Guard("g", ("true",), {"P_a": "é"}, 5)
    pin = Pin(
        SOURCE, numbered, {"a": "é", "b": 3, "c": True}, (("x", "b" * 40),), (guard,), ("TOKEN",), True, 2048
    )
    data = pin_bytes(pin)
    assert read_pin(json.loads(data)) == pin
    assert pin_bytes(read_pin(json.loads(data))) == data


def _given(step: Step) -> dict[str, object]:
    return {part.name: getattr(step, part.name) for part in fields(step)}


def test_the_layout_is_a_line_a_key_and_a_line_a_step() -> None:
    lines = pin_bytes(pin_of(command(0), gate(1))).decode().split("\n")
    assert lines[0] == "{"
    keys = [line.partition(":")[0] for line in lines[1:11]]
    assert keys == sorted(keys)
    assert keys[-1] == '"steps"'
    assert lines[10] == '"steps":['
    assert [json.loads(line.rstrip(","))["index"] for line in lines[11:13]] == [0, 1]
    assert lines[13:] == ["]", "}", ""]
    for line in lines[1:10]:
        assert line.endswith(",")
        assert canonical_json(json.loads("{" + line[:-1] + "}")).decode() == "{" + line[:-1] + "}"


def test_the_file_is_valid_by_its_schema() -> None:
    pin = pin_of(command(0), check(1), gate(2), manual(3))
    judged = read(pin_bytes(pin), PATH)
    assert judged.problems == ()
    assert judged.document is not None


def test_the_digest_of_a_step_says_nothing_of_its_place() -> None:
    payload = step_to_payload(command(3, "same"))
    bare = {key: value for key, value in payload.items() if key not in ("index", "step_sha256")}
    assert payload["step_sha256"] == sha256(canonical_json(bare)).hexdigest()
    assert step_sha256(command(7, "same")) == payload["step_sha256"]
    assert step_sha256(command(3, "other")) != payload["step_sha256"]


def test_the_same_steps_and_params_give_the_same_bytes() -> None:
    assert pin_bytes(pin_of(command(0))) == pin_bytes(pin_of(command(0)))
    one = Pin(SOURCE, (command(0),), {"a": "1"})
    other = Pin(SOURCE, (command(0),), {"a": "2"})
    assert one.params_sha256 != other.params_sha256
    assert pin_bytes(one) != pin_bytes(other)


def test_a_tasks_plan_becomes_manual_steps_that_execute_nothing() -> None:
    steps = task_steps(
        [{"key": "test", "text": "write it", "verify": "pytest -q"}, {"key": "fix", "text": "do"}]
    )
    assert steps == (
        ManualStep(0, "test", "write it", idempotent=True, verify_text="pytest -q"),
        ManualStep(1, "fix", "do", idempotent=True),
    )
    assert all(step_to_payload(step)["verify"] is None for step in steps)


def test_a_command_job_is_one_step_that_ends_its_run() -> None:
    (step,) = job_steps(["python3", "-m", "x"], timeout=1800)
    assert (step.key, step_to_payload(step)["on_fail"], step.index) == ("main", "fail", 0)
    assert (
        read(pin_bytes(Pin(Source("job", "j", "state/jobs/j/job.md", "a" * 40), (step,))), PATH).problems
        == ()
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_a_kind_of_step_has_the_fields_that_the_schema_gives_it(kind: str) -> None:
    for rule in engines.schema("resolved_steps")["$defs"]["pinned_step"]["allOf"]:
        if rule["if"]["properties"]["kind"]["const"] == kind:
            named = {part.name for part in fields(CLASSES[kind])}
            assert {*named, "kind", "step_sha256"} == set(rule["then"]["properties"])


DEFAULTS = (
    "cwd",
    "idempotent",
    "grace",
    "retries",
    "retry_delay",
    "on_fail",
    "recheck",
    "checkpoint_kind",
    "evidence",
)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_the_one_that_the_schema_of_procedures_tells(name: str) -> None:
    told = engines.schema("procedure")["$defs"]["step"]["properties"][name]["default"]
    held = [part.default for made in CLASSES.values() for part in fields(made) if part.name == name]
    assert held
    assert set(held) == {told}
    assert "pinned_step" in engines.schema("resolved_steps")["$defs"]
    assert KINDS["procedure"].shape.keys["steps"].items is not None


BROKEN = {
    "unknown kind": {"kind": "call"},
    "no digest": {"step_sha256": None},
    "another digest": {"step_sha256": "0" * 64},
    "another key": {"key": "other"},
    "a field too many": {"x": 1},
    "a field of another type": {"done_when": "true"},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_payload_that_is_not_ours_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="step"):
        step_from_payload({**step_to_payload(command(0)), **change})


def test_a_payload_without_a_field_is_refused() -> None:
    payload = step_to_payload(command(0))
    del payload["argv"]
    with pytest.raises(ValueError, match="argv"):
        step_from_payload(payload)


@pytest.mark.parametrize(
    "key,value",
    [("expander", 2), ("source", {"kind": "task"}), ("steps", [{}]), ("called", [1]), ("requires", [{}])],
)
def test_a_file_that_is_no_pin_is_refused(key: str, value: object) -> None:
    good = json.loads(pin_bytes(pin_of(command(0))))
    with pytest.raises(ValueError):
        read_pin({**good, key: value})


def test_a_list_in_another_order_is_refused() -> None:
    good = json.loads(pin_bytes(pin_of(command(0), command(1))))
    with pytest.raises(ValueError, match="another place"):
        read_pin({**good, "steps": good["steps"][::-1]})
