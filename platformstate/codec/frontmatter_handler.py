"""The one place that knows python-frontmatter: a handler for its users, and the import of their files.

    import frontmatter
    from platformstate.codec.frontmatter_handler import PlatformstateHandler

    post = frontmatter.load("state/tasks/gh-460/task.md", handler=PlatformstateHandler())

python-frontmatter strips the text before a handler sees it and the body afterwards, so our own
files are read by `record`, never through it.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import frontmatter
from frontmatter.default_handlers import BaseHandler

from platformstate.codec import limits
from platformstate.codec.container import FENCE, parts
from platformstate.codec.decoding import decoded
from platformstate.codec.layout import mapping_lines
from platformstate.codec.nodes import place_at
from platformstate.codec.prescan import prescan
from platformstate.codec.record import parse_as
from platformstate.codec.shapes import ANYTHING
from platformstate.codec.yaml_nodes import YamlTree
from platformstate.codec.yaml_values import values
from platformstate.core.catalog import KINDS
from platformstate.core.kind import KindSpec
from platformstate.errors import Problem, StateError

_SCHEMA = re.compile(r"""^schema:[ ]+["']?(\w+)/""", re.MULTILINE)
_UNKNOWN = KindSpec("other", 0, "", "markdown", "given", ANYTHING)
# Foreign text is taken as its author wrote it, where our own files would have to say what they mean.
_FORGIVEN = "yaml_scalar_ambiguous"


class PlatformstateHandler(BaseHandler):
    """Loads our records strictly and writes canonical text.

    What `validate` refuses in a text raises StateError `record_invalid` here, with its problems.
    """

    FM_BOUNDARY = re.compile(r"^---$", re.MULTILINE)
    START_DELIMITER = END_DELIMITER = "---"

    def detect(self, text: str) -> bool:
        """Say whether a text begins with a fence of ours."""
        return text.startswith(FENCE)

    def split(self, text: str) -> tuple[str, str]:
        """Split a text at its fences. Raises StateError where they are not as they have to be."""
        split = parts(text.replace("\r\n", "\n"), "markdown")
        if split.code:
            _refuse(parse_as(text.encode("utf-8", "surrogatepass"), "text", _UNKNOWN).problems)
        return split.yaml, split.body

    def load(self, fm: str) -> dict[str, Any]:
        """Return the fields of front matter."""
        found = _SCHEMA.search(fm)
        spec = KINDS[found.group(1)] if found and found.group(1) in KINDS else _UNKNOWN
        parsed = parse_as(f"{FENCE}{fm.strip(chr(10))}\n{FENCE}".encode(), "text", spec)
        if parsed.document is None:
            _refuse(parsed.problems)
        return dict(parsed.document.meta)

    def export(self, metadata: dict[str, Any], **kwargs: object) -> str:
        """Return fields as canonical front matter, without its fences."""
        name = str(metadata.get("schema", "")).partition("/")[0]
        shape = KINDS[name].shape if name in KINDS else ANYTHING
        return "\n".join(mapping_lines(metadata, shape))


class _ForeignHandler(PlatformstateHandler):
    """Loads front matter that is not ours: any keys, ambiguous scalars as the text that they are."""

    def __init__(self, name: str, first_line: int) -> None:
        super().__init__()
        self.name, self.first_line = name, first_line

    def split(self, text: str) -> tuple[str, str]:
        split = parts(text, "markdown")
        if split.code:
            message, fix = (
                "the front matter that begins here never ends",
                "put a line --- after the last field",
            )
            _refuse((Problem(self.name, self.first_line, 1, split.code, message, fix),))
        return split.yaml, split.body

    def load(self, fm: str) -> dict[str, Any]:
        found = prescan(fm)
        tree = None if found else YamlTree(fm)
        wrong = [row for row in (found if tree is None else tree.found) if row.code != _FORGIVEN]
        if wrong:
            _refuse(tuple(self._problem(fm, row.start, *row[1:]) for row in wrong))
        if tree is None or tree.root is None or tree.root.kind != "mapping":
            return {}
        value, misread = values(tree.root, ANYTHING, fm)
        refused = [row for row in misread if row.code != _FORGIVEN]
        if refused:
            _refuse(tuple(self._problem(fm, row.node.start, *row[2:]) for row in refused))
        loaded: dict[str, Any] = value
        return loaded

    def _problem(self, fm: str, index: int, code: str, message: str, fix: str) -> Problem:
        line, col = place_at(fm, index)
        return Problem(self.name, line + self.first_line, col, code, message, fix)


def foreign(data: bytes, name: str) -> tuple[dict[str, Any], str]:
    """Return front matter and body of a Markdown file that is not ours; without front matter, {}.

    Raises: record_invalid, with what makes the file unreadable.
    """
    text, problems = decoded(data, name, limits.MAX_BYTES["markdown"], "markdown")
    if text is None:
        _refuse(problems)
    before = text[: len(text) - len(text.lstrip())]
    handler = _ForeignHandler(name, before.count("\n") + 1)
    if not handler.detect(f"{text.strip()}\n"):
        return {}, text
    meta, body = frontmatter.parse(text, handler=handler)
    return dict(meta), f"\n{body}\n" if body else ""


def _refuse(problems: tuple[Problem, ...]) -> NoReturn:
    first = problems[0]
    raise StateError(
        "record_invalid",
        first.message,
        hint=first.fix,
        path=first.path,
        line=first.line,
        col=first.col,
        problems=problems,
    )
