"""The example store in a repository, as the tests of the gate have it."""

from tests.gate.conftest import state as state  # a fixture
