"""The views for readers, the same names and columns on both engines."""

from __future__ import annotations

from typing import Final

_FINISHED: Final = "('done', 'deployed', 'observed', 'maintained', 'retired')"
_OPEN_TASK: Final = f"""CREATE VIEW v_open_task AS
SELECT store_id, task_id, title, status, priority, kind, tier, owner, agent, branch, base_commit, created_at,
  created_by, source_path
FROM task
WHERE status NOT IN {_FINISHED};
"""
_CRITERION_POSTGRES: Final = """CREATE VIEW v_task_criterion AS
SELECT t.store_id, t.task_id, c.item ->> 'id' AS criterion_id, c.item ->> 'text' AS text,
  c.item ->> 'proof' AS proof, c.item ->> 'state' AS state, c.position::integer AS position
FROM task t
CROSS JOIN LATERAL jsonb_array_elements(t.doc -> 'acceptance') WITH ORDINALITY AS c (item, position);
"""
_CRITERION_SQLITE: Final = """CREATE VIEW v_task_criterion AS
SELECT t.store_id, t.task_id, json_extract(c.value, '$.id') AS criterion_id,
  json_extract(c.value, '$.text') AS text, json_extract(c.value, '$.proof') AS proof,
  json_extract(c.value, '$.state') AS state, c.key + 1 AS position
FROM task t, json_each(t.doc, '$.acceptance') c;
"""
_LATEST_CHECKPOINT: Final = """CREATE VIEW v_task_latest_checkpoint AS
SELECT store_id, task_id, checkpoint_id, run_id, kind, at, author, observer, basis, confidence, next_action, body,
  source_path
FROM (
  SELECT c.*, row_number() OVER (PARTITION BY c.store_id, c.task_id ORDER BY c.at DESC, c.checkpoint_id DESC) AS place
  FROM task_checkpoint c
  WHERE c.task_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM task_checkpoint later WHERE later.store_id = c.store_id AND later.supersedes = c.checkpoint_id)
) ranked
WHERE place = 1;
"""
_JOB_RUN: Final = """CREATE VIEW v_job_run AS
SELECT store_id, job_id, run_id, origin, status, reason, actor, trigger_type, slot, slot_to, slot_count, exit_code,
  started_at, ended_at, replay_of, source_path, source_line
FROM (
  SELECT r.*, row_number() OVER (
    PARTITION BY r.store_id, r.job_id, r.run_id
    ORDER BY CASE WHEN r.origin = 'folder' THEN 0 WHEN r.status IN ('succeeded', 'failed', 'aborted') THEN 1
      ELSE 2 END, r.at DESC, r.source_path, r.source_line DESC) AS place
  FROM job_run r
  WHERE r.run_id IS NOT NULL
) ranked
WHERE place = 1;
"""
_SYNC_LAG: Final = """CREATE VIEW v_sync_lag AS
SELECT h.store_id, h.ref, h.commit_oid, h.synced_at, v.finished_at AS verified_at,
  v.commit_oid AS verified_commit_oid, coalesce(v.commit_oid = h.commit_oid, {false}) AS verified_head
FROM store_head h
LEFT JOIN (
  SELECT r.*, row_number() OVER (PARTITION BY r.store_id ORDER BY r.finished_at DESC, r.verify_id) AS place
  FROM verify_run r
  WHERE r.ok = {true} AND r.mode = 'deep'
) v ON v.store_id = h.store_id AND v.place = 1;
"""
_CHECKPOINT_COLUMNS: Final = "store_id task_id checkpoint_id run_id kind at author observer basis confidence next_action body source_path"
_JOB_RUN_COLUMNS: Final = (
    "store_id job_id run_id origin status reason actor trigger_type slot slot_to slot_count exit_code started_at"
    " ended_at replay_of source_path source_line"
)
VIEWS: Final = {
    name: tuple(columns.split())
    for name, columns in {
        "v_open_task": "store_id task_id title status priority kind tier owner agent branch base_commit created_at"
        " created_by source_path",
        "v_task_criterion": "store_id task_id criterion_id text proof state position",
        "v_task_latest_checkpoint": _CHECKPOINT_COLUMNS,
        "v_job_run": _JOB_RUN_COLUMNS,
        "v_sync_lag": "store_id ref commit_oid synced_at verified_at verified_commit_oid verified_head",
    }.items()
}
# What `pg_catalog.definition` says of each query; a test that reads it on every server tells the new ones.
PRINTED: Final = {
    "v_open_task": "f28ee8bd0cb6181acabfb4667546b8730f154a3aa3aa8b94e3da466a458fd6cf",
    "v_task_criterion": "641c17e0d42ce5a6ff7ea6c92ef8c530a010ca122a169929bfba7ab90e590d84",
    "v_task_latest_checkpoint": "e1661d4c4eeaf7b800ceae6ffa829a5a6972d47a1f6616daefaafa28661bdcde",
    "v_job_run": "e2cc28a220c58518c5eae95ef8689196b4707f5fd4875a9a832417cab63e8ad0",
    "v_sync_lag": "fe2f72234d0e0abebd2bd3ebad40f23a73f20bc2eb86f8b9225973f6f3822d9c",
}


def create_views(engine: str) -> str:
    """Return the statements that create the views."""
    words = {"postgres": ("true", "false"), "sqlite": ("1", "0")}[engine]
    criterion = _CRITERION_POSTGRES if engine == "postgres" else _CRITERION_SQLITE
    lag = _SYNC_LAG.replace("{true}", words[0]).replace("{false}", words[1])
    return "\n".join((_OPEN_TASK, criterion, _LATEST_CHECKPOINT, _JOB_RUN, lag))


def queries(engine: str) -> dict[str, str]:
    """Return the query of each view."""
    texts = create_views(engine).split(";\n")
    pairs = (each.strip().removeprefix("CREATE VIEW ").split(" AS\n", 1) for each in texts if each.strip())
    return dict(pairs)
