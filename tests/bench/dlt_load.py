"""Run by dlt's own Python: load files of JSON lines, their rows in memory, and print the best milliseconds.

Each mode loads twice, so that its tables are there the second time: `replace` is dlt's cheapest disposition.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
TIMES: Final = 2


def main(url: str, names: list[str]) -> None:
    """Load every file in each mode that is here."""
    rows = {Path(name).stem: _rows(Path(name)) for name in names}
    made: list[tuple[str, dict[str, Any]]] = [("insert_values", rows), ("csv", rows)]
    if find_spec("pyarrow"):
        import pyarrow

        tables = {name: pyarrow.Table.from_pylist(each) for name, each in rows.items()}
        made += [("csv", tables)] + [("parquet", tables)] * bool(find_spec("adbc_driver_postgresql"))
    print(1000 * min(_loaded(url, number, *each) for number, each in enumerate(made)))


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return rows whose nested values are texts, so that nothing is unnested."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
        for row in rows
    ]


def _loaded(url: str, number: int, format: str, rows: dict[str, Any]) -> float:
    import dlt

    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            f"bench_{number}",
            destination=dlt.destinations.postgres(url),
            dataset_name=f"dlt_{number}",
            pipelines_dir=folder,
        )
        seconds = []
        for _ in range(TIMES):
            resources = [
                dlt.resource(each, name=name, write_disposition="replace") for name, each in rows.items()
            ]
            started = time.perf_counter()
            pipeline.run(resources, loader_file_format=format)
            seconds.append(time.perf_counter() - started)
    print(f"{format} of {type(next(iter(rows.values()))).__name__}: {min(seconds):.3f} s", file=sys.stderr)
    return min(seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
