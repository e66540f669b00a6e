"""Read a store as one would without this project: frontmatter.load and jsonschema, file by file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import frontmatter
import jsonschema

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"


def main() -> int:
    """Validate every Markdown file below `state/` of the current folder."""
    validators = {
        kind: jsonschema.Draft202012Validator(
            json.loads((SCHEMAS / f"{kind}.schema.json").read_text("utf-8"))
        )
        for kind in ("task", "run", "checkpoint")
    }
    wrong = 0
    for path in sorted(Path("state").rglob("*.md")):
        meta = frontmatter.load(str(path)).metadata
        kind = str(meta.get("schema", "")).partition("/")[0]
        wrong += sum(1 for _ in validators[kind].iter_errors(meta))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
