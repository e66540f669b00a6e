"""The command tree: commands found by a table, global flags anywhere, two examples in every help.

A command group's module is imported only when that group is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

from platformstate.cli import echo
from platformstate.cli.invocation import DURABILITIES, Invocation
from platformstate.errors import StateError

PROGRAM: Final = "platformctl"
MAX_KEY_CHARACTERS: Final = 128
MIN_WIDTH: Final = 50
MAX_WIDTH: Final = 100
MAX_SUMMARY_CHARACTERS: Final = 200
_NAMES_OF_FILES: Final = ("FILE", "DIR")  # the system lets a name be any bytes
_UNDECODABLE: Final = re.compile("[\ud800-\udfff]")


class Home(NamedTuple):
    """Where a top-level command lives and what it is for."""

    place: str
    summary: str


COMMANDS: Final = {
    "init": Home("platformstate.cli.init:init", "Prepare this repository to hold state."),
    "demo": Home("platformstate.cli.demo:demo", "Walk through the main job in a temporary repository."),
    "doctor": Home(
        "platformstate.cli.doctor:doctor", "Examine the repository and its store; repair with --fix."
    ),
    "explain": Home("platformstate.cli.explain:explain", "Explain an error code, or list them all."),
    "validate": Home("platformstate.cli.validate:validate", "Judge state files; every finding says its fix."),
    "fmt": Home("platformstate.cli.fmt:fmt", "Rewrite state files to canonical text."),
    "diff": Home("platformstate.cli.diff:diff", "Say what changed in meaning and what needs an operator."),
    "schema": Home("platformstate.cli.schema:schema", "Show the schemas of the records."),
    "task": Home("platformstate.cli.task:task", "Work with tasks."),
    "memory": Home("platformstate.cli.memory:memory", "Record where work stands, and read it back."),
    "codex-task": Home(
        "platformstate.cli.agent_task:codex_task",
        "Work at a task as codex, in a run that is claimed, watched and ended.",
    ),
    "agent-task": Home(
        "platformstate.cli.agent_task:agent_task",
        "Work at a task as the agent that is named: codex-task for any other.",
    ),
    "evidence": Home("platformstate.cli.evidence:evidence", "Check again what proves that things are done."),
    "batch": Home("platformstate.cli.batch:batch", "Write many records from lines of JSON."),
    "procedure": Home("platformstate.cli.procedure:procedure", "Look at procedures, and conduct them."),
    "run": Home(
        "platformstate.cli.run:run", "Look at runs of procedures, jobs and tasks, and carry them on."
    ),
    "jobs": Home("platformstate.cli.jobs:jobs", "Look at jobs, run them, and follow their schedule."),
    "db": Home("platformstate.cli.db:db", "Keep database tables equal to the repository, and prove it."),
    "hooks": Home("platformstate.cli.hooks:hooks", "Install and run the git hooks."),
    "merge-driver": Home("platformstate.cli.merge:merge_driver", "Merge a record field by field, for git."),
    "textconv": Home("platformstate.cli.merge:textconv", "Print a record as plain lines, for git diff."),
    "completion": Home("platformstate.cli.completion:completion", "Let a shell complete command lines."),
}


def run(argv: Sequence[str], invocation: Invocation) -> None:
    """Parse a command line and run its command; click's refusals become ours."""
    try:
        with ROOT.make_context(PROGRAM, list(argv), obj=invocation, terminal_width=_width()) as context:
            ROOT.invoke(context)
    except click.exceptions.Exit as ended:
        invocation.status = ended.exit_code
    except click.UsageError as refused:
        raise _usage_invalid(refused) from refused
    except click.Abort as aborted:
        raise KeyboardInterrupt from aborted


def _width() -> int:
    """Return the width of help texts; click would import shutil to find it."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):
        columns = MAX_WIDTH
    return max(min(columns, MAX_WIDTH) - 2, MIN_WIDTH)


class _Sentence:
    """What our commands and groups share: global flags and examples."""

    examples: tuple[str, ...] = ()
    shows_flags = False
    add_help_option = False

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and the global flags that it does not redefine."""
        own: list[click.Parameter] = super().get_params(context)  # type: ignore[misc]  # click's, by mixin
        taken = {flag for parameter in own for flag in (*parameter.opts, *parameter.secondary_opts)}
        return own + [flag for flag in _global_flags(self.shows_flags) if not taken & set(flag.opts)]

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples that end every help text."""
        if not self.shows_flags:
            formatter.write_paragraph()
            formatter.write_text(f"Global flags stand before or after the verb: {PROGRAM} --help")
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class Command(_Sentence, click.Command):
    """A verb: `@task.command("show", examples=("platformctl task show gh-460", …))`."""

    def __init__(self, *args: Any, examples: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "add_help_option": False})
        self.examples = tuple(examples)

    def invoke(self, context: click.Context) -> Any:
        """Run the verb, unless a flag's text could not be written down."""
        for parameter in self.params:
            if isinstance(parameter, click.Option) and parameter.metavar not in _NAMES_OF_FILES:
                _refuse_undecodable(context, parameter, context.params.get(parameter.name or ""))
        return super().invoke(context)


class Group(_Sentence, click.Group):
    """A noun with verbs."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, examples: Iterable[str] = (), **kwargs: Any) -> None:
        kwargs |= {"add_help_option": False, "no_args_is_help": False}
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each verb with its whole summary; click would cut it."""
        verbs = [(name, self.get_command(context, name)) for name in self.list_commands(context)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, verb.get_short_help_str(MAX_SUMMARY_CHARACTERS)) for name, verb in verbs if verb]
            )

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; for an unknown one name the nearest."""
        name = args[0]
        unknown = self.get_command(context, name) is None and not name.startswith("-")
        if unknown and not context.resilient_parsing:  # a shell that completes asks so
            raise _unknown_command(name, self.list_commands(context), context)
        return super().resolve_command(context, args)


class Root(Group):
    """The whole command line; each name is a module that is imported when it is asked for."""

    shows_flags = True

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the module of one command and return it."""
        return None if name not in COMMANDS else _loaded(COMMANDS[name].place)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, home.summary) for name, home in COMMANDS.items()])


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Command]:
    """Declare a top-level verb."""
    return click.command(name, cls=Command, examples=examples)


def group(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Group]:
    """Declare a top-level noun; its verbs are declared with `@<noun>.command(name, examples=…)`."""
    return click.group(name, cls=Group, examples=examples)


@cache
def _loaded(place: str) -> click.Command:
    module, _, name = place.partition(":")
    found: click.Command = getattr(import_module(module), name)
    return found


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a global flag's value, wherever on the line it stood; one that is absent changes nothing."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
        if name != "directory":
            _refuse_undecodable(context, parameter, value)
        setattr(context.find_object(Invocation), name, value)


def _refuse_undecodable(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Refuse a text of which some bytes are no UTF-8: no record could hold it."""
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and _UNDECODABLE.search(text):
            raise click.BadParameter("it is not UTF-8", context, parameter)


def _remember_key(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and not 1 <= len(value) <= MAX_KEY_CHARACTERS:
        raise click.BadParameter(f"a key has 1 to {MAX_KEY_CHARACTERS} characters")
    _remember(context, parameter, value)


def _show_help(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        _end_with(context, "help", context.get_help())


def _show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from platformstate import __version__

        _end_with(context, "version", __version__, f"{PROGRAM} {__version__}")


def _end_with(context: click.Context, key: str, value: str, text: str | None = None) -> None:
    invocation = context.find_object(Invocation)
    if invocation is not None and invocation.json:
        echo.document(
            {"schema": "platformctl/1", "ok": True, "data": {key: value}, "warnings": [], "next": []}
        )
    else:
        echo.out(value if text is None else text)
    context.exit()


@cache
def _global_flags(shown: bool) -> list[click.Option]:
    def flag(*names: str, callback: Callable[..., None] = _remember, **settings: Any) -> click.Option:
        wanted = {"expose_value": False, "callback": callback, "hidden": not shown, **settings}
        return click.Option(list(names), **wanted)

    choice = click.Choice
    return [
        flag("-C", "directory", metavar="DIR", help="Work in DIR instead of the current folder."),
        flag("--json", is_flag=True, help="Print exactly one JSON document on stdout."),
        flag("--actor", metavar="NAME", help="Who acts; default: git's author name."),
        flag("--commit/--no-commit", default=None, help="Commit what is written, or leave that to you."),
        flag("--dry-run", is_flag=True, help="Decide and validate, write nothing."),
        flag("--durability", type=choice(DURABILITIES), help="Wait for the disk (full, the default) or not."),
        flag("--idempotency-key", metavar="K", callback=_remember_key, help="Do the same request only once."),
        flag("-q", "--quiet", is_flag=True, help="No warnings and no next steps on stderr."),
        flag("-v", "--verbose", count=True, help="End with a line that says what the command cost."),
        flag("--color", type=choice(("auto", "always", "never")), help="Colour on a terminal, or as said."),
        flag("--no-input", is_flag=True, help="Never ask; fail instead."),
        flag("--version", is_flag=True, is_eager=True, callback=_show_version, help="Print the version."),
        flag(
            "-h",
            "--help",
            is_flag=True,
            is_eager=True,
            hidden=False,
            callback=_show_help,
            help="Print this text.",
        ),
    ]


def _unknown_command(name: str, known: Iterable[str], context: click.Context) -> click.UsageError:
    from difflib import get_close_matches

    nearest = get_close_matches(name, known, n=1)
    meant = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return click.UsageError(f"No such command {name!r}.{meant}", context)


def _usage_invalid(refused: click.UsageError) -> StateError:
    path = PROGRAM if refused.ctx is None else refused.ctx.command_path
    return StateError("usage_invalid", refused.format_message(), hint=f"{path} --help")


ROOT: Final = Root(
    PROGRAM,
    help="Keep what agents do as small readable files in the git repository they work on.",
    examples=(
        f'{PROGRAM} task create --title "Add retry to the exporter" --accept "the retry tests pass::test"',
        f"{PROGRAM} memory brief --task gh-460",
    ),
)
