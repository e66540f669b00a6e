"""`explain`, `--help` and `--version`."""

from __future__ import annotations

import json
import re

import pytest

from platformstate import __version__
from platformstate.errors import registry
from tests.cli.conftest import Extra
from tests.conftest import Platformctl


def test_explain_says_what_a_code_means(platformctl: Platformctl) -> None:
    data = platformctl("explain", "key_duplicate", "--json").document["data"]
    assert list(data) == ["code", "family", "severity", "exit", "summary", "cause", "example", "fix"]
    assert (data["family"], data["severity"], data["exit"]) == ("parse", "error", 1)
    assert all(data[part] for part in ("summary", "cause", "example", "fix"))


def test_explain_in_text_has_the_same_parts(platformctl: Platformctl) -> None:
    text = platformctl("explain", "task_not_found").stdout
    assert text.startswith("task_not_found: ")
    assert re.findall(r"^(Cause|Example|Fix): .", text, flags=re.M) == ["Cause", "Example", "Fix"]


def test_a_code_without_an_exit_status_has_none(platformctl: Platformctl) -> None:
    assert platformctl("explain", "commit_pending", "--json").document["data"]["exit"] is None


def test_an_unknown_code_names_the_nearest(platformctl: Platformctl) -> None:
    ran = platformctl("explain", "key_duplicat", "--json")
    assert ran.status == 3
    assert ran.document["error"]["code"] == "code_not_found"
    assert "platformctl explain key_duplicate" in ran.document["error"]["hint"]


def test_the_list_is_the_registry_in_order(platformctl: Platformctl) -> None:
    codes = platformctl("explain", "--list", "--json").document["data"]["codes"]
    assert [entry["code"] for entry in codes] == list(registry())
    assert all(list(entry) == ["code", "family", "severity", "exit", "summary"] for entry in codes)


@pytest.mark.parametrize("argv", [("explain",), ("explain", "key_duplicate", "--list")])
def test_one_code_or_the_list(platformctl: Platformctl, argv: tuple[str, ...]) -> None:
    assert platformctl(*argv).status == 2


def test_the_version_stands_alone(platformctl: Platformctl) -> None:
    assert platformctl("--version").stdout == f"platformctl {__version__}\n"
    assert platformctl("--json", "--version").document["data"] == {"version": __version__}


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_goes_to_stdout(extra: Extra, flag: str) -> None:
    ran = extra("flags", flag)
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Usage: platformctl extra flags")


def test_help_with_json_is_one_document(extra: Extra) -> None:
    assert "Usage:" in json.loads(extra("flags", "--help", "--json").stdout)["data"]["help"]
