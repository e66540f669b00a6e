import sys

import pytest

from platformstate.core.catalog import KINDS, PLACES
from platformstate.entities import kinds, shapes
from tools.generate import main, outputs, stale


def test_generated_modules_are_what_the_schemas_give() -> None:
    assert stale() == [], "run python -m tools.generate"


def test_check_says_that_nothing_is_out_of_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_generated_modules_say_so_on_their_first_line() -> None:
    for text in outputs().values():
        assert "GENERATED" in text.splitlines()[0]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_a_handle_and_a_shape(name: str) -> None:
    handle = getattr(kinds, name.upper())
    assert handle.name == name
    shape = getattr(shapes, name.title().replace("_", ""))
    assert list(shape.__annotations__) == list(KINDS[name].shape.keys)
    assert shape.__required_keys__ == {key for key, field in KINDS[name].shape.keys.items() if field.required}


def test_a_specification_is_built_once_and_only_when_asked_for() -> None:
    assert KINDS["task"] is KINDS["task"]
    assert "task" in KINDS
    assert "nothing" not in KINDS
    assert len(KINDS) == len(list(KINDS)) == len(PLACES)
    with pytest.raises(KeyError):
        KINDS["nothing"]


def test_types_are_not_needed_at_run_time() -> None:
    assert "platformstate.entities.shapes" in sys.modules
    assert not hasattr(kinds, "Task")
