"""Global flags stand before or after the verb; what is not said changes nothing."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Extra

GIVEN = ["-C", "there", "--actor", "codex", "--no-commit", "--dry-run", "--durability", "fast"]
MORE = ["--idempotency-key", "k", "-q", "--json"]
HEARD = {"directory": "there", "actor": "codex", "commit": False, "dry_run": True, "durability": "fast"}


@pytest.mark.parametrize("after", range(0, len(GIVEN) + len(MORE) + 1, 2))
def test_flags_are_heard_wherever_they_stand(extra: Extra, after: int) -> None:
    flags = [["-C", "there"], ["--actor", "codex"], ["--no-commit"], ["--dry-run"], ["--durability", "fast"]]
    flags += [["--idempotency-key", "k"], ["-q"], ["--json"]]
    before = [word for flag in flags[: after // 2] for word in flag]
    behind = [word for flag in flags[after // 2 :] for word in flag]
    data = extra("flags", *behind, "--title", "T").document["data"] if not before else None
    if data is None:
        data = extra(*before, "flags", *behind, "--title", "T").document["data"]
    assert data == {**HEARD, "key": "k", "quiet": True, "title": "T"}


def test_unsaid_flags_keep_their_defaults(extra: Extra) -> None:
    data = extra("flags", "--json").document["data"]
    assert data["directory"] == "."
    assert [data[name] for name in ("actor", "commit", "durability", "key", "title")] == [None] * 5
    assert data["dry_run"] is False


def test_the_last_word_wins(extra: Extra) -> None:
    assert extra("--commit", "flags", "--no-commit", "--json").document["data"]["commit"] is False
    assert extra("--no-commit", "flags", "--commit", "--json").document["data"]["commit"] is True
