"""What ignore rules and attributes would do to our files when others clone them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.gitrepo.children import failure
from platformstate.gitrepo.repository import Repository

BLOCK_BEGIN: Final = "# >>> platformstate"
BLOCK_END: Final = "# <<< platformstate"
ATTRIBUTES: Final = ("filter", "ident", "working-tree-encoding", "eol", "merge")
_TELLING: Final = (b"filter", b"ident", b"working-tree-encoding", b"eol", b"union")
_KEPT: Final = 64
_MARK: Final = "\ufeff".encode()  # git passes over it at the start of a file
_HARMLESS: Final = frozenset({"unspecified", "unset"})


class Hidden(NamedTuple):
    """A path that an ignore rule hides, and where the rule stands."""

    path: str
    source: str
    line: int
    pattern: str


class Attributed(NamedTuple):
    """An attribute in force that would change a file's bytes or corrupt a merge of it."""

    path: str
    attribute: str
    value: str


def unsafe_attributes(repository: Repository, paths: Sequence[str]) -> list[Attributed]:
    """Return the attributes in force on these paths that 50-gate forbids on state files."""
    if not paths or not _may_be_unsafe(repository, paths):
        return []
    return unsafe_rows(repository.run(["check-attr", "-z", "--stdin", *ATTRIBUTES], input=_nul(paths)))


def _may_be_unsafe(repository: Repository, paths: Sequence[str]) -> bool:
    """Say whether any file of attributes on the way to these paths holds a word that matters.

    Where the root has no such file git asks the index instead, and so it is asked.
    """
    if repository.root is None or not (repository.root / ".gitattributes").is_file():
        return True
    folders = {parent for path in paths for parent in Path(path).parents}
    files = [repository.common_dir / "info" / "attributes"]
    files += [repository.root / folder / ".gitattributes" for folder in folders]
    return any(word in file.read_bytes() for file in files if file.is_file() for word in _TELLING)


def unsafe_rows(answered: bytes) -> list[Attributed]:
    """Return the unsafe ones of what `check-attr -z` said."""
    words = answered.decode("utf-8", "surrogateescape").split("\0")
    rows = zip(words[0::3], words[1::3], words[2::3], strict=False)
    return [Attributed(*row) for row in rows if _is_unsafe(row[1], row[2])]


def _is_unsafe(attribute: str, value: str) -> bool:
    if attribute == "eol":
        return value == "crlf"
    if attribute == "merge":
        return value == "union"
    return value not in _HARMLESS


def hidden_paths(repository: Repository, paths: Sequence[str]) -> list[Hidden]:
    """Return the untracked paths that an ignore rule outside init's own block hides."""
    paths = _perhaps_hidden(repository, paths)
    if not paths:
        return []
    argv = ["check-ignore", "-z", "-v", "--stdin"]
    # This one command refuses literal pathspecs and takes its input as plain names.
    ran = repository.call(argv, input=_nul(paths), extra={"GIT_LITERAL_PATHSPECS": "0"})
    if ran.status not in (0, 1):
        raise failure(argv, ran)
    words = ran.stdout.decode("utf-8", "surrogateescape").split("\0")
    rows = zip(words[0::4], words[1::4], words[2::4], words[3::4], strict=False)
    found = [Hidden(path, source, int(line or 0), pattern) for source, line, pattern, path in rows]
    return [row for row in found if not row.pattern.startswith("!") and not _is_ours(repository, row)]


def _perhaps_hidden(repository: Repository, paths: Sequence[str]) -> list[str]:
    """Return the paths that any ignore rule could match, so that git has to be asked.

    A rule without brackets and backslashes matches no path that lacks one of its words. Of a sparse
    checkout git reads the files of rules that are left out of it from the index.
    """
    own = _own_excludes(repository)
    if own is None or repository.config("core.sparseCheckout"):
        return list(paths)
    folders = {parent for path in paths for parent in Path(path).parents}
    files = {repository.place / folder / ".gitignore" for folder in folders}
    rules = {
        rule for file in (*files, repository.common_dir / "info" / "exclude", own) for rule in _rules(file)
    }
    return [path for path in paths if any(_may_match(rule, path) for rule in rules)]


def _own_excludes(repository: Repository) -> Path | None:
    """Return the file of the person's own ignore rules, None where only git can tell which it is."""
    named = repository.config("core.excludesFile")
    if named:
        place = os.path.expanduser(named[-1])
        return Path(place) if os.path.isabs(place) else None
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(folder, "git", "ignore")


@lru_cache(maxsize=_KEPT)
def _rules_in(said: bytes) -> tuple[bytes, ...]:
    rules = (line.strip().lower() for line in said.removeprefix(_MARK).split(b"\n"))
    return tuple(rule for rule in rules if rule and not rule.startswith((b"#", b"!")))


def _rules(file: Path) -> tuple[bytes, ...]:
    try:
        return _rules_in(file.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError:
        return (b"*",)  # whatever stands there, git knows what to make of it


def _may_match(rule: bytes, path: str) -> bool:
    if b"[" in rule or b"\\" in rule:
        return True
    name = path.encode("utf-8", "surrogateescape").lower()
    return all(word in name for word in re.split(rb"[*?/]+", rule))


def _is_ours(repository: Repository, hidden: Hidden) -> bool:
    """Say whether a rule stands between init's markers in the root .gitignore."""
    if hidden.source != ".gitignore" or repository.root is None:
        return False
    try:
        said = Path(repository.root, ".gitignore").read_bytes()
    except FileNotFoundError:  # a sparse checkout leaves it out, and git read the index
        said = repository.run(["cat-file", "blob", ":.gitignore"])
    before = [line.strip() for line in said.decode("utf-8", "surrogateescape").split("\n")[: hidden.line]]
    return before.count(BLOCK_BEGIN) > before.count(BLOCK_END)


def ignored_files(repository: Repository, under: str = "state") -> frozenset[str]:
    """Return the untracked files at or below a path that ignore rules leave out of git."""
    argv = ["ls-files", "-o", "-i", "--exclude-standard", "-z", "--full-name", "--", under]
    listed = repository.run(argv).decode("utf-8", "surrogateescape")
    return frozenset(name for name in listed.split("\0") if name)


def _nul(paths: Sequence[str]) -> bytes:
    return "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
