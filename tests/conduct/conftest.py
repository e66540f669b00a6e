"""A scene for each test of a conduct with real processes."""

from __future__ import annotations

import pytest

from tests.conduct.scenes import Scene
from tests.conftest import Repo


@pytest.fixture
def scene(repo: Repo) -> Scene:
    """A repository with a store, in which `operator` works."""
    return Scene(repo)
