"""Where libyaml is missing PyYAML's own parser reads the same: places, values and refusals."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from platformstate.codec.container import parts
from platformstate.codec.nodes import Node
from platformstate.codec.prescan import prescan
from platformstate.codec.render import canonical_as
from platformstate.codec.yaml_nodes import YamlTree
from tests.codec.making import NOTE, document, records
from tests.codec.test_edit import SOURCE
from tests.codec.test_formatting import WILD
from tests.codec.test_profile_table import PARSE, SCALARS

ROWS = {**PARSE, **SCALARS}


def _shape(node: Node | None) -> Any:
    if node is None:
        return None
    children = (
        [(_shape(key), _shape(value)) for key, value in node.entries],
        [_shape(item) for item in node.items],
    )
    return node.kind, node.start, node.line, node.col, node.text, node.style, node.flow, children


def _same(yaml: str) -> None:
    fast, pure = YamlTree(yaml, pure=False), YamlTree(yaml, pure=True)
    assert [row.code for row in pure.found] == [row.code for row in fast.found]
    if not fast.found:
        assert _shape(pure.root) == _shape(fast.root)


@pytest.mark.parametrize("name", ROWS)
def test_both_parsers_agree_on_each_row(name: str) -> None:
    yaml = ROWS[name][0]
    if not prescan(yaml):
        _same(yaml)


@pytest.mark.parametrize("text", [SOURCE, WILD])
def test_both_parsers_see_the_same_places(text: str) -> None:
    _same(parts(f"{text}\n", "markdown").yaml)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(records)
def test_both_parsers_agree_on_canonical_text(meta: dict[str, Any]) -> None:
    _same(parts(canonical_as(document(meta), NOTE), "markdown").yaml)


def test_a_python_without_libyaml_reads_records_all_the_same() -> None:
    code = """
import sys
sys.modules["yaml._yaml"] = None
from platformstate.codec.record import parse
from platformstate.codec.yaml_events import HAS_LIBYAML
parsed = parse(b"---\\nid: a\\nlabels: [b]\\n---\\n", "state/tasks/a/task.md")
print(HAS_LIBYAML, dict(parsed.document.meta))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False {'id': 'a', 'labels': ['b']}\n"
