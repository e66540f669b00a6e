"""`platformctl schema`: the schemas of the records, for people, editors and tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from platformstate.actions.schema import export_schemas, list_kinds, show_example, show_schema
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@group("schema", examples=("platformctl schema list", "platformctl schema show task --example"))
def schema() -> None:
    """Show the schemas of the records."""


@schema.command("list", examples=("platformctl schema list", "platformctl schema list --json"))
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List every kind of record with its place and version."""
    present(invocation, list_kinds(), _kinds_text)


@schema.command("show", examples=("platformctl schema show task", "platformctl schema show task --example"))
@click.argument("kind")
@click.option("--example", is_flag=True, help="Show a valid file of the kind instead.")
@click.pass_obj
def show(invocation: Invocation, kind: str, example: bool) -> None:
    """Show the schema of one kind, or an example of it."""
    if example:
        present(invocation, show_example(kind), _example_text)
    else:
        present(invocation, show_schema(kind), _schema_text)


@schema.command(
    "export",
    examples=("platformctl schema export state/schemas", "platformctl schema export /tmp/sample --examples"),
)
@click.argument("folder", metavar="DIR")
@click.option("--examples", is_flag=True, help="Write a complete small store below DIR instead.")
@click.pass_obj
def export(invocation: Invocation, folder: str, examples: bool) -> None:
    """Write the schemas into a folder; a file that differs is never overwritten."""
    target = str(Path(invocation.directory) / folder)
    present(invocation, export_schemas(target, examples=examples, dry_run=invocation.dry_run), _written_text)


def _kinds_text(data: dict[str, Any]) -> str:
    kinds = data["kinds"]
    width = max(len(entry["kind"]) for entry in kinds)
    return "\n".join(
        f"{entry['kind']:<{width}}  {entry['version']}  {entry['container']:<8}  {entry['path']}"
        for entry in kinds
    )


def _schema_text(data: dict[str, Any]) -> str:
    return json.dumps(data["schema"], ensure_ascii=False, indent=2)


def _example_text(data: dict[str, Any]) -> str:
    text: str = data["text"]
    return text.removesuffix("\n")


def _written_text(data: dict[str, Any]) -> str:
    return "\n".join(f"wrote {path}" for path in data["written"]) or "nothing to do"
