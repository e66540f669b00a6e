"""`platformctl completion`: what a shell needs to finish a command line, and what it then asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from platformstate.actions.answer import Answer
from platformstate.actions.completion import completion_script
from platformstate.cli.commands import PROGRAM, ROOT, command
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.errors import StateError

SHELLS: Final = ("bash", "zsh", "fish")


@command(
    "completion",
    examples=("platformctl completion bash >> ~/.bashrc", "platformctl completion fish | source"),
)
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
@click.option("--words", "index", type=click.IntRange(min=1), hidden=True, help="Complete this word.")
@click.argument("words", nargs=-1, metavar="")
@click.pass_obj
def completion(invocation: Invocation, shell: str, index: int | None, words: tuple[str, ...]) -> None:
    """Let a shell complete command lines.

    Prints what bash, zsh or fish has to read.
    """
    if index is not None:
        present(invocation, Answer({"words": completed(words, index)}), _words_text)
    elif words:
        raise StateError("usage_invalid", "one shell at a time", hint=f"platformctl completion {shell}")
    else:
        present(invocation, completion_script(shell), lambda data: str(data["script"]))


def completed(words: Sequence[str], index: int) -> list[str]:
    """Return what the word at an index, counted from 1 after the program, may become.

    Empty where a file's name is wanted: shells complete those themselves.
    """
    from click.shell_completion import ShellComplete

    incomplete = words[index - 1] if index <= len(words) else ""
    found = ShellComplete(ROOT, {"obj": Invocation()}, PROGRAM, "").get_completions(
        list(words[: index - 1]), incomplete
    )
    return [item.value for item in found if item.type == "plain"]


def _words_text(data: dict[str, Any]) -> str:
    return "\n".join(data["words"])
