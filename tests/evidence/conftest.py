"""The store of the memory tests, with evidence in it."""

from __future__ import annotations

from tests.memory.conftest import memory as memory
from tests.memory.conftest import prepared as prepared
