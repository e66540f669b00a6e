"""Most facts about the store do not depend on the disk's promises, and waiting for them costs time."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def hasty_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORMSTATE_DURABILITY", "fast")
