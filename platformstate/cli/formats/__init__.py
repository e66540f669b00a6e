"""The formats in which a judgement is printed, each a function of its data and the judged paths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any, Final

from platformstate.cli.findings import findings_text, verdict_text

Data = Mapping[str, Any]
Render = Callable[[dict[str, Any]], str]

MACHINE_FORMATS: Final = ("github", "gitlab", "junit", "sarif")
FORMATS: Final = ("auto", "text", "json", *MACHINE_FORMATS)


def chosen(style: str | None, environ: Mapping[str, str]) -> str:
    """Return the format that `auto` stands for here, and every other one as it is."""
    if style != "auto":
        return style or "text"
    # Forgejo and Gitea say that they are GitHub, but show workflow commands as plain text.
    others = ("FORGEJO_ACTIONS", "GITEA_ACTIONS")
    is_github = environ.get("GITHUB_ACTIONS") == "true" and not any(environ.get(name) for name in others)
    return "github" if is_github else "text"


def renderer(style: str, paths: Collection[str], *, quiet: bool = False) -> Render:
    """Return the function that prints a judgement's data in a format; `paths` are those judged."""
    if style not in MACHINE_FORMATS:
        return findings_text if quiet else verdict_text
    render: Callable[[Data, Collection[str]], str] = import_module(f"{__name__}.{style}").render
    return lambda data: render(data, paths)
