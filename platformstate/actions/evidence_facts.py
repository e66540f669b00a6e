"""Ask git and the judged files about many items of evidence at once: the facts that verdicts follow from.

Nothing here executes, fetches or writes; the number of children does not grow with the items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.evidence_former import Closing, closed_before, closing_of
from platformstate.actions.evidence_parity import roots_hold
from platformstate.core.places import STORE_PATH
from platformstate.policy.evidence import Claim, Facts, FileFacts, Verdict, judged
from platformstate.policy.parity import Parity, is_of

if TYPE_CHECKING:
    from platformstate.gitrepo import Repository
    from platformstate.gitrepo.objects import Found

_OF_COMMIT: Final = ("commit", "file", "command")


class Held(NamedTuple):
    """A record of the judged files: its blob id and its front matter, None when it cannot be read."""

    blob: str
    meta: Mapping[str, Any] | None


class Ground(NamedTuple):
    """What evidence is judged by.

    A commit counts that one of `tips` reaches, a file that one of `heads` holds. `look` gives a
    record of the judged files. `fault` says why a run does not verify. `asks_roots` asks for the
    rule of parity proofs that parses an old tree; without `now` their age counts at the closing only.
    """

    repository: Repository
    name: str
    tips: tuple[str, ...]
    heads: tuple[str, ...]
    look: Callable[[str], Held | None]
    now: str | None
    fault: Callable[[Mapping[str, Any]], str | None]
    asks_roots: bool = True


def verdicts(ground: Ground, claims: Sequence[Claim]) -> list[Verdict]:
    """Return the verdict on each item, in order."""
    return [judged(claim, facts) for claim, facts in zip(claims, facts_of(ground, claims), strict=True)]


def facts_of(ground: Ground, claims: Sequence[Claim]) -> list[Facts]:
    """Return what is found of each item, in order."""
    asked = _Asked(ground, claims)
    return [asked.facts(claim) for claim in claims]


class _Asked:
    """Everything that git was asked about a list of items, before the first of them is judged."""

    def __init__(self, ground: Ground, claims: Sequence[Claim]) -> None:
        self._ground = ground
        held = {claim.item["path"]: None for claim in claims if claim.item["type"] == "db-verify"}
        self._records = {path: ground.look(path) for path in held}
        commits = {str(claim.item["commit"]) for claim in claims if claim.item["type"] in _OF_COMMIT}
        commits |= {oid for held in self._records.values() if (oid := _commit_of(held))}
        bases = {claim.base_commit for claim in claims if claim.base_commit and _is_commit(claim)}
        self._present = _present(ground, claims, commits | bases)
        here = {oid for oid in commits if self._present[oid]}
        self._outside = _outside(ground, here)
        self._only_state = _only_state(ground, {c.item["commit"] for c in claims if _is_commit(c)} & here)
        self._older = self._predating(claims, here)
        self._modes = _modes(ground, claims)
        self._live = _live(ground) if held else _Live(None, None, None)
        self._former = self._closed_before(claims)

    def facts(self, claim: Claim) -> Facts:
        """Return what is found of one of the items."""
        return _FACTS.get(claim.item["type"], _Asked._nothing)(self, claim)

    def _nothing(self, _: Claim) -> Facts:
        return Facts(self._ground.name)

    def _of_commit(self, claim: Claim) -> Facts:
        oid = claim.item["commit"]
        present = self._is_here(oid)
        return Facts(
            tip=self._ground.name,
            present=present,
            contained=bool(present) and oid not in self._outside,
            predates=(oid, claim.base_commit) in self._older,
            only_state=oid in self._only_state,
        )

    def _of_file(self, claim: Claim) -> Facts:
        path, oid = claim.item["path"], claim.item["commit"]
        now = next((found for head in self._ground.heads if (found := self._file_at(head, path))), None)
        then = self._present.get(f"{oid}:{path}")
        held = None if then is None else FileFacts(_mode_of(then), then.oid, then.size)
        return self._of_commit(claim)._replace(now=now, then=held)

    def _of_command(self, claim: Claim) -> Facts:
        return self._of_commit(claim)._replace(recorded=self._meta(claim.item["proof"]))

    def _of_operator(self, claim: Claim) -> Facts:
        return Facts(self._ground.name, recorded=self._meta(claim.item["proof"]))

    def _of_receipt(self, claim: Claim) -> Facts:
        path = claim.item["path"]
        held = None if path.startswith("state/tasks/") else self._ground.look(path)
        if held is None:
            return Facts(self._ground.name)
        fault = None if held.meta is None else self._ground.fault(claim.item)
        return Facts(self._ground.name, recorded=held.meta, blob=held.blob, fault=fault)

    def _of_parity(self, claim: Claim) -> Facts:
        held = self._records[claim.item["path"]]
        if held is None or held.meta is None:
            return Facts(self._ground.name)
        oid = _commit_of(held) or ""
        present = self._is_here(oid)
        contained = None if present is None else bool(present) and oid not in self._outside
        asks = self._ground.asks_roots
        roots = roots_hold(self._ground.repository, held.meta) if asks and contained else None
        stands = bool(self._former) and closing_of(claim) in self._former
        parity = Parity(
            self._live.store, contained, self._live.database, self._ground.now, roots, asks, stands
        )
        return Facts(self._ground.name, recorded=held.meta, blob=held.blob, parity=parity)

    def _closed_before(self, claims: Sequence[Claim]) -> frozenset[Closing]:
        """Return the closings that stand on a former live database, asked only where the present one is another."""
        trusted, live = self._live.trusted, self._live.database
        if trusted is None:
            return frozenset()
        closed = [each for each in claims if each.item["type"] == "db-verify" and each.closed_at is not None]
        proofs = [(each, proof) for each in closed if (proof := _proof(self._records[each.item["path"]]))]
        other = [each for each in proofs if live is None or not is_of(each[1], live)]
        return closed_before(self._ground.repository, trusted, other)

    def _is_here(self, oid: str) -> bool | None:
        """Say whether this clone has a commit; None when a cut history may hide it."""
        if self._present.get(oid):
            return True
        repository = self._ground.repository
        cut = repository.shallow or bool(repository.config("extensions.partialClone"))
        return None if cut else False

    def _meta(self, path: str) -> Mapping[str, Any] | None:
        held = self._ground.look(path)
        return None if held is None else held.meta

    def _file_at(self, head: str, path: str) -> FileFacts | None:
        mode = self._modes.get((head, path))
        found = self._present.get(f"{head}:{path}")
        return FileFacts(mode, found.oid, found.size) if mode and found else None

    def _predating(self, claims: Sequence[Claim], here: set[str]) -> set[tuple[str, str]]:
        """Return commit and base of each item that its task's base commit reaches already."""
        from platformstate.gitrepo.reach import reached

        pairs = {
            (str(claim.item["commit"]), claim.base_commit)
            for claim in claims
            if _is_commit(claim) and claim.base_commit and self._present.get(claim.base_commit)
        }
        return reached(self._ground.repository, {pair for pair in pairs if pair[0] in here})


_FACTS: Final[Mapping[str, Callable[[_Asked, Claim], Facts]]] = {
    "commit": _Asked._of_commit,
    "file": _Asked._of_file,
    "command": _Asked._of_command,
    "operator": _Asked._of_operator,
    "receipt": _Asked._of_receipt,
    "db-verify": _Asked._of_parity,
}


def _is_commit(claim: Claim) -> bool:
    return bool(claim.item["type"] == "commit")


def _commit_of(held: Held | None) -> str | None:
    commit = None if held is None or held.meta is None else held.meta.get("commit")
    return commit if isinstance(commit, str) else None


def _present(ground: Ground, claims: Iterable[Claim], commits: Iterable[str]) -> dict[str, Found | None]:
    """Return what commits, and files at commits, stand for, asked with one child."""
    from platformstate.gitrepo import look_up

    names = {oid: f"{oid}^{{commit}}" for oid in sorted(commits)}
    for claim in claims:
        if claim.item["type"] == "file":
            named = [f"{commit}:{claim.item['path']}" for commit in (claim.item["commit"], *ground.heads)]
            names |= {name: name for name in named}
    return dict(zip(names, look_up(ground.repository, list(names.values())), strict=True))


def _outside(ground: Ground, commits: set[str]) -> set[str]:
    from platformstate.gitrepo.reach import outside

    return outside(ground.repository, commits, ground.tips)


def _only_state(ground: Ground, commits: set[str]) -> set[str]:
    from platformstate.gitrepo.reach import only_state

    return only_state(ground.repository, sorted(commits))


def _modes(ground: Ground, claims: Iterable[Claim]) -> dict[tuple[str, str], str]:
    """Return the mode of each file at each head: a link has content too, and is no proof."""
    from platformstate.gitrepo.reach import entries_at

    paths = sorted({claim.item["path"] for claim in claims if claim.item["type"] == "file"})
    found = {}
    for head in ground.heads if paths else ():
        for path, entry in entries_at(ground.repository, head, paths).items():
            found[head, path] = entry.mode
    return found


def _mode_of(found: Found) -> str:
    return "100644" if found.type == "blob" else "040000"


def _proof(held: Held | None) -> Mapping[str, Any] | None:
    meta = None if held is None else held.meta
    return meta if meta is not None and meta.get("type") == "db-verify" else None


class _Live(NamedTuple):
    """This store's id, and the live database that the operator names in a commit of the trusted ref."""

    store: Any
    database: Mapping[str, Any] | None
    trusted: str | None


def _live(ground: Ground) -> _Live:
    """Return this store's id, and the live database that the operator's trusted ref names."""
    from platformstate.gitrepo import CommitTree
    from platformstate.gitrepo.trust import trusted_ref
    from platformstate.store.reading import judged as read

    store = ground.look(STORE_PATH)
    store_id = None if store is None or store.meta is None else store.meta.get("id")
    trusted = trusted_ref(ground.repository)
    if trusted is None or trusted.commit is None:
        return _Live(store_id, None, None)
    tree = CommitTree(ground.repository, trusted.commit)
    data = dict(tree.read([STORE_PATH])).get(STORE_PATH)
    document = None if data is None else read(data, STORE_PATH).document
    named = None if document is None else document.meta.get("live_database")
    return _Live(store_id, named, trusted.commit)
