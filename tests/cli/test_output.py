"""What leaves the program is safe for a terminal, and colour is ours alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import HOME, Extra

FORBIDDEN = (
    {chr(n) for n in range(0x20)} - {"\n", "\t"}
    | {chr(n) for n in range(0x7F, 0xA0)}
    | set(
        "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\U000e0041"
    )
)


@pytest.mark.parametrize("argv", [("note",), ("note", "--json"), ("refuse",), ("refuse", "--json")])
def test_60_11_no_control_character_leaves(extra: Extra, argv: tuple[str, ...]) -> None:
    ran = extra(*argv)
    assert not FORBIDDEN & set(ran.stdout + ran.stderr)


def test_letters_of_every_language_stay(extra: Extra) -> None:
    assert "żółw" in extra("note").stdout
    assert extra("note", "--json").document["data"]["text"].endswith("żółw")


def test_output_is_utf_8_whatever_the_locale(extra: Extra) -> None:
    ran = extra("note", env={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert ran.status == 0
    assert "żółw" in ran.stdout


def test_colour_is_asked_for_or_absent(extra: Extra) -> None:
    assert "\x1b[" not in extra("note", env={"NO_COLOR": ""}).stderr
    assert "\x1b[33mwarning:\x1b[0m" in extra("note", "--color", "always").stderr
    assert "\x1b[" not in extra("note", "--color", "never").stderr


def test_no_color_is_obeyed_on_a_terminal() -> None:
    import pty

    def seen(environment: dict[str, str]) -> bytes:
        ours, theirs = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "platformstate", "explain", "nothing"],
            stderr=theirs,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", **environment},
            check=False,
        )
        os.close(theirs)
        text = os.read(ours, 65536)
        os.close(ours)
        return text

    assert b"\x1b[31merror:" in seen({"NO_COLOR": ""})
    assert b"\x1b" not in seen({"NO_COLOR": "1"})


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -m tests.cli.extra_commands long | head -n 1; exit ${{PIPESTATUS[0]}}",
        ],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("line\n", "", 0)


def test_a_full_output_is_an_error_with_its_code(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "platformstate", "explain", "--list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 7
    assert "(disk_full)" in done.stderr


def test_redirecting_variables_of_git_are_ignored_and_named(extra: Extra) -> None:
    warnings = extra("note", "--json", env={"GIT_DIR": "/nowhere"}).document["warnings"]
    assert warnings[0]["code"] == "git_environment_ignored"
    assert "GIT_DIR" in warnings[0]["message"]
