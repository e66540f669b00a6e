"""What reading a file says about it; the corpus beside has the single rules."""

import json

import pytest

from platformstate.core.document import Document
from platformstate.entities.kinds import TASK
from platformstate.errors import Problem
from platformstate.packaged import read as packaged
from platformstate.validation import Judged, judge, read, read_reference
from tests.schemas.corpus import EXAMPLES, PLACES, RUN, told

TASK_TEXT = (EXAMPLES / "task" / "valid" / "ready.md").read_text("utf-8")
PATH = PLACES["task"]


def problems_of(text: str | bytes, path: str = PATH) -> tuple[Problem, ...]:
    return read(text.encode() if isinstance(text, str) else text, path).problems


def test_50_13_02_a_wrong_status_is_told_at_its_value() -> None:
    """Scenario 50-13.2: one problem, its code, place, pointer and words."""
    (problem,) = problems_of(TASK_TEXT.replace("status: ready", "status: opne"))
    assert (problem.line, problem.col, problem.pointer) == (7, 9, "/status")
    assert problem.code == "field_value_invalid"
    assert problem.message.startswith('status "opne" is not one of intake, refining, ready, ')
    assert problem.fix == "write ready, or another of the words listed"


def test_50_13_03_a_title_twice_is_told_at_the_second_key() -> None:
    """Scenario 50-13.3, first half."""
    title = "title: Add retry to the exporter"
    (problem,) = problems_of(TASK_TEXT.replace(title, "title: one\ntitle: one"))
    assert (problem.code, problem.line, problem.col) == ("key_duplicate", 6, 1)


def test_50_13_03_conflict_markers_are_the_only_finding() -> None:
    """Scenario 50-13.3, second half."""
    text = TASK_TEXT.replace("status: ready", "<<<<<<< a\nstatus: opne\n=======\nstatus: x\n>>>>>>> b")
    assert [problem.code for problem in problems_of(text)] == ["conflict_markers_present"]


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: schema.pop("required"),
        lambda schema: schema["properties"].update(evil={"$ref": "https://example.org/evil.json"}),
        lambda schema: schema["properties"].update(evil={"$ref": "file:///etc/passwd"}),
    ],
)
def test_50_13_12_a_forked_schema_is_told_and_never_used(change: object) -> None:
    """Scenario 50-13.12: the packaged schema judges, whatever stands in the store."""
    schema = json.loads(packaged("schemas", "task.schema.json"))
    assert callable(change)
    change(schema)
    (problem,) = problems_of(json.dumps(schema) + "\n", "state/schemas/task.schema.json")
    assert (problem.code, problem.line, problem.col) == ("schema_forked", 1, 1)
    untitled = TASK_TEXT.replace("title: Add retry to the exporter\n\n", "")
    assert [problem.code for problem in problems_of(untitled)] == ["field_missing"]


def test_a_copy_of_the_schema_may_be_laid_out_otherwise() -> None:
    schema = json.loads(packaged("schemas", "task.schema.json"))
    path = "state/schemas/task.schema.json"
    assert problems_of(packaged("schemas", "task.schema.json"), path) == ()
    assert problems_of(json.dumps(schema, indent=4) + "\n", path) == ()


def test_a_copy_that_is_no_json_is_told_as_such() -> None:
    assert [p.code for p in problems_of("{\n", "state/schemas/task.schema.json")] == ["json_syntax_invalid"]


def test_a_missing_key_is_told_at_the_first_key_of_its_mapping() -> None:
    text = TASK_TEXT.replace("    proof: test\n", "")
    (problem,) = problems_of(text)
    assert (problem.line, problem.col, problem.pointer) == (18, 5, "/acceptance/0/proof")
    assert problem.fix == "add proof, one of doc, test, live, operator"


def test_an_unknown_key_names_the_nearest() -> None:
    (problem,) = problems_of(TASK_TEXT.replace("priority: p1", "prioritty: p1"))
    assert problem.message == '"prioritty" is no field of the record'
    assert problem.fix == "write priority instead"


def test_a_long_value_is_cut() -> None:
    (problem,) = problems_of(TASK_TEXT.replace("status: ready", "status: " + "x" * 5000))
    assert len(problem.message) < 400
    assert '"' + "x" * 40 + '…"' in problem.message


def test_a_control_character_in_a_value_is_escaped() -> None:
    (problem,) = problems_of(TASK_TEXT.replace("status: ready", r'status: "a\tb"'))
    assert '"a\\x09b"' in problem.message


def test_a_secret_is_never_repeated() -> None:
    secret = "ghp_" + "a1B2" * 10
    (problem,) = problems_of(TASK_TEXT.replace("status: ready", f"status: {secret}"))
    assert secret[4:] not in problem.message + problem.fix
    (problem,) = problems_of(TASK_TEXT.replace("status: ready", f"status: ready\n{secret}: x"))
    assert secret[4:] not in problem.message + problem.fix


def test_an_instant_with_an_offset_is_a_warning() -> None:
    judged = read(TASK_TEXT.replace("10:11:30Z", "12:11:30+02:00").encode(), PATH)
    assert [(p.code, p.severity, p.pointer) for p in judged.problems] == [
        ("instant_not_utc", "warning", "/created_at")
    ]
    assert judged.document is not None


def test_problems_come_in_the_order_of_the_file() -> None:
    text = TASK_TEXT.replace("status: ready", "status: opne").replace("priority: p1", "priority: p9")
    text = text.replace("proof: test", "proof: tests")
    found = problems_of(text)
    assert [problem.pointer for problem in found] == ["/status", "/priority", "/acceptance/0/proof"]
    assert list(found) == sorted(found, key=lambda problem: (problem.line, problem.col))


def test_a_journal_gives_its_rows_with_their_lines() -> None:
    data = (EXAMPLES / "event" / "valid" / "task_run.jsonl").read_bytes()
    judged = read(data, PLACES["event"])
    assert judged.rows is not None
    assert [(line, row["type"]) for line, row in judged.rows] == [
        (1, "RunDefined"),
        (2, "RunStarted"),
        (3, "RunSucceeded"),
    ]
    assert judged.document is None


def test_a_journal_tells_its_first_bad_line_only() -> None:
    data = (EXAMPLES / "event" / "invalid" / "only_the_first_bad_line.jsonl").read_bytes()
    (problem,) = problems_of(data, PLACES["event"])
    assert (problem.code, problem.line, problem.pointer) == ("run_journal_corrupt", 2, "/h")
    assert "event 1 breaks the rules of its type" in problem.message


@pytest.mark.parametrize("kind", ["task", "job", "procedure"])
def test_a_kind_of_a_later_version_is_not_skipped(kind: str) -> None:
    text = f"---\nschema: {kind}/2\nid: nightly\n---\n"
    (problem,) = problems_of(text, f"state/{kind}s/nightly/{kind}.md")
    assert (problem.code, problem.line, problem.col) == ("schema_version_unknown", 2, 9)
    assert problem.message == f'schema "{kind}/2" is not known to this program, which knows {kind}/1 here'


def test_a_template_is_read_as_text_and_yaml_only() -> None:
    path = "state/templates/CODEX_TASK_PACKET.md"
    assert problems_of("---\nschema: task/1\nid: replace-me\nanything: 3\n---\nbody\n", path) == ()
    assert [p.code for p in problems_of("---\na: 1\na: 2\n---\n", path)] == ["key_duplicate"]


@pytest.mark.parametrize(
    "path",
    ["README.md", "state/notes/a.md", f"{RUN}/logs/0.1.log", f"{RUN}/artifacts/x.bin", f"{RUN}/summary.md"],
)
def test_a_file_that_holds_no_record_is_not_judged(path: str) -> None:
    judged = read(b"\xff\x00 not text", path)
    assert judged == Judged(None, None, ())


def test_a_record_that_no_file_holds_yet_is_judged() -> None:
    document = read(TASK_TEXT.encode(), PATH).document
    assert document is not None
    assert judge(document) == ()
    unwritten = Document(TASK, PATH, {**document.meta, "status": "opne"})
    assert told(judge(unwritten)) == ["1:1 field_value_invalid /status"]


def test_a_changed_record_is_judged_by_its_new_values() -> None:
    document = read(TASK_TEXT.encode(), PATH).document
    assert document is not None
    assert [p.code for p in judge(document.with_changes({"priority": "p9"}))] == ["field_value_invalid"]


@pytest.mark.parametrize("value", [1.0, 0.0, -3.0, 1.5, True, "1", None, [], {}])
@pytest.mark.parametrize("reader", [read, read_reference])
def test_only_a_whole_number_is_a_whole_number(value: object, reader: object) -> None:
    record = json.loads((EXAMPLES / "evidence" / "valid" / "command.json").read_text("utf-8"))
    record["duration_ms"] = value
    assert callable(reader)
    judged = reader(json.dumps(record, indent=2).encode() + b"\n", PLACES["evidence"])
    assert [problem.code for problem in judged.problems] == ["field_type_wrong"]


@pytest.mark.parametrize("minutes", [1.0, 2.5])
def test_a_number_with_a_point_in_a_record_that_no_file_holds_yet(minutes: float) -> None:
    document = read(TASK_TEXT.encode(), PATH).document
    assert document is not None
    unwritten = Document(TASK, PATH, {**document.meta, "budget": {"minutes": minutes}, "x-share": 0.5})
    assert told(judge(unwritten)) == ["1:1 field_type_wrong /budget/minutes"]


def test_an_item_without_an_id_repeats_none() -> None:
    criterion = "  - text: the docs say so\n    proof: doc\n    state: open\n"
    text = TASK_TEXT.replace("    state: open\n", f"    state: open\n{criterion}{criterion}")
    assert [problem.pointer for problem in problems_of(text)] == ["/acceptance/1/id", "/acceptance/2/id"]


def test_an_item_that_is_no_mapping_repeats_no_id() -> None:
    text = TASK_TEXT.replace("    state: open\n", "    state: open\n  - the docs say so\n")
    assert told(problems_of(text)) == ["22:5 field_type_wrong /acceptance/1"]


def test_a_file_of_a_later_version_that_cannot_be_read_is_told_as_such() -> None:
    assert told(problems_of("nothing", "state/jobs/nightly/job.md"))[0].startswith("1:1 frontmatter_missing")


def test_a_list_where_a_number_belongs() -> None:
    text = TASK_TEXT.replace("created_at:", "budget:\n  tokens:\n    - 1\n\ncreated_at:")
    (problem,) = problems_of(text)
    assert problem.message == "tokens is a list, not a whole number"
