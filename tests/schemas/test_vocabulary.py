import re
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import jsonschema
import pytest

from platformstate.core.catalog import KINDS
from tools.schemas import SCHEMAS, differing_definitions, faults, kinds, load

SCHEMA_FILES = kinds()
META = jsonschema.Draft202012Validator(load(SCHEMAS / "meta" / "kind.schema.json"))


def parts(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping of a schema with the place where it stands."""
    if isinstance(node, dict):
        yield place, node
        for key, child in node.items():
            yield from parts(child, f"{place}/{key}")
    elif isinstance(node, list):
        for position, child in enumerate(node):
            yield from parts(child, f"{place}/{position}")


def patterns() -> list[str]:
    """Return every pattern of every schema."""
    found = set()
    for _, part in parts(SCHEMA_FILES):
        if isinstance(part.get("pattern"), str):
            found.add(part["pattern"])
        for key in part.get("patternProperties", {}):
            found.add(key)
    return sorted(found - {"^x-"})


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_the_meta_schema_accepts(name: str) -> None:
    assert faults(SCHEMA_FILES[name]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"oneOf": [{"type": "string"}]},
        {"x-unknown": True},
        {"$ref": "task.schema.json"},
        {"$ref": "https://example.org/task.json"},
        {"pattern": "[a-z]+"},
        {"pattern": "^é$"},
        {"pattern": r"^\d+$"},
        {"pattern": r"^\w$"},
        {"pattern": r"^a\Z$"},
        {"pattern": "^(?=a)$"},
        {"pattern": "^(?i)a$"},
        {"multipleOf": 0.5},
        {"type": "number"},
        {"type": "object"},
        {"type": "array", "items": True},
        {"uniqueItems": True},
        {"uniqueItems": True, "maxItems": 257},
        {"format": "email"},
        {"enum": [1.5]},
        {"then": {"type": "string"}},
        {"x-column": {"type": "varchar"}},
        {"x-merge": "newest"},
        {"x-ref": {"kind": "person"}},
        {"x-always": False},
    ],
    ids=str,
)
def test_the_meta_schema_refuses_what_it_does_not_know(change: dict[str, Any]) -> None:
    schema = load(SCHEMAS / "store.schema.json")
    schema["properties"]["x"] = change
    assert list(META.iter_errors(schema))


def test_a_definition_means_the_same_in_every_schema() -> None:
    assert differing_definitions(SCHEMA_FILES) == []


@pytest.mark.parametrize("pattern", patterns())
def test_a_pattern_is_read_alike_by_both_engines(pattern: str) -> None:
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert pattern.isascii()
    assert not re.search(r"\\[a-mo-qsu-zA-Z0-9]", pattern), "only \\t, \\n, \\r and punctuation are escaped"
    assert "(?" not in pattern
    inside = pattern[1:-1]
    depth = 0
    for character in re.sub(r"\\.|\[[^]]*]", "", inside):
        depth += {"(": 1, ")": -1}.get(character, 0)
        assert character != "|" or depth, "a choice stands in brackets, so that ^ and $ hold for all of it"


@pytest.mark.parametrize("pattern", patterns())
def test_no_repetition_holds_another(pattern: str) -> None:
    assert not nested(_parser.parse(pattern), inside=False)


def nested(tree: Any, inside: bool) -> bool:
    """Say whether an endless repetition stands inside an endless repetition."""
    for operation, argument in tree:
        endless = operation is _constants.MAX_REPEAT and argument[1] == _constants.MAXREPEAT
        if endless and inside:
            return True
        for child in below(operation, argument):
            if nested(child, inside or endless):
                return True
    return False


def below(operation: Any, argument: Any) -> list[Any]:
    """Return the expressions inside one operation of a parsed pattern."""
    if operation is _constants.MAX_REPEAT:
        return [argument[2]]
    if operation is _constants.SUBPATTERN:
        return [argument[3]]
    if operation is _constants.BRANCH:
        return list(argument[1])
    return []


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_the_file_is_named_after_its_kind(name: str) -> None:
    kind = SCHEMA_FILES[name]["x-kind"]
    assert kind["name"] == name
    assert SCHEMA_FILES[name]["$id"] == f"urn:platformstate:{name}:{kind['version']}"


@pytest.mark.parametrize("name", ["task", "run"])
def test_a_lifecycle_knows_every_status_and_no_other(name: str) -> None:
    lifecycle = KINDS[name].lifecycle
    assert lifecycle is not None
    listed = SCHEMA_FILES[name]["properties"]["status"]["enum"]
    assert sorted(lifecycle.states) == sorted(listed)
    assert {state for following in lifecycle.states.values() for state in following} <= set(listed)
    assert [state for state, following in lifecycle.states.items() if not following] == list(lifecycle.final)


def test_a_task_has_the_transitions_of_its_table() -> None:
    lifecycle = KINDS["task"].lifecycle
    assert lifecycle is not None
    still_open = {"intake", "refining", "ready", "implementation", "review", "blocked", "parked"}
    for state in still_open:
        assert ("parked" in lifecycle.states[state]) is (state != "parked")
        assert ("blocked" in lifecycle.states[state]) is (state != "blocked")
    closes = {state for state, following in lifecycle.states.items() if "done" in following}
    assert closes == {"ready", "implementation", "review"}
    assert lifecycle.states["done"] == ("ready", "deployed", "retired")


def test_every_type_of_event_is_judged_by_its_own_rule() -> None:
    schema = SCHEMA_FILES["event"]
    types = schema["properties"]["type"]["enum"]
    ruled = [rule["if"]["properties"]["type"]["const"] for rule in schema["allOf"]]
    assert ruled == types
    for name in types:
        own = schema["$defs"][name]
        assert own["additionalProperties"] is False
        assert set(own["properties"]) <= set(schema["properties"])
        assert set(own.get("required", ())) <= set(own["properties"])


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_keys_that_a_team_adds_are_allowed_in_every_record(name: str) -> None:
    for place, part in parts(SCHEMA_FILES[name]):
        fields = part.get("properties")
        if part.get("additionalProperties") is False and fields and name != "evidence":
            assert "^x-" in part["patternProperties"], place


def test_the_groups_of_a_task_are_those_that_merge() -> None:
    groups: list[list[str]] = []
    last = None
    for key, field in KINDS["task"].shape.keys.items():
        if field.group != last:
            groups.append([])
        groups[-1].append(key)
        last = field.group
    assert [" ".join(group) for group in groups] == [
        "schema id",
        "title",
        "status status_reason",
        "priority kind tier",
        "owner agent",
        "labels",
        "refs",
        "depends_on",
        "spec_refs base_commit",
        "branch",
        "scope",
        "acceptance",
        "plan",
        "verify setup",
        "stop_conditions approvals_needed budget",
        "created_at created_by",
        "closed_at",
        "idempotency",
    ]


def test_only_three_fields_of_a_task_are_written_when_empty() -> None:
    always = [key for key, field in KINDS["task"].shape.keys.items() if field.always]
    assert always == ["labels", "depends_on", "acceptance"]


def test_fields_that_never_change() -> None:
    immutable = {
        name: [key for key, field in spec.shape.keys.items() if field.immutable]
        for name, spec in KINDS.items()
    }
    assert immutable["task"] == ["id", "created_at", "created_by"]
    assert immutable["run"] == ["id", "subject", "attempt"]
    assert immutable["store"] == ["schema", "id", "created_at"]


COLUMNS = {
    "task": "task_id title status priority kind tier owner agent branch base_commit created_at created_by closed_at",
    "run": "run_id status actor attempt coupling parent_run rescues branch base_commit started_at ended_at reason"
    " exit_code fence for_task replay_of step_count steps_sha256 trigger_type slot",
    "checkpoint": "checkpoint_id task_id run_id kind at author observer basis confidence supersedes next_action",
    "event": "seq type at step_index attempt",
    "evidence": "name type ok at commit_oid",
    "procedure": "procedure_id title",
    "job": "job_id title enabled trigger_kind cron timezone",
    "ledger": "job_id run_id at slot slot_to slot_count trigger_type status reason actor exit_code"
    " started_at ended_at replay_of steps_sha256",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_kind_names_the_columns_of_its_table(name: str) -> None:
    found = set()
    for place, part in parts(SCHEMA_FILES[name]["properties"]):
        if "x-column" in part:
            found.add(part["x-column"].get("name", place.rpartition("/")[2]))
    assert found == set(COLUMNS[name].split())
