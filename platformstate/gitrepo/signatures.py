"""Which commits carry an ssh signature by a key that is allowed to sign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from platformstate.gitrepo.repository import Repository

_GOOD = "G"


def signed_by(repository: Repository, commits: Sequence[str], signers: Path) -> frozenset[str]:
    """Return those of the commits, given by full id, that a key of an allowed-signers file signed.

    Nothing that the repository's own settings name is started or believed: other kinds of
    signature are taken for none.
    """
    program = repository.settings.trusted("gpg.ssh.program") or "ssh-keygen"
    settings = (
        ("gpg.ssh.program", program),
        ("gpg.ssh.allowedSignersFile", str(signers)),
        ("gpg.ssh.revocationFile", repository.settings.trusted("gpg.ssh.revocationFile") or ""),
        ("gpg.minTrustLevel", "fully"),
        ("gpg.program", "false"),
        ("gpg.openpgp.program", "false"),
        ("gpg.x509.program", "false"),
    )
    flags = [part for name, value in settings for part in ("-c", f"{name}={value}")]
    argv = [*flags, "log", "--no-walk=unsorted", "--stdin", "--format=%H %G?"]
    said = repository.run(argv, input="".join(f"{oid}\n" for oid in commits).encode("ascii"))
    rows = (line.split(" ") for line in said.decode("ascii", "replace").splitlines())
    return frozenset(row[0] for row in rows if row[1:] == [_GOOD])
