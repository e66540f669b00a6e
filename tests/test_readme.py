"""The README's five-minute walk, run literally in a fresh folder by one real shell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import typed

README = Path(__file__).parent.parent / "README.md"
EXPECTED_STATUS = re.compile(r"\s+# exit (\d+)")


def walk_commands() -> list[tuple[str, int]]:
    """Return each command of the walk with the exit status that its comment announces."""
    walk = README.read_text().split("## A five-minute walk", 1)[1].split("\n## ", 1)[0]
    commands = []
    for block in re.findall(r"```sh\n(.*?)```", walk, flags=re.S):
        for command in block.replace("\\\n", "").splitlines():
            announced = EXPECTED_STATUS.search(command)
            if command.strip():
                commands.append((command, int(announced[1]) if announced else 0))
    return commands


def script_of(commands: list[tuple[str, int]]) -> str:
    """Return a shell script that stops at the first command whose status is not the announced one."""
    lines = []
    for command, status in commands:
        lines += [command, f'got=$?; [ "$got" -eq {status} ] || {{ echo "ended with $got:"; exit 99; }}']
    return "\n".join(lines)


@pytest.mark.slow
def test_the_walk_runs_as_printed(tmp_path: Path) -> None:
    commands = walk_commands()
    assert len(commands) >= 10
    done = typed(script_of(commands), tmp_path)
    assert done.status == 0, done.stdout + done.stderr


@pytest.mark.parametrize("target", ["make demo", "make test"])
def test_the_readme_opens_with_the_two_commands(target: str) -> None:
    opening = README.read_text().split("\n## ", 2)
    assert target in "".join(opening[:2])
