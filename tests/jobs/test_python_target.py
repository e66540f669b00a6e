"""A job whose target is a Python function."""

from __future__ import annotations

import json
from typing import Any

from tests.jobs.scenes import JobScene

MODULE = """
import json, sys
from pathlib import Path

def plain(bindings, context):
    print("hello", bindings["day"])
    (context.artifacts_dir / "made.txt").write_text("x")
    return {"seen": sorted(vars(context)), "slot": context.slot, "attempt": context.attempt,
            "ids": [context.job_id, context.run_id], "key": len(context.idempotency_key),
            "first": sys.path[0], "argv0": Path(sys.argv[0]).name}

def nothing(bindings, context):
    return None

def array(bindings, context):
    return [1]

def unknown(bindings, context):
    return {"at": object()}

def large(bindings, context):
    return {"text": "a" * 70000}

def escaped(bindings, context):
    return {"text": chr(27)}

def leaves(bindings, context):
    raise SystemExit(7)

def fails(bindings, context):
    raise ValueError("the table is gone")
"""


def spec(entry: str, **more: Any) -> dict[str, Any]:
    return {"target": {"kind": "python", "entry": entry, "path": "lib", **more}}


def test_a_function_is_called_with_its_bindings_and_context(jobs: JobScene) -> None:
    jobs.repo.write("lib/nightly/export.py", MODULE)
    jobs.job("plain", **spec("nightly.export:plain"), bindings={"day": "2026-11-20"})
    jobs.ready()
    run = jobs.run_job("plain")
    assert run["status"] == "succeeded", run
    payload = run["payload"]
    assert payload["seen"] == ["artifacts_dir", "attempt", "idempotency_key", "job_id", "run_id", "slot"]
    assert (payload["slot"], payload["attempt"], payload["key"]) == (None, 1, 32)
    assert payload["ids"] == ["plain", run["run_id"]]
    assert payload["first"] == str(jobs.repo.root / "lib")
    assert jobs.log(run) == "hello 2026-11-20\n"
    assert [row["path"] for row in run["artifacts"]] == ["artifacts/made.txt"]
    assert run["target"] == {"kind": "python", "entry": "nightly.export:plain"}
    assert not list((jobs.repo.root / "lib").rglob("__pycache__"))
    assert jobs.repo.git("status", "--porcelain") == ""


def test_how_a_function_ends_is_how_its_run_ends(jobs: JobScene) -> None:
    jobs.repo.write("lib/nightly/export.py", MODULE)
    jobs.repo.write("lib/nightly/broken.py", "import no_such_module_at_all\n")
    retry = {"max": 1, "backoff": {"initial": "1ms"}}
    wanted = {
        "nothing": (None, 0, 1),
        "array": ("job_output_invalid", 0, 1),
        "unknown": ("job_output_invalid", 0, 1),
        "large": ("job_output_invalid", 0, 1),
        "escaped": ("job_output_invalid", 0, 1),
        "leaves": ("job_execution_failed", 7, 1),
        "fails": ("job_execution_failed", 1, 2),
        "absent": ("job_target_unresolved", 1, 1),
    }
    for name in wanted:
        jobs.job(name, **spec(f"nightly.export:{name}"), retry=retry if name != "leaves" else {})
    jobs.job("broken", **spec("nightly.broken:main"), retry=retry)
    wanted["broken"] = ("job_target_unresolved", 1, 1)
    jobs.ready()
    seen = {}
    for name in wanted:
        run = jobs.run_job(name, "--no-commit")
        seen[name] = (run["reason"], run["exit_code"], len(run["attempts"]))
        if name == "fails":
            assert "ValueError: the table is gone" in jobs.log(run, attempt=2)
    assert seen == wanted


def test_a_schema_file_is_read_at_the_trusted_commit_and_part_of_what_is_approved(jobs: JobScene) -> None:
    jobs.repo.write("lib/nightly/export.py", MODULE)
    schema = {"type": "object", "properties": {"day": {"type": "string"}}, "additionalProperties": False}
    jobs.repo.write("bindings.json", json.dumps(schema) + "\n")
    jobs.job("plain", **spec("nightly.export:nothing", bindings_schema={"file": "bindings.json"}))
    jobs.ready()
    jobs.repo.write("bindings.json", "{}\n")
    refused = jobs.jobs("run", "plain", "--set", "other=1")
    assert refused.document["error"]["code"] == "job_bindings_invalid"
    assert jobs.run_job("plain", "--set", "day=x")["status"] == "succeeded"
    jobs.land()
    refused = jobs.jobs("run", "plain", "--set", "other=1")
    assert refused.document["error"]["code"] == "job_approval_required"
    jobs.approve("plain")
    assert jobs.run_job("plain", "--set", "other=1")["status"] == "succeeded"
