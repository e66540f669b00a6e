"""The pages are what the program says, every command has its page and two examples, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from platformstate.cli.commands import COMMANDS, ROOT, Command, Group
from tools.docs import commands, pages

HOME = Path(__file__).parent.parent
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.name)
def test_a_generated_page_is_current(path: Path) -> None:
    assert path.read_text("utf-8") == pages()[path], "run `make generate`"


def test_every_command_ends_its_help_with_two_examples() -> None:
    for context in commands():
        assert isinstance(context.command, Command | Group), context.command_path
        examples = context.command.examples
        assert len(examples) == 2, context.command_path
        if context.parent is not None:
            plain = [example.replace("--agent claude ", "") for example in examples]
            assert all(context.command_path in example for example in plain), context.command_path
        assert context.get_help().rstrip().endswith(examples[-1]), context.command_path


def test_the_table_of_commands_says_what_each_command_says() -> None:
    root = click.Context(ROOT)
    for name, home in COMMANDS.items():
        found = ROOT.get_command(root, name)
        assert found is not None
        assert home.summary == (found.help or "").split("\n\n")[0].replace("\n", " ")


def test_every_command_and_option_has_a_help_text() -> None:
    for context in commands():
        assert context.command.help, context.command_path
        silent = [
            parameter.opts[0]
            for parameter in context.command.params
            if isinstance(parameter, click.Option) and not parameter.help
        ]
        assert silent == [], context.command_path


@pytest.mark.parametrize("page", [*HOME.glob("*.md"), *HOME.glob("docs/**/*.md")], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text("utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_decision_has_a_number_of_its_own_and_starts_with_it() -> None:
    found = sorted((HOME / "docs/decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in found]
    assert len(set(numbers)) == len(numbers)
    for number, path in zip(numbers, found, strict=True):
        assert path.read_text("utf-8").startswith(f"# {number}. "), path.name
