"""One zygote for a whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.sandbox import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that forks the commands of all transcripts."""
    process = Zygote()
    yield process
    process.close()
