"""One finding of `doctor`."""

from __future__ import annotations

from typing import Any, NamedTuple

from platformstate.errors import registry


class Check(NamedTuple):
    """A finding about the repository or its store: `fixable` by --fix, `fixed` by this run."""

    code: str
    status: str
    message: str
    path: str | None
    fix: str
    fixable: bool = False
    fixed: bool = False

    @property
    def place(self) -> tuple[str, str | None]:
        """What tells it from other findings, before and after a repair."""
        return self.code, self.path

    def as_json(self) -> dict[str, Any]:
        """Return the finding as `doctor --json` shows it."""
        return self._asdict()


def check(
    code: str,
    message: str,
    path: str | None = None,
    *,
    fix: str | None = None,
    fixable: bool = False,
    status: str | None = None,
) -> Check:
    """Return a finding; its status and usual fix are those of its code."""
    entry = registry()[code]
    return Check(code, status or entry["severity"], message, path, fix or entry["fix"], fixable)
