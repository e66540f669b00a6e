"""The lines of docs/editors.md read what `validate` really prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Platformctl
from tests.gate.conftest import TASK, State

PAGE = (Path(__file__).parent.parent.parent / "docs/editors.md").read_text()


@pytest.fixture
def printed(state: State, platformctl: Platformctl) -> str:
    """What is printed about an error and a warning."""
    state.replace(TASK, "status: ready", "status: opne")
    state.write(
        "state/tasks/gh-500/task.md",
        state.text(TASK).replace("gh-460", "gh-500").replace("opne", "ready")[:-1],
    )
    return platformctl("validate").stdout


def block(language: str, holding: str) -> str:
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S) if holding in text]
    assert len(found) == 1
    return str(found[0])


def test_the_lines_for_vim_find_both(state: State, printed: str) -> None:
    errorformat = re.search(r"^set errorformat=(.*)$", block("vim", "errorformat"), flags=re.M)
    assert errorformat is not None
    pattern = errorformat[1].split(",")[0].replace("\\ ", " ")
    for letter, group in (("%f", "(.+?)"), ("%l", r"(\d+)"), ("%c", r"(\d+)"), ("%m", "(.+)")):
        pattern = pattern.replace(letter, group)
    rows = [found.groups() for line in printed.splitlines() if (found := re.fullmatch(pattern, line))]
    assert [(path, line, col, message.split()[0]) for path, line, col, message in rows] == [
        (TASK, "7", "9", "field_value_invalid"),
        ("state/tasks/gh-500/task.md", "28", "26", "warning:"),
    ]
    if vim := shutil.which("vim"):
        (state.root / "found.txt").write_text(printed)
        write = "call writefile(map(getqflist(), {_, row -> bufname(row.bufnr) . '|' . row.lnum . '|' . row.col}), 'q')"
        script = [
            word
            for line in (*block("vim", "errorformat").splitlines(), "cgetfile found.txt", write, "qa!")
            for word in ("-c", line)
        ]
        subprocess.run([vim, "-es", "-u", "NONE", *script], cwd=state.root, timeout=30, check=False)
        listed = (state.root / "q").read_text().splitlines()
        assert listed == [f"{path}|{line}|{col}" for path, line, col, _ in rows]


def test_the_problem_matcher_for_vs_code_finds_both(printed: str) -> None:
    task = json.loads(block("json", "problemMatcher"))["tasks"][0]
    pattern = task["problemMatcher"]["pattern"]
    names = ("file", "line", "column", "severity")
    rows = [
        tuple(found[pattern[name]] for name in names)
        for line in printed.splitlines()
        if (found := re.fullmatch(pattern["regexp"], line))
    ]
    assert rows == [
        (TASK, "7", "9", None),
        ("state/tasks/gh-500/task.md", "28", "26", "warning"),
    ]


def test_the_checker_for_emacs_calls_what_there_is(printed: str, platformctl: Platformctl) -> None:
    text = block("elisp", "flycheck-define-checker")
    words = re.search(r":command \((.*?)\)", text)
    assert words is not None
    argv = re.findall(r'"([^"]+)"', words[1])
    assert argv[0] == "platformctl"
    ran = platformctl(*argv[1:], TASK, stdin="---\ntitle: a\ntitle: b\n---\n")
    assert ran.stdout.startswith(f"{TASK}:3:1: key_duplicate ")
    assert text.count("(") == text.count(")")


def test_exported_schemas_stand_where_the_page_says(state: State, platformctl: Platformctl) -> None:
    mapping = json.loads(block("json", "yaml.schemas"))["yaml.schemas"]
    assert platformctl("schema", "export", "state/schemas").status == 0
    for schema, file in mapping.items():
        assert json.loads((state.root / schema).read_text())["x-kind"]["path"] in file
    assert platformctl("validate").status == 0
