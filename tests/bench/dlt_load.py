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
    """Load every file in each mode that is here: of dicts as `dlt[postgres]` can, and by ADBC."""
    rows = {Path(name).stem: _rows(Path(name)) for name in names}
    print("dicts", 1000 * min(_loaded(url, f"dicts_{mode}", mode, rows) for mode in ("insert_values", "csv")))
    if find_spec("pyarrow") and find_spec("adbc_driver_postgresql"):
        import pyarrow

        tables = {name: pyarrow.Table.from_pylist(each) for name, each in rows.items()}
        forms = {"dicts": rows, "arrow": tables}
        best = min(_loaded(url, f"{name}_parquet", "parquet", each) for name, each in forms.items())
        print("adbc", 1000 * best)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return rows whose nested values are texts, so that nothing is unnested."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
        for row in rows
    ]


def _loaded(url: str, name: str, format: str, rows: dict[str, Any]) -> float:
    import dlt

    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            f"bench_{name}",
            destination=dlt.destinations.postgres(url),
            dataset_name=f"dlt_{name}",
            pipelines_dir=folder,
        )
        seconds = []
        for _ in range(TIMES):
            resources = [
                dlt.resource(each, name=table, write_disposition="replace") for table, each in rows.items()
            ]
            started = time.perf_counter()
            pipeline.run(resources, loader_file_format=format)
            seconds.append(time.perf_counter() - started)
    print(f"{name}: {min(seconds):.3f} s", file=sys.stderr)
    return min(seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
