"""Claims between clones: one ref a task on a remote, moved by compare-and-swap.

These are the only calls of git that reach out, and only when somebody asks for it. What a repository's
own settings could make them execute is put back to git's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from platformstate.errors import StateError, shown
from platformstate.gitrepo.children import Ran
from platformstate.gitrepo.repository import Repository
from platformstate.gitrepo.writing import NewCommit, Person, Writer

REF: Final = "refs/platformstate/claims/{task}"
_PROTOCOLS: Final = ("https", "http", "ssh", "git", "file")
_LOST: Final = ("stale info", "cannot lock ref", "failed to update ref", "already exists", "fetch first")


class RemoteClaim(NamedTuple):
    """What stands at a remote for a task: the commit and its message; both None where there is none."""

    oid: str | None
    message: str | None


def claim_ref(task: str) -> str:
    """Return the ref of a task's claim."""
    return REF.format(task=task)


def read_claim(repository: Repository, remote: str, task: str) -> RemoteClaim:
    """Ask a remote for a task's claim. Raises: remote_missing, remote_unreachable."""
    _refuse_missing(repository, remote)
    ref = claim_ref(task)
    listed = _reached(remote, _call(repository, ["ls-remote", "--upload-pack=git-upload-pack", remote, ref]))
    rows = [line.split("\t") for line in listed.stdout.decode("ascii", "replace").splitlines()]
    oid = next((row[0] for row in rows if row[1:] == [ref]), None)
    if oid is None:
        return RemoteClaim(None, None)
    if repository.call(["cat-file", "-e", f"{oid}^{{commit}}"]).status:
        fetch = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--upload-pack=git-upload-pack"]
        _reached(remote, _call(repository, [*fetch, remote, ref]))
    return RemoteClaim(oid, claim_message(repository, oid))


def claim_message(repository: Repository, oid: str) -> str:
    """Return the message of a claim's commit that is in this clone; empty when it is not."""
    text = repository.run(["cat-file", "commit", oid], check=False).decode("utf-8", "replace")
    return text.partition("\n\n")[2]


def push_claim(
    repository: Repository, remote: str, task: str, message: str, seen: str | None, author: Person, at: int
) -> str | None:
    """Push a claim if the remote's still is the one seen; return its commit, None when another was faster.

    Raises: remote_missing, remote_unreachable.
    """
    _refuse_missing(repository, remote)
    ref = claim_ref(task)
    made = Writer(repository, durable=False).make_commits(
        [NewCommit(message, author, at, ())], None, author, at
    )
    argv = ["push", "--porcelain", "--no-verify", "--no-signed", "--receive-pack=git-receive-pack"]
    ran = _call(repository, [*argv, f"--force-with-lease={ref}:{seen or ''}", remote, f"{made[0]}:{ref}"])
    if ran.status == 0:
        return made[0]
    said = ran.stdout.decode("utf-8", "replace") + ran.stderr
    if any(text in said for text in _LOST):
        return None
    raise _unreachable(remote, ran)


def _refuse_missing(repository: Repository, remote: str) -> None:
    if not remote or remote.startswith("-") or not repository.config(f"remote.{remote}.url"):
        raise StateError(
            "remote_missing",
            f"this repository has no remote {shown(remote)} to ask for claims",
            hint=f"git remote add {shown(remote)} URL, or leave --remote out",
        )


def _call(repository: Repository, argv: Sequence[str]) -> Ran:
    """Run a child that may reach out: by git's own protocols, with helpers from outside the repository."""
    flags = [part for name in _PROTOCOLS for part in ("-c", f"protocol.{name}.allow=always")]
    for name, usual in (("core.sshCommand", "ssh"), ("core.askPass", ""), ("core.gitProxy", "")):
        flags += ["-c", f"{name}={repository.settings.trusted(name) or usual}"]
    helper = repository.settings.trusted("credential.helper")
    flags += ["-c", f"credential.helper={helper}"] if helper else []
    return repository.call([*flags, *argv])


def _reached(remote: str, ran: Ran) -> Ran:
    if ran.status:
        raise _unreachable(remote, ran)
    return ran


def _unreachable(remote: str, ran: Ran) -> StateError:
    lines = [*ran.stderr.strip().splitlines(), *ran.stdout.decode("utf-8", "replace").splitlines()]
    said = next((line for line in lines if line.strip()), "no message")
    return StateError(
        "remote_unreachable",
        f"{shown(remote)} did not take part in the claim: {shown(said)}",
        hint="repeat it when the remote can be reached, or claim in this clone alone: leave --remote out",
        retryable=True,
    )
