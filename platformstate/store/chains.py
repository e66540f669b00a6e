"""How the intents of one worktree become commits: pure decisions on what is where.

Intents that touch one path form a chain: each begins where the one before ended. Working file and
HEAD may stand at any point of it; other content means that a person went on, and wins.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from platformstate.store.intents import Intent, IntentFile

Working = Mapping[str, bytes | None]
BlobId = Callable[[bytes], str]
Step = Literal["nothing", "write", "append", "leave"]


class Chain(NamedTuple):
    """All that the intents want of one path, in order."""

    path: str
    files: tuple[IntentFile, ...]

    @property
    def last(self) -> IntentFile:
        """What the path is to hold at the end."""
        return self.files[-1]

    @property
    def points(self) -> frozenset[str | None]:
        """Every blob id that the path may have while the chain is under way."""
        return frozenset({self.files[0].before, *(file.after for file in self.files)})

    def continues(self, other: bytes | None) -> bool:
        """Say whether an append file's content is a beginning of the chain's end, or goes on from it."""
        target = self.last.data
        if target is None or other is None:
            return False
        return target.startswith(other) or other.startswith(target)


class Head(NamedTuple):
    """What a branch holds at the paths of interest; `commit` is None on an unborn branch.

    `texts` has the bytes of append files that are at none of their chain's points.
    """

    commit: str | None
    blobs: Mapping[str, str | None]
    texts: Mapping[str, bytes | None]


def chains_of(intents: Iterable[Intent]) -> dict[str, Chain]:
    """Return the chain of each path."""
    found: dict[str, list[IntentFile]] = {}
    for intent in intents:
        for file in intent.files:
            found.setdefault(file.path, []).append(file)
    return {path: Chain(path, tuple(files)) for path, files in found.items()}


def is_settled(chain: Chain, head: Head) -> bool:
    """Say whether HEAD already holds what the chain wants."""
    blob = head.blobs.get(chain.path)
    if blob == chain.last.after:
        return True
    text = head.texts.get(chain.path)
    target = chain.last.data
    return chain.last.append and text is not None and target is not None and text.startswith(target)


def rests_on(path: str) -> str | None:
    """Return the record without which a file means nothing: of a run's checkpoint the run itself."""
    folder, checkpoints, _ = path.rpartition("/checkpoints/")
    return f"{folder}/run.md" if checkpoints else None


def lacking(intent: Intent, head: Head, coming: Container[str]) -> str | None:
    """Return the record that an intent rests on but that neither HEAD nor a chain holds."""
    rests = (rests_on(file.path) for file in intent.files if file.after is not None)
    return next((path for path in rests if path and path not in coming and not head.blobs.get(path)), None)


def fits_head(chain: Chain, head: Head) -> bool:
    """Say whether HEAD stands at a point of the chain."""
    if head.blobs.get(chain.path) in chain.points:
        return True
    return chain.last.append and chain.continues(head.texts.get(chain.path))


def step_for(chain: Chain, working: bytes | None, blob_id: BlobId) -> Step | None:
    """Return what the working file needs, None where a person's content stands in the way."""
    target = chain.last.data
    if working == target:
        return "nothing"
    if chain.last.append and target is not None and working is not None:
        return _append_step(chain, target, working)
    found = None if working is None else blob_id(working)
    return "write" if found in chain.points else None


def _append_step(chain: Chain, target: bytes, working: bytes) -> Step | None:
    if working.startswith(target):
        return "leave"
    if target.startswith(working):
        return "append"
    return "append" if torn_at(chain, working) is not None else None


def torn_at(chain: Chain, working: bytes) -> int | None:
    """Return where a torn last line begins in an append file that is otherwise on the chain."""
    end = working.rfind(b"\n") + 1
    target = chain.last.data
    if end == len(working) or target is None or end < chain.files[0].kept:
        return None
    return end if target.startswith(working[:end]) else None


def misfits(
    intents: Sequence[Intent],
    head: Head | None,
    working: Working,
    blob_id: BlobId,
    refused: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Return the ids of intents that a person's content supersedes; `refused` paths hold no file.

    Without one of them the chains of the others are other chains, so ask again after it is gone.
    `head` is None where no commit will be made now.
    """
    found: set[str] = set()
    wanted = chains_of(intents)
    for path, chain in wanted.items():
        if head is not None and is_settled(chain, head):
            continue
        stuck = path in refused or step_for(chain, working.get(path), blob_id) is None
        if stuck or (head is not None and not fits_head(chain, head)):
            found.update(intent.id for intent in intents if path in intent.paths)
    if head is not None:
        found.update(intent.id for intent in intents if lacking(intent, head, wanted))
    return frozenset(found)


def groups(intents: Sequence[Intent]) -> list[list[Intent]]:
    """Return the intents in commits: those that share a path, directly or not, are one."""
    made: list[tuple[frozenset[str], list[Intent]]] = []
    for intent in intents:
        paths = frozenset(intent.paths)
        touching = [group for group in made if group[0] & paths]
        made = [group for group in made if not group[0] & paths]
        members = [member for group in touching for member in group[1]]
        members = sorted([*members, intent], key=lambda member: member.id)
        made.append((paths.union(*(group[0] for group in touching)), members))
    return [members for _, members in made]


TRAILER_ORDER: Final = ("Task", "Run", "Checkpoint", "Actor")


def message_of(group: Sequence[Intent]) -> str:
    """Return the message of one commit: the last intent's, with the trailers of all."""
    trailers: dict[tuple[str, str], None] = {}
    for intent in group:
        trailers |= dict.fromkeys(intent.trailers)
    order = {name: number for number, name in enumerate(TRAILER_ORDER)}
    rows = sorted(trailers, key=lambda pair: order.get(pair[0], len(order)))
    return "\n".join([group[-1].message, "", *(f"{name}: {value}" for name, value in rows), ""])
