"""Commands that end in ways no real one should; a test adds them to the table in its own process."""

from __future__ import annotations

import os
import signal
import sys
import time

import click

from platformstate.actions.answer import Answer
from platformstate.cli.commands import COMMANDS, Home, group
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.errors import Problem, StateError, Warned

HOSTILE = "a\x1b[31mred\x9b2J\u202eevil\u2028line\x7f\ufeff\U000e0041 żółw"
EXAMPLES = ("platformctl extra bug", "platformctl extra note")


@group("extra", examples=EXAMPLES)
def extra() -> None:
    """Hold the commands of these tests."""


@extra.command("bug", examples=EXAMPLES)
def bug() -> None:
    """Meet a bug that carries a secret."""
    raise KeyError("token = " + "".join(["'q7Xk29LmPw", "84ZtRb61Vd'"]))


class Stops:
    """A field at which a signal arrives while its class is made."""

    def __set_name__(self, owner: type, name: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


@extra.command("stop-in-a-class", examples=EXAMPLES)
def stop_in_a_class() -> None:
    """Be stopped as an import is when it makes a class."""
    type("Made", (), {"field": Stops()})


@extra.command("refuse", examples=EXAMPLES)
def refuse() -> None:
    """Refuse with a problem."""
    problem = Problem("state/a.md", 3, 9, "field_unknown", HOSTILE, "rename it", "/titel")
    raise StateError(
        "record_invalid",
        HOSTILE,
        hint="look",
        path="state/a.md",
        line=3,
        col=9,
        problems=(problem,),
        data={"a": 1},
    )


@extra.command("note", examples=EXAMPLES)
@click.pass_obj
def note(invocation: Invocation) -> None:
    """Answer with a warning and a next step."""
    answer = Answer({"text": HOSTILE}, ("platformctl demo",), (Warned("tail_repaired", HOSTILE, "state/a"),))
    present(invocation, answer, lambda data: str(data["text"]))


@extra.command("no", examples=EXAMPLES)
@click.pass_obj
def no(invocation: Invocation) -> None:
    """Answer "no" with data."""
    answer = Answer({"left": 1}, error=StateError("state_not_canonical", "1 file would change"))
    present(invocation, answer, lambda data: "state/a.md")


@extra.command("flags", examples=EXAMPLES)
@click.option("--title")
@click.pass_obj
def flags(invocation: Invocation, title: str | None) -> None:
    """Show what the global flags were."""
    shown = {
        name: getattr(invocation, name) for name in ("directory", "actor", "commit", "dry_run", "durability")
    }
    shown |= {"key": invocation.idempotency_key, "quiet": invocation.quiet, "title": title}
    present(invocation, Answer(shown), str)


@extra.command("stop", examples=EXAMPLES)
@click.argument("name")
def stop(name: str) -> None:
    """Send a signal to itself and wait for it."""
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(10)


@extra.command("long", examples=EXAMPLES)
@click.pass_obj
def long(invocation: Invocation) -> None:
    """Print more than a pipe holds."""
    present(invocation, Answer({}), lambda data: "line\n" * 100_000)


if __name__ == "__main__":
    from platformstate.__main__ import main

    COMMANDS["extra"] = Home("tests.cli.extra_commands:extra", "Test.")
    sys.argv.insert(1, "extra")
    main()
