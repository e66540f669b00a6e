from pathlib import Path

import pytest

from platformstate.core.catalog import KINDS
from platformstate.errors import registry
from platformstate.validation import read, read_reference
from tests.schemas.corpus import EXAMPLES, PLACES, expected, files, kind_of, name_of, told

LEAST_VALID = {"task": 6}
LEAST_INVALID = {"task": 20}


@pytest.mark.parametrize("path", files("valid"), ids=name_of)
def test_a_valid_example_has_no_error(path: Path) -> None:
    judged = read(path.read_bytes(), PLACES[kind_of(path)])
    assert [problem for problem in judged.problems if problem.severity == "error"] == []
    assert judged.document is not None or judged.rows is not None


@pytest.mark.parametrize("path", files("invalid"), ids=name_of)
def test_an_invalid_example_has_exactly_the_problems_beside_it(path: Path) -> None:
    """Scenario 50-13.1: expected code, line, column and pointer."""
    judged = read(path.read_bytes(), PLACES[kind_of(path)])
    assert told(judged.problems) == expected(path)


@pytest.mark.parametrize("path", files("invalid"), ids=name_of)
def test_a_problem_says_what_to_do(path: Path) -> None:
    for problem in read(path.read_bytes(), PLACES[kind_of(path)]).problems:
        assert problem.message
        assert problem.fix
        assert problem.code in registry()
        assert problem.path == PLACES[kind_of(path)]


@pytest.mark.parametrize("path", files("valid") + files("invalid"), ids=name_of)
def test_both_engines_find_the_same(path: Path) -> None:
    data, place = path.read_bytes(), PLACES[kind_of(path)]
    assert read(data, place) == read_reference(data, place)


@pytest.mark.parametrize("path", files("invalid"), ids=name_of)
def test_a_file_with_an_error_gives_no_record(path: Path) -> None:
    judged = read(path.read_bytes(), PLACES[kind_of(path)])
    if any(problem.severity == "error" for problem in judged.problems):
        assert judged.document is None
        assert judged.rows is None
    else:
        assert judged.document is not None or judged.rows is not None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_examples(kind: str) -> None:
    count = {
        verdict: len([path for path in files(verdict) if kind_of(path) == kind])
        for verdict in ("valid", "invalid")
    }
    assert count["valid"] >= LEAST_VALID.get(kind, 3)
    assert count["invalid"] >= LEAST_INVALID.get(kind, 10)


def test_no_expectation_stands_alone() -> None:
    for path in EXAMPLES.glob("*/invalid/*.expected"):
        assert [other for other in path.parent.glob(f"{path.stem}.*") if other != path], path
