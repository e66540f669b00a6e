"""Flags that take text: as it stands, from a file with @FILE, or from standard input with -."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

_STDIN_READ = "platformstate.stdin"
LITERAL = "platformstate.literal"  # in a context's meta: texts are what they are, no names of files


class Source(NamedTuple):
    """The bytes of a file, and what to call it in a message."""

    data: bytes
    name: str


if TYPE_CHECKING:
    _Text = click.ParamType[str]
    _Source = click.ParamType[Source]
else:  # older click has no type argument here
    _Text = _Source = click.ParamType


class TextType(_Text):
    """A text; `@FILE` reads it from a file, `-` from standard input, without the last line break."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text that the flag's value stands for."""
        if not isinstance(value, str) or not (value == "-" or value.startswith("@")):
            return value
        if ctx is not None and ctx.meta.get(LITERAL):
            return value
        source = _read("-" if value == "-" else value[1:], param, ctx)
        try:
            text = source.data.decode("utf-8")
        except UnicodeDecodeError as bad:
            raise click.BadParameter(f"{source.name} is not UTF-8 at byte {bad.start}", ctx, param) from bad
        return text.replace("\r\n", "\n").rstrip("\n")


class WordsType(TextType):
    """A text that says something: blanks alone are refused, where the words are what an act is answered for by."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text that the flag's value stands for."""
        text = super().convert(value, param, ctx)
        if isinstance(text, str) and (fault := _fault(text)):
            raise click.BadParameter(fault, ctx, param)
        return text


def _fault(text: str) -> str:
    """Return why words cannot be recorded as they are, nothing for words that can."""
    from platformstate.codec.characters import refused

    hidden = next(refused(text), None)
    if hidden is not None:
        return f"it holds {hidden[1]}, which is invisible or steers a terminal"
    return "" if text.strip() else "it says nothing"


class SourceType(_Source):
    """A file's name or - for standard input; the value is its bytes."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the bytes and the name of what is to be read."""
        return value if isinstance(value, Source) else _read(value, param, ctx)


TEXT = TextType()
WORDS = WordsType()
SOURCE = SourceType()


def _read(name: str, param: click.Parameter | None, ctx: click.Context | None) -> Source:
    if name == "-":
        if ctx is not None and ctx.meta.get(LITERAL):
            raise click.BadParameter("standard input holds the batch itself", ctx, param)
        if ctx is not None and ctx.meta.setdefault(_STDIN_READ, param) is not param:
            raise click.BadParameter("standard input can be read by one flag only", ctx, param)
        return Source(_standard_input(param, ctx), "standard input")
    try:
        return Source(Path(name).read_bytes(), name)
    except OSError as failed:
        raise click.BadParameter(f"{name}: {failed.strerror}", ctx, param) from failed


def _standard_input(param: click.Parameter | None, ctx: click.Context | None) -> bytes:
    if sys.stdin is None:  # the caller closed it
        raise click.BadParameter("standard input is closed", ctx, param)
    return sys.stdin.buffer.read()
