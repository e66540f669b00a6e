"""What `init --agents` writes for agents: a block in the file that each reads first, and a skill."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from platformstate import packaged
from platformstate.policy.marked_block import HTML, with_block

if TYPE_CHECKING:
    from platformstate.files import WorkTree


class Home(NamedTuple):
    """The file that an agent reads at its start, and where it looks for skills."""

    instructions: str
    skill: str


# developers.openai.com/codex/skills; code.claude.com/docs/en/skills
HOMES: Final = {
    "codex": Home("AGENTS.md", ".agents/skills/platformstate/SKILL.md"),
    "claude": Home("CLAUDE.md", ".claude/skills/platformstate/SKILL.md"),
}


class Wanted(NamedTuple):
    """A file as it is and as it is wanted; `shared` says that other people's text stands in it."""

    path: str
    before: bytes | None
    after: bytes
    shared: bool


def agent_files(tree: WorkTree, agents: Sequence[str]) -> Iterator[Wanted]:
    """Yield the files for these agents; a skill that a person changed stays as it is.

    Raises: state_invalid for a damaged block, path_symlink for a link that leads elsewhere.
    """
    block, skill = packaged.read("agents", "block.md"), packaged.read("agents", "SKILL.md")
    for path in dict.fromkeys(_written(tree, HOMES[agent].instructions) for agent in agents):
        there = tree.bytes_of(path)
        yield Wanted(path, there, with_block(there, block, path, HTML), shared=True)
    for agent in agents:
        path = HOMES[agent].skill
        there = tree.bytes_of(path)
        yield Wanted(path, there, skill if there is None else there, shared=False)


def _written(tree: WorkTree, path: str) -> str:
    """Return the file to write: where one agent's is a link to another's, that other one."""
    place = tree.root / path
    if not place.is_symlink():
        return path
    target = os.path.normpath(os.readlink(place))
    return target if target in {home.instructions for home in HOMES.values()} else path
