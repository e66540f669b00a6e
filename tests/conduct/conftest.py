"""A scene for each test of a conduct with real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conduct.killing import KillScene, Zygote
from tests.conduct.scenes import Scene
from tests.conftest import Repo


@pytest.fixture
def scene(repo: Repo) -> Scene:
    """A repository with a store, in which `operator` works."""
    return Scene(repo)


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """The process that starts commands to be killed."""
    made = Zygote(tmp_path_factory.mktemp("printed"))
    yield made
    made.end()


@pytest.fixture
def killing(repo: Repo, zygote: Zygote) -> KillScene:
    """A scene whose commands are real processes that are cheap to start and to kill."""
    return KillScene(repo, zygote)
