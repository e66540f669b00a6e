"""A scene for each test of a conduct with real processes."""

from __future__ import annotations

import pytest

from tests.conduct.killing import KillScene
from tests.conduct.scenes import Scene
from tests.conftest import Repo
from tests.forking import Forks


@pytest.fixture
def scene(stored: Repo, forks: Forks) -> Scene:
    """A repository with a store, in which `operator` works."""
    return Scene(stored, forks)


@pytest.fixture
def killing(stored: Repo, forks: Forks) -> KillScene:
    """A scene whose commands are real processes that are cheap to start and to kill."""
    return KillScene(stored, forks)
