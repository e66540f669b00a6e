"""A scene for each test of jobs with real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conduct.killing import Zygote
from tests.conftest import Repo
from tests.jobs.scenes import JobScene


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """The process that starts commands to be killed."""
    made = Zygote(tmp_path_factory.mktemp("printed"))
    yield made
    made.end()


@pytest.fixture
def jobs(repo: Repo, zygote: Zygote) -> JobScene:
    """A repository in which `operator` lands and approves jobs."""
    return JobScene(repo, zygote)
