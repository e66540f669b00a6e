CREATE TABLE task (
  store_id uuid NOT NULL,
  task_id text NOT NULL,
  title text NOT NULL,
  status text NOT NULL,
  priority text,
  kind text,
  tier text,
  owner text,
  agent text,
  branch text,
  base_commit text,
  created_at timestamptz,
  created_by text,
  closed_at timestamptz,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, task_id)
);
CREATE INDEX task_source ON task (store_id, source_path);
CREATE INDEX task_status ON task (store_id, status);
COMMENT ON TABLE task IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE job (
  store_id uuid NOT NULL,
  job_id text NOT NULL,
  title text,
  enabled boolean,
  trigger_kind text,
  cron text,
  timezone text,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, job_id)
);
CREATE INDEX job_source ON job (store_id, source_path);
COMMENT ON TABLE job IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE procedure (
  store_id uuid NOT NULL,
  procedure_id text NOT NULL,
  title text,
  step_count integer,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, procedure_id)
);
CREATE INDEX procedure_source ON procedure (store_id, source_path);
COMMENT ON TABLE procedure IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE task_run (
  store_id uuid NOT NULL,
  task_id text NOT NULL,
  run_id text NOT NULL,
  status text NOT NULL,
  actor text,
  attempt integer,
  coupling text,
  parent_run text,
  rescues text,
  branch text,
  base_commit text,
  started_at timestamptz,
  ended_at timestamptz,
  reason text,
  exit_code integer,
  fence integer,
  for_task text,
  replay_of text,
  step_count integer,
  steps_sha256 text,
  receipt jsonb,
  steps jsonb,
  summary text,
  files jsonb NOT NULL,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, task_id, run_id),
  FOREIGN KEY (store_id, task_id) REFERENCES task DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX task_run_source ON task_run (store_id, source_path);
COMMENT ON TABLE task_run IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE procedure_run (
  store_id uuid NOT NULL,
  procedure_id text NOT NULL,
  run_id text NOT NULL,
  status text NOT NULL,
  actor text,
  attempt integer,
  coupling text,
  parent_run text,
  rescues text,
  branch text,
  base_commit text,
  started_at timestamptz,
  ended_at timestamptz,
  reason text,
  exit_code integer,
  fence integer,
  for_task text,
  replay_of text,
  step_count integer,
  steps_sha256 text,
  receipt jsonb,
  steps jsonb,
  summary text,
  files jsonb NOT NULL,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, procedure_id, run_id),
  FOREIGN KEY (store_id, procedure_id) REFERENCES procedure DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX procedure_run_source ON procedure_run (store_id, source_path);
COMMENT ON TABLE procedure_run IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE job_run (
  store_id uuid NOT NULL,
  job_id text,
  run_id text,
  origin text NOT NULL CHECK (origin IN ('ledger', 'folder')),
  writer text,
  at timestamptz,
  slot timestamptz,
  slot_to timestamptz,
  slot_count integer,
  trigger_type text,
  status text NOT NULL,
  actor text,
  attempt integer,
  coupling text,
  parent_run text,
  rescues text,
  branch text,
  base_commit text,
  started_at timestamptz,
  ended_at timestamptz,
  reason text,
  exit_code integer,
  fence integer,
  for_task text,
  replay_of text,
  step_count integer,
  steps_sha256 text,
  receipt jsonb,
  steps jsonb,
  summary text,
  files jsonb NOT NULL,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, source_path, source_line),
  FOREIGN KEY (store_id, job_id) REFERENCES job DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX job_run_source ON job_run (store_id, source_path);
CREATE INDEX job_run_run ON job_run (store_id, job_id, run_id);
CREATE INDEX job_run_slot ON job_run (store_id, job_id, slot);
COMMENT ON TABLE job_run IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE task_checkpoint (
  store_id uuid NOT NULL,
  checkpoint_id text NOT NULL,
  task_id text,
  subject_kind text NOT NULL,
  subject_id text NOT NULL,
  run_id text NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  author text,
  observer text,
  basis text,
  confidence text,
  supersedes text,
  next_action text,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, checkpoint_id),
  FOREIGN KEY (store_id, task_id) REFERENCES task DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX task_checkpoint_source ON task_checkpoint (store_id, source_path);
CREATE INDEX task_checkpoint_task ON task_checkpoint (store_id, task_id, at);
COMMENT ON TABLE task_checkpoint IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE run_event (
  store_id uuid NOT NULL,
  subject_kind text NOT NULL,
  subject_id text NOT NULL,
  run_id text NOT NULL,
  seq bigint NOT NULL,
  type text NOT NULL,
  at timestamptz NOT NULL,
  step_index integer CHECK (step_index >= 0),
  attempt integer,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, source_path, source_line)
);
CREATE INDEX run_event_source ON run_event (store_id, source_path);
CREATE INDEX run_event_run ON run_event (store_id, subject_kind, subject_id, run_id);
COMMENT ON TABLE run_event IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE evidence (
  store_id uuid NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  ok boolean,
  at timestamptz,
  commit_oid text,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, name)
);
CREATE INDEX evidence_source ON evidence (store_id, source_path);
COMMENT ON TABLE evidence IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE packet_template (
  store_id uuid NOT NULL,
  name text NOT NULL,
  doc jsonb NOT NULL,
  body text NOT NULL,
  source_path text NOT NULL,
  source_line integer NOT NULL,
  blob_oid bytea NOT NULL,
  row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL,
  PRIMARY KEY (store_id, name)
);
CREATE INDEX packet_template_source ON packet_template (store_id, source_path);
COMMENT ON TABLE packet_template IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE schema_migration (
  version integer NOT NULL,
  name text NOT NULL,
  checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
  applied_at timestamptz NOT NULL DEFAULT now(),
  applied_by text NOT NULL DEFAULT current_user,
  tool_version text NOT NULL,
  ms integer NOT NULL,
  PRIMARY KEY (version)
);
COMMENT ON TABLE schema_migration IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE sync_run (
  sync_id uuid NOT NULL,
  store_id uuid NOT NULL,
  ref text NOT NULL,
  from_commit bytea,
  to_commit bytea NOT NULL,
  to_tree bytea NOT NULL,
  relation text NOT NULL CHECK (relation IN ('initial', 'fast_forward', 'same_tree', 'rewound', 'diverged', 'unknown_base', 'rebuild')),
  counts jsonb NOT NULL,
  schema_version integer NOT NULL,
  parser_version integer NOT NULL,
  tool_version text NOT NULL,
  actor text NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (sync_id)
);
COMMENT ON TABLE sync_run IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE store_head (
  store_id uuid NOT NULL,
  ref text NOT NULL,
  commit_oid bytea NOT NULL,
  tree_oid bytea NOT NULL,
  commit_at timestamptz NOT NULL,
  schema_version integer NOT NULL,
  parser_version integer NOT NULL,
  sync_id uuid NOT NULL,
  synced_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (store_id),
  FOREIGN KEY (sync_id) REFERENCES sync_run
);
COMMENT ON TABLE store_head IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE source_file (
  store_id uuid NOT NULL,
  path text NOT NULL,
  blob_oid bytea NOT NULL,
  unit text NOT NULL,
  table_name text,
  row_count integer NOT NULL,
  parser_version integer NOT NULL,
  sync_id uuid NOT NULL,
  PRIMARY KEY (store_id, path)
);
COMMENT ON TABLE source_file IS 'written by platformctl db sync; edits are overwritten';

CREATE TABLE verify_run (
  verify_id uuid NOT NULL,
  store_id uuid NOT NULL,
  commit_oid bytea NOT NULL,
  mode text NOT NULL CHECK (mode IN ('quick', 'deep')),
  ok boolean NOT NULL,
  report jsonb NOT NULL,
  document_sha256 bytea,
  tool_version text NOT NULL,
  actor text NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (verify_id)
);
COMMENT ON TABLE verify_run IS 'written by platformctl db sync; edits are overwritten';

CREATE VIEW v_open_task AS
SELECT store_id, task_id, title, status, priority, kind, tier, owner, agent, branch, base_commit, created_at,
  created_by, source_path
FROM task
WHERE status NOT IN ('done', 'deployed', 'observed', 'maintained', 'retired');

CREATE VIEW v_task_criterion AS
SELECT t.store_id, t.task_id, c.item ->> 'id' AS criterion_id, c.item ->> 'text' AS text,
  c.item ->> 'proof' AS proof, c.item ->> 'state' AS state, c.position::integer AS position
FROM task t
CROSS JOIN LATERAL jsonb_array_elements(t.doc -> 'acceptance') WITH ORDINALITY AS c (item, position);

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
  v.commit_oid AS verified_commit_oid, coalesce(v.commit_oid = h.commit_oid, false) AS verified_head
FROM store_head h
LEFT JOIN (
  SELECT r.*, row_number() OVER (PARTITION BY r.store_id ORDER BY r.finished_at DESC, r.verify_id) AS place
  FROM verify_run r
  WHERE r.ok = true AND r.mode = 'deep'
) v ON v.store_id = h.store_id AND v.place = 1;
