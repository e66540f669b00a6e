"""Write the modules that follow from the schemas, or say which of them are out of date.

`python -m tools.generate` writes them; with `--check` it writes nothing and exits 1 when one would change.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.catalog import catalog
from tools.schemas import ROOT, differing_definitions, faults, kinds
from tools.shapes import choices, shapes


def outputs() -> dict[Path, str]:
    """Return each generated file's text. Raises SystemExit when a schema breaks the meta-schema."""
    schemas = kinds()
    wrong = [
        f"schemas/{name}.schema.json {fault}" for name, schema in schemas.items() for fault in faults(schema)
    ]
    wrong += [f"two definitions of {name}" for name in differing_definitions(schemas)]
    if wrong:
        raise SystemExit("\n".join(wrong))
    return {
        ROOT / "platformstate" / "core" / "catalog.py": catalog(schemas),
        ROOT / "platformstate" / "entities" / "shapes.py": shapes(schemas),
        ROOT / "platformstate" / "entities" / "choices.py": choices(schemas),
    }


def stale() -> list[Path]:
    """Return the generated files that are not what the schemas give."""
    return [path for path, text in outputs().items() if not path.exists() or path.read_text("utf-8") != text]


def main(argv: list[str]) -> int:
    """Generate, or with `--check` compare."""
    outdated = stale()
    for path in outdated:
        sys.stdout.write(f"{'out of date' if '--check' in argv else 'written'}: {path.relative_to(ROOT)}\n")
        if "--check" not in argv:
            path.write_text(outputs()[path], encoding="utf-8")
    return 1 if outdated and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
