CREATE TABLE task (
  store_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  priority TEXT,
  kind TEXT,
  tier TEXT,
  owner TEXT,
  agent TEXT,
  branch TEXT,
  base_commit TEXT,
  created_at TEXT,
  created_by TEXT,
  closed_at TEXT,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, task_id)
);
CREATE INDEX task_source ON task (store_id, source_path);
CREATE INDEX task_status ON task (store_id, status);

CREATE TABLE job (
  store_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  title TEXT,
  enabled INTEGER,
  trigger_kind TEXT,
  cron TEXT,
  timezone TEXT,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, job_id)
);
CREATE INDEX job_source ON job (store_id, source_path);

CREATE TABLE procedure (
  store_id TEXT NOT NULL,
  procedure_id TEXT NOT NULL,
  title TEXT,
  step_count INTEGER,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, procedure_id)
);
CREATE INDEX procedure_source ON procedure (store_id, source_path);

CREATE TABLE task_run (
  store_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  status TEXT NOT NULL,
  actor TEXT,
  attempt INTEGER,
  coupling TEXT,
  parent_run TEXT,
  rescues TEXT,
  branch TEXT,
  base_commit TEXT,
  started_at TEXT,
  ended_at TEXT,
  reason TEXT,
  exit_code INTEGER,
  fence INTEGER,
  for_task TEXT,
  replay_of TEXT,
  step_count INTEGER,
  steps_sha256 TEXT,
  receipt TEXT,
  steps TEXT,
  summary TEXT,
  files TEXT NOT NULL,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, task_id, run_id),
  FOREIGN KEY (store_id, task_id) REFERENCES task DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX task_run_source ON task_run (store_id, source_path);

CREATE TABLE procedure_run (
  store_id TEXT NOT NULL,
  procedure_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  status TEXT NOT NULL,
  actor TEXT,
  attempt INTEGER,
  coupling TEXT,
  parent_run TEXT,
  rescues TEXT,
  branch TEXT,
  base_commit TEXT,
  started_at TEXT,
  ended_at TEXT,
  reason TEXT,
  exit_code INTEGER,
  fence INTEGER,
  for_task TEXT,
  replay_of TEXT,
  step_count INTEGER,
  steps_sha256 TEXT,
  receipt TEXT,
  steps TEXT,
  summary TEXT,
  files TEXT NOT NULL,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, procedure_id, run_id),
  FOREIGN KEY (store_id, procedure_id) REFERENCES procedure DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX procedure_run_source ON procedure_run (store_id, source_path);

CREATE TABLE job_run (
  store_id TEXT NOT NULL,
  job_id TEXT,
  run_id TEXT,
  origin TEXT NOT NULL CHECK (origin IN ('ledger', 'folder')),
  writer TEXT,
  at TEXT,
  slot TEXT,
  slot_to TEXT,
  slot_count INTEGER,
  trigger_type TEXT,
  status TEXT NOT NULL,
  actor TEXT,
  attempt INTEGER,
  coupling TEXT,
  parent_run TEXT,
  rescues TEXT,
  branch TEXT,
  base_commit TEXT,
  started_at TEXT,
  ended_at TEXT,
  reason TEXT,
  exit_code INTEGER,
  fence INTEGER,
  for_task TEXT,
  replay_of TEXT,
  step_count INTEGER,
  steps_sha256 TEXT,
  receipt TEXT,
  steps TEXT,
  summary TEXT,
  files TEXT NOT NULL,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, source_path, source_line),
  FOREIGN KEY (store_id, job_id) REFERENCES job DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX job_run_source ON job_run (store_id, source_path);
CREATE INDEX job_run_run ON job_run (store_id, job_id, run_id);
CREATE INDEX job_run_slot ON job_run (store_id, job_id, slot);

CREATE TABLE task_checkpoint (
  store_id TEXT NOT NULL,
  checkpoint_id TEXT NOT NULL,
  task_id TEXT,
  subject_kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  at TEXT NOT NULL,
  author TEXT,
  observer TEXT,
  basis TEXT,
  confidence TEXT,
  supersedes TEXT,
  next_action TEXT,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, checkpoint_id),
  FOREIGN KEY (store_id, task_id) REFERENCES task DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX task_checkpoint_source ON task_checkpoint (store_id, source_path);
CREATE INDEX task_checkpoint_task ON task_checkpoint (store_id, task_id, at);

CREATE TABLE run_event (
  store_id TEXT NOT NULL,
  subject_kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  type TEXT NOT NULL,
  at TEXT NOT NULL,
  step_index INTEGER CHECK (step_index >= 0),
  attempt INTEGER,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, source_path, source_line)
);
CREATE INDEX run_event_source ON run_event (store_id, source_path);
CREATE INDEX run_event_run ON run_event (store_id, subject_kind, subject_id, run_id);

CREATE TABLE evidence (
  store_id TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  ok INTEGER,
  at TEXT,
  commit_oid TEXT,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, name)
);
CREATE INDEX evidence_source ON evidence (store_id, source_path);

CREATE TABLE packet_template (
  store_id TEXT NOT NULL,
  name TEXT NOT NULL,
  doc TEXT NOT NULL,
  body TEXT NOT NULL,
  source_path TEXT NOT NULL,
  source_line INTEGER NOT NULL,
  blob_oid BLOB NOT NULL,
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id, name)
);
CREATE INDEX packet_template_source ON packet_template (store_id, source_path);

CREATE TABLE schema_migration (
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  checksum BLOB NOT NULL CHECK (length(checksum) = 32),
  applied_at TEXT NOT NULL,
  applied_by TEXT NOT NULL,
  tool_version TEXT NOT NULL,
  ms INTEGER NOT NULL,
  PRIMARY KEY (version)
);

CREATE TABLE sync_run (
  sync_id TEXT NOT NULL,
  store_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  from_commit BLOB,
  to_commit BLOB NOT NULL,
  to_tree BLOB NOT NULL,
  relation TEXT NOT NULL CHECK (relation IN ('initial', 'fast_forward', 'same_tree', 'rewound', 'diverged', 'unknown_base', 'rebuild')),
  counts TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  parser_version INTEGER NOT NULL,
  tool_version TEXT NOT NULL,
  actor TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  PRIMARY KEY (sync_id)
);

CREATE TABLE store_head (
  store_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  commit_oid BLOB NOT NULL,
  tree_oid BLOB NOT NULL,
  commit_at TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  parser_version INTEGER NOT NULL,
  sync_id TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (store_id),
  FOREIGN KEY (sync_id) REFERENCES sync_run
);

CREATE TABLE source_file (
  store_id TEXT NOT NULL,
  path TEXT NOT NULL,
  blob_oid BLOB NOT NULL,
  unit TEXT NOT NULL,
  table_name TEXT,
  row_count INTEGER NOT NULL,
  parser_version INTEGER NOT NULL,
  sync_id TEXT NOT NULL,
  PRIMARY KEY (store_id, path)
);

CREATE TABLE verify_run (
  verify_id TEXT NOT NULL,
  store_id TEXT NOT NULL,
  commit_oid BLOB NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('quick', 'deep')),
  ok INTEGER NOT NULL,
  report TEXT NOT NULL,
  document_sha256 BLOB,
  tool_version TEXT NOT NULL,
  actor TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  PRIMARY KEY (verify_id)
);

CREATE VIEW v_open_task AS
SELECT store_id, task_id, title, status, priority, kind, tier, owner, agent, branch, base_commit, created_at,
  created_by, source_path
FROM task
WHERE status NOT IN ('done', 'deployed', 'observed', 'maintained', 'retired');

CREATE VIEW v_task_criterion AS
SELECT t.store_id, t.task_id, json_extract(c.value, '$.id') AS criterion_id,
  json_extract(c.value, '$.text') AS text, json_extract(c.value, '$.proof') AS proof,
  json_extract(c.value, '$.state') AS state, c.key + 1 AS position
FROM task t, json_each(t.doc, '$.acceptance') c;

CREATE VIEW v_task_latest_checkpoint AS
SELECT store_id, task_id, checkpoint_id, run_id, kind, at, author, observer, basis, confidence, next_action, body,
  source_path
FROM (
  SELECT c.*, row_number() OVER (PARTITION BY c.store_id, c.task_id ORDER BY c.at DESC, c.checkpoint_id DESC) AS place
  FROM task_checkpoint c
  WHERE c.task_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM task_checkpoint later WHERE later.store_id = c.store_id AND later.supersedes = c.checkpoint_id)
) ranked
WHERE place = 1;

CREATE VIEW v_job_run AS
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

CREATE VIEW v_sync_lag AS
SELECT h.store_id, h.ref, h.commit_oid, h.synced_at, v.finished_at AS verified_at,
  v.commit_oid AS verified_commit_oid, coalesce(v.commit_oid = h.commit_oid, 0) AS verified_head
FROM store_head h
LEFT JOIN (
  SELECT r.*, row_number() OVER (PARTITION BY r.store_id ORDER BY r.finished_at DESC, r.verify_id) AS place
  FROM verify_run r
  WHERE r.ok = 1 AND r.mode = 'deep'
) v ON v.store_id = h.store_id AND v.place = 1;
