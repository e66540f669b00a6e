"""What a tree is compared with: its bases, what changed since, and the blobs of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from platformstate.cost import COST
from platformstate.gitrepo.attributes import ATTRIBUTES, Attributed, unsafe_rows
from platformstate.gitrepo.blob_reader import content
from platformstate.gitrepo.children import input_file, stream_git
from platformstate.gitrepo.objects import missing_object
from platformstate.gitrepo.repository import Repository


class Changed(NamedTuple):
    """One path that differs between two trees; an absent side has None as its blob."""

    path: str
    before: str | None
    after: str | None


def parents(repository: Repository, commit: str) -> list[str]:
    """Return the full ids of a commit's parents; a shallow clone's oldest commit has none here."""
    listed = repository.run(["rev-list", "--parents", "--max-count=1", "--end-of-options", commit])
    return listed.decode("ascii").split()[1:]


def root_names(repository: Repository, commit: str) -> list[str]:
    """Return the names in a commit's root folder as they stand there, whatever characters they hold."""
    listed = repository.list_files(["ls-tree", "-z", "--name-only", "--full-tree", commit])
    return listed.decode("utf-8", "surrogateescape").split("\0")[:-1]


def merge_heads(repository: Repository) -> list[str]:
    """Return the commits being merged in this worktree, none when no merge is in progress."""
    try:
        return Path(repository.git_dir, "MERGE_HEAD").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def staged_changes(repository: Repository, commit: str | None, paths: Sequence[str]) -> list[Changed]:
    """Return what the index changes against a commit, or against nothing on an unborn branch."""
    base = commit or repository.run(["hash-object", "-t", "tree", "--stdin"]).decode("ascii").strip()
    argv = ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"]
    listed = repository.run([*argv, "--abbrev=64", base, "--", *paths])
    words = listed.decode("utf-8", "surrogateescape").split("\0")
    rows = zip(words[0::2], words[1::2], strict=False)
    return [_changed(facts, path, repository.null_oid) for facts, path in rows]


def _changed(facts: str, path: str, null_oid: str) -> Changed:
    _, _, before, after, _ = facts.split(" ")
    return Changed(path, None if before == null_oid else before, None if after == null_oid else after)


def read_blobs_up_to(repository: Repository, oids: Iterable[str], limit: int) -> dict[str, bytes | int]:
    """Return each blob's bytes by its id, and the size alone of one beyond the limit, with one child.

    What is too large is never held in memory. A missing object is left out. Raises:
    history_missing for a damaged one at which git stops.
    """
    wanted = list(dict.fromkeys(oids))
    if not wanted:
        return {}
    with input_file("".join(f"{oid}\n" for oid in wanted).encode("ascii")) as asked:
        child = stream_git(
            ["cat-file", "--batch"],
            cwd=repository.place,
            stdin=asked,
            flags=repository.flags,
            extra=repository.extra,
        )
        assert child.stdout is not None
        found: dict[str, bytes | int] = {}
        with child, child.stdout as answers:
            while header := answers.readline():
                words = header.decode("ascii").split()
                if len(words) != 3:
                    continue
                found[words[0]] = content(answers, int(words[2]), limit)
    if child.returncode:
        raise missing_object("an object")
    COST.read += len(found)
    return found


def paths_naming(repository: Repository, texts: Sequence[str], commit: str | None = None) -> list[str]:
    """Return the state files, of the index or of a commit, in which one of the texts stands."""
    if not texts:
        return []
    where = ["--cached"] if commit is None else [commit]
    asked = "".join(f"{text}\n" for text in texts).encode("utf-8", "surrogateescape")
    ran = repository.call(
        ["grep", "-l", "-z", "-F", "--full-name", "-f", "-", *where, "--", "state"], input=asked
    )
    listed = ran.stdout.decode("utf-8", "surrogateescape").split("\0")
    prefix = "" if commit is None else f"{commit}:"
    return [name.removeprefix(prefix) for name in listed if name]


def attributes_of(repository: Repository, text: bytes, paths: Sequence[str]) -> list[Attributed]:
    """Return the unsafe attributes that a root .gitattributes of this text puts on these paths.

    Asked of git itself, without the files of the work tree and without an index, so that a bare
    repository answers alike.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder, "attributes")
        file.write_bytes(text)
        ran = repository.call(
            ["-c", f"core.attributesFile={file}", "check-attr", "--cached", "-z", "--stdin", *ATTRIBUTES],
            input="".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape"),
            extra={"GIT_INDEX_FILE": f"{folder}/absent"},
        )
    return unsafe_rows(ran.stdout)


def worktree_places(repository: Repository) -> list[str]:
    """Return the root of every worktree of this repository."""
    listed = repository.run(["worktree", "list", "--porcelain", "-z"], check=False)
    lines = listed.decode("utf-8", "surrogateescape").split("\0")
    return [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]


def worktree_root(repository: Repository, worktree: str) -> Path | None:
    """Return the root of a worktree of this repository, None for one that was removed or has gone missing.

    `worktree` is as `Repository.worktree` names it, whatever has been moved since. One that is locked may
    come back: its root is returned though nothing may be there now.
    """
    if worktree == repository.worktree:
        return repository.root
    if worktree == ".":
        return next(map(Path, worktree_places(repository)), None)
    home = repository.common_dir / worktree
    try:
        link = home.joinpath("gitdir").read_text("utf-8", "surrogateescape").removesuffix("\n")
    except OSError:
        return None
    root = (home / link).parent
    return root if (root / ".git").exists() or (home / "locked").exists() else None
