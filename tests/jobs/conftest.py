"""A scene for each test of jobs with real processes."""

from __future__ import annotations

import pytest

from tests.conftest import Repo
from tests.forking import Forks
from tests.jobs.scenes import JobScene


@pytest.fixture
def jobs(stored: Repo, forks: Forks) -> JobScene:
    """A repository in which `operator` lands and approves jobs."""
    return JobScene(stored, forks)
