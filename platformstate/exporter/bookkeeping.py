"""The tables that hold no record: migrations, the ledger of syncs, the cursor, the inventory, verifications."""

from __future__ import annotations

from typing import Final

from platformstate.exporter.layout import Column, Table

RELATIONS: Final = (
    "initial",
    "fast_forward",
    "same_tree",
    "rewound",
    "diverged",
    "unknown_base",
    "rebuild",
)
MODES: Final = ("quick", "deep")


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


SCHEMA_MIGRATION: Final = Table(
    "schema_migration",
    (
        Column("version", "integer", null=False),
        Column("name", "text", null=False),
        Column("checksum", "bytea", null=False, check="octet_length(checksum) = 32"),
        Column("applied_at", "timestamptz", null=False, default="now()"),
        Column("applied_by", "text", null=False, default="current_user"),
        Column("tool_version", "text", null=False),
        Column("ms", "integer", null=False),
    ),
    ("version",),
)
SYNC_RUN: Final = Table(
    "sync_run",
    (
        Column("sync_id", "uuid", null=False),
        Column("store_id", "uuid", null=False),
        Column("ref", "text", null=False),
        Column("from_commit", "bytea"),
        Column("to_commit", "bytea", null=False),
        Column("to_tree", "bytea", null=False),
        Column("relation", "text", null=False, check=_one_of("relation", RELATIONS)),
        Column("counts", "jsonb", null=False),
        Column("schema_version", "integer", null=False),
        Column("parser_version", "integer", null=False),
        Column("tool_version", "text", null=False),
        Column("actor", "text", null=False),
        Column("started_at", "timestamptz", null=False),
        Column("finished_at", "timestamptz", null=False, default="clock_timestamp()"),
    ),
    ("sync_id",),
)
STORE_HEAD: Final = Table(
    "store_head",
    (
        Column("store_id", "uuid", null=False),
        Column("ref", "text", null=False),
        Column("commit_oid", "bytea", null=False),
        Column("tree_oid", "bytea", null=False),
        Column("commit_at", "timestamptz", null=False),
        Column("schema_version", "integer", null=False),
        Column("parser_version", "integer", null=False),
        Column("sync_id", "uuid", null=False),
        Column("synced_at", "timestamptz", null=False, default="now()"),
    ),
    ("store_id",),
    (("sync_id", "sync_run"),),
)
SOURCE_FILE: Final = Table(
    "source_file",
    (
        Column("store_id", "uuid", null=False),
        Column("path", "text", null=False),
        Column("blob_oid", "bytea", null=False),
        Column("unit", "text", null=False),
        Column("table_name", "text"),
        Column("row_count", "integer", null=False),
        Column("parser_version", "integer", null=False),
        Column("sync_id", "uuid", null=False),
    ),
    ("store_id", "path"),
)
VERIFY_RUN: Final = Table(
    "verify_run",
    (
        Column("verify_id", "uuid", null=False),
        Column("store_id", "uuid", null=False),
        Column("commit_oid", "bytea", null=False),
        Column("mode", "text", null=False, check=_one_of("mode", MODES)),
        Column("ok", "boolean", null=False),
        Column("report", "jsonb", null=False),
        Column("document_sha256", "bytea"),
        Column("tool_version", "text", null=False),
        Column("actor", "text", null=False),
        Column("started_at", "timestamptz", null=False),
        Column("finished_at", "timestamptz", null=False, default="clock_timestamp()"),
    ),
    ("verify_id",),
)
BOOKKEEPING: Final = (SCHEMA_MIGRATION, SYNC_RUN, STORE_HEAD, SOURCE_FILE, VERIFY_RUN)
