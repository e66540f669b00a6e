"""Rules on the names beside `state`: what a checkout would put into it, though no path below it says so. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from platformstate.errors import Problem, shown

_STATE: Final = "state"
_SEPARATORS: Final = re.compile(r"[/\\]")


def lookalike_problems(names: Iterable[str]) -> Iterator[Problem]:
    """Yield the names in a root folder that some file system takes for `state` or for a path below it.

    A tree made by hand may hold a whole path as one name: git checks it out into `state`, and no
    question about the folder `state` finds it.
    """
    for name in names:
        if name == _STATE or _folded(_SEPARATORS.split(name, maxsplit=1)[0]) != _STATE:
            continue
        message = f"{shown(name)} stands beside state, and is checked out into it or over it"
        yield Problem(name, 1, 1, "path_case_collision", message, "give it another name, with git mv")


def _folded(name: str) -> str:
    """Return a name as file systems compare it that fold cases and pass over characters without a form."""
    kept = "".join(character for character in name if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", kept).casefold()
