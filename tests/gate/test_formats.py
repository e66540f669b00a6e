"""The formats of a judgement: each is well-formed for no finding and for several, and names the same ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from platformstate.actions.validate import Wish, judge_state
from platformstate.cli.formats import FORMATS, MACHINE_FORMATS, chosen, renderer
from platformstate.cli.formats.github import MAX_OF_A_KIND, summary
from tests.conftest import Platformctl
from tests.gate.conftest import CHECKPOINT, OTHER_TASK, TASK, State

THREE = ["field_value_invalid", "key_duplicate", "text_final_newline_missing"]
# What GitLab reads of a code quality report, in its own words' shape.
GITLAB: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string"},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
# The part of the SARIF 2.1.0 schema that a run without artifacts, graphs and flows uses; closed as it is there.
TEXT: dict[str, Any] = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEVEL: dict[str, Any] = {"enum": ["none", "note", "warning", "error"]}
RULE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "help": TEXT,
        "helpUri": {"type": "string", "pattern": "^[a-z]+:"},
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
    },
}
PLACE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "artifactLocation": {
            "type": "object",
            "properties": {"uri": {"type": "string", "pattern": "^[A-Za-z0-9._~/%-]+$"}},
        },
        "region": {
            "type": "object",
            "properties": {
                "startLine": {"type": "integer", "minimum": 1},
                "startColumn": {"type": "integer", "minimum": 1},
            },
        },
    },
}
RESULT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"physicalLocation": PLACE},
            },
        },
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
    },
}
SARIF: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name"],
                                "properties": {
                                    "name": {"const": "platformstate"},
                                    "version": {"type": "string"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                            }
                        },
                    },
                    "columnKind": {"const": "unicodeCodePoints"},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


def three(state: State) -> None:
    """Make three findings: two errors, and a warning."""
    state.replace(TASK, "status: ready", "status: opne")
    state.replace(OTHER_TASK, "title: ", "title: one\ntitle: ")
    state.write(
        CHECKPOINT.replace("7fq2ka.md", "zzzzzz.md"),
        state.text(CHECKPOINT).replace("7fq2ka", "zzzzzz", 1).rstrip("\n"),
    )


def shown(state: State, style: str, **wish: Any) -> str:
    judged = judge_state(str(state.root), Wish(**wish))
    return renderer(style, judged.paths)(judged.answer.data)


def codes_of(style: str, text: str) -> list[str]:
    """Return the codes that a document names, as its reader would find them."""
    if style == "github":
        rows = [line for line in text.splitlines() if not line.startswith("::notice ")]
        return sorted(row.partition("title=")[2].partition("::")[0] for row in rows)
    if style == "gitlab":
        return sorted(each["check_name"] for each in json.loads(text))
    if style == "sarif":
        return sorted(each["ruleId"] for each in json.loads(text)["runs"][0]["results"])
    if style == "junit":
        root = ElementTree.fromstring(text)
        warned = [word for each in root.iter("system-out") for word in (each.text or "").split()]
        return sorted(
            [*(each.attrib["type"] for each in root.iter("failure")), *(w for w in warned if w in THREE)]
        )
    places = [line.split(": ", 1)[1] for line in text.splitlines() if not line.startswith("  fix: ")]
    return sorted(place.removeprefix("warning: ").split(" ")[0] for place in places)


@pytest.mark.parametrize("style", ["text", *MACHINE_FORMATS])
def test_50_13_each_format_names_the_same_three_findings(state: State, style: str) -> None:
    three(state)
    assert codes_of(style, shown(state, style)) == THREE


def test_50_13_each_format_is_well_formed_without_a_finding(state: State) -> None:
    assert json.loads(shown(state, "gitlab")) == []
    sarif = json.loads(shown(state, "sarif"))
    jsonschema.validate(sarif, SARIF)
    assert (sarif["runs"][0]["results"], sarif["runs"][0]["tool"]["driver"]["rules"]) == ([], [])
    files = len(state.git("ls-files", "state").split())
    suite = ElementTree.fromstring(shown(state, "junit")).find("testsuite")
    assert suite is not None
    assert (suite.attrib["tests"], suite.attrib["failures"], len(suite)) == (str(files), "0", files)
    assert shown(state, "github") == f"::notice title=platformstate::{files} files, nothing wrong"
    assert shown(state, "text") == f"{files} files, nothing wrong"


def test_50_13_json_is_the_answer_itself(state: State, platformctl: Platformctl) -> None:
    three(state)
    ran, same = platformctl("validate", "--format", "json"), platformctl("validate", "--json")
    assert (ran.status, ran.stdout) == (1, same.stdout)
    assert sorted(each["code"] for each in ran.document["data"]["problems"]) == THREE


def test_the_report_for_gitlab_has_its_shape(state: State) -> None:
    three(state)
    report = json.loads(shown(state, "gitlab"))
    jsonschema.validate(report, GITLAB)
    assert {each["severity"] for each in report} == {"major", "minor"}
    assert len({each["fingerprint"] for each in report}) == 3


def test_sarif_has_the_shape_of_its_standard(state: State) -> None:
    three(state)
    document = json.loads(shown(state, "sarif"))
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == THREE
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    place = next(each for each in run["results"] if each["ruleId"] == "field_value_invalid")
    assert place["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": TASK},
        "region": {"startLine": 7, "startColumn": 9},
    }


def test_a_test_report_has_a_case_for_each_file_and_a_failure_for_each_error(state: State) -> None:
    three(state)
    files = len(state.git("ls-files", "-c", "-o", "state").split())
    suite = ElementTree.fromstring(shown(state, "junit")).find("testsuite")
    assert suite is not None
    assert (suite.attrib["tests"], suite.attrib["failures"]) == (str(files), "2")
    (case,) = [each for each in suite if each.attrib["name"] == TASK]
    (failure,) = case
    assert failure.attrib["message"].startswith('status "opne" is not one of ')
    assert f"{TASK}:7:9: field_value_invalid" in str(failure.text)


def test_a_finding_of_a_range_names_its_commit_in_every_format(state: State) -> None:
    state.replace(CHECKPOINT, "pin the", "unpin the")
    commit = state.commit("forged")
    for style in ("text", *MACHINE_FORMATS):
        assert commit[:12] in shown(state, style, range="HEAD~1..HEAD"), style
    once = json.loads(shown(state, "gitlab", range="HEAD~1..HEAD"))[0]["fingerprint"]
    state.git("revert", "--no-edit", "HEAD")
    both = {each["fingerprint"] for each in json.loads(shown(state, "gitlab", range="HEAD~2..HEAD"))}
    assert len(both) == 2
    assert once in both


def test_hostile_names_stay_inside_their_format(state: State) -> None:
    name = 'state/mine/a\n::error::x,y"<b>&|`@é\x1b[31m%.txt'
    state.write(name, "x\n")
    lines = shown(state, "github").splitlines()
    assert [line[:8] for line in lines] == ["::error "] * len(lines)
    suite = ElementTree.fromstring(shown(state, "junit"))
    assert "<b>" in str([each.attrib["name"] for each in suite.iter("testcase")])
    sarif = json.loads(shown(state, "sarif"))
    jsonschema.validate(sarif, SARIF)
    assert "\x1b" not in "".join(shown(state, style) for style in ("text", *MACHINE_FORMATS))
    data = judge_state(str(state.root), Wish()).answer.data
    assert "<b>" not in summary(data, [])


def test_a_file_that_is_no_utf8_name_breaks_no_document(state: State) -> None:
    path = bytes(state.root / "state") + b"/mine"
    Path(path.decode()).mkdir()
    with open(path + b"/\xff\xfe.txt", "wb") as file:
        file.write(b"x\n")
    ElementTree.fromstring(shown(state, "junit"))
    assert "%FF%FE" in shown(state, "sarif")
    json.loads(shown(state, "gitlab"))


def test_github_shows_ten_of_a_kind_and_counts_the_rest(state: State) -> None:
    for number in range(14):
        state.write(f"state/tasks/gh-460/{number}.md", "x\n")
    lines = shown(state, "github").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error"] * MAX_OF_A_KIND + ["::notice"]
    assert "4 more findings" in lines[-1]
    lines = shown(state, "github", max_problems=3).splitlines()
    assert (len(lines), "11 more findings" in lines[-1]) == (4, True)


def test_errors_stand_before_warnings_on_github(state: State) -> None:
    three(state)
    assert [line.split(" ")[0] for line in shown(state, "github").splitlines()] == ["::error"] * 2 + [
        "::warning"
    ]


def test_a_step_on_github_gets_its_summary(state: State, platformctl: Platformctl, tmp_path: Path) -> None:
    three(state)
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)}
    ran = platformctl("validate", "--format", "auto", env=env)
    assert (ran.status, ran.stdout.count("::error ")) == (1, 2)
    text = page.read_text()
    assert text.startswith("before\n### platformstate: 2 errors, 1 warnings in ")
    assert all(f"`{code}`" in text for code in THREE)
    nowhere = platformctl("validate", "--format", "github", env={"GITHUB_STEP_SUMMARY": "/nonexistent/x"})
    assert nowhere.stdout == ran.stdout


@pytest.mark.parametrize(
    "environ, style",
    [
        ({}, "text"),
        ({"GITHUB_ACTIONS": "true"}, "github"),
        ({"GITHUB_ACTIONS": "1"}, "text"),
        ({"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, "text"),
        ({"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}, "text"),
        ({"GITLAB_CI": "true"}, "text"),
    ],
)
def test_auto_is_github_only_where_github_runs(environ: dict[str, str], style: str) -> None:
    assert chosen("auto", environ) == style
    assert [chosen(each, environ) for each in FORMATS if each != "auto"] == list(FORMATS[1:])


def test_one_document_is_asked_for_at_a_time(state: State, platformctl: Platformctl) -> None:
    assert platformctl("validate", "--json", "--format", "sarif").status == 2
    assert platformctl("validate", "--format", "xml").status == 2
