"""Make the tables equal to one commit, in one transaction, or refuse and leave them as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from time import sleep
from typing import Final

from platformstate.errors import StateError, Warned
from platformstate.exporter import migrations
from platformstate.exporter.decision import Decision, Facts, decide
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.ports import Engine, Outcome, Wishes, Writer
from platformstate.exporter.source import Progress, Source, Wanted, silent
from platformstate.exporter.staging import duplicate, refused, stage
from platformstate.exporter.state import Counts, Head, LedgerRow, Standing
from platformstate.exporter.tables import TABLES
from platformstate.exporter.work import Inventory, Work, planned

ROUNDS: Final = 3
LEAST_MASS: Final = 100
_PAUSES: Final = (0.2, 1.0, 5.0)


class _Moved(Exception):
    """Another sync moved the cursor meanwhile."""


class _Unanswered(Exception):
    """The answer to COMMIT was lost; what it was about to say."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def sync(engine: Engine, source: Source, wishes: Wishes, told: Progress = silent) -> Outcome:
    """Make the tables equal to the wanted commit; on return they are, and the cursor says so.

    Raises: db_migration_pending, db_schema_newer, db_migration_changed, db_ref_changed, db_rewind_refused,
    db_mass_delete, db_locked, db_head_moved, db_outcome_unknown, state_invalid, db_unreachable …
    """
    failed = engine.unreachable()
    for number in _tries(engine):
        try:
            return _rounds(engine, source, wishes, told)
        except engine.locked:
            raise engine.target.locked(source.wanted.store) from None
        except _Unanswered as lost:
            if _has_arrived(engine, source.wanted, wishes):
                return lost.outcome
        except (
            StateError
        ) as refused:  # a server that was never met is absent; one that was lost may come back
            if not number or refused.code != "db_unreachable":
                raise
            failed = refused
        except engine.try_again:
            failed = engine.unreachable()
    raise failed


def _tries(engine: Engine) -> Iterator[int]:
    """Yield 0, then, each after a pause, the number of one more try."""
    yield 0
    for number, pause in enumerate(_PAUSES, 1):
        sleep(pause * (0.5 + engine.chance(1000) / 1000))
        yield number


def _has_arrived(engine: Engine, wanted: Wanted, wishes: Wishes) -> bool:
    """Ask the ledger what became of a COMMIT whose answer was lost. Raises: db_outcome_unknown."""
    for pause in _PAUSES:
        sleep(pause * (0.5 + engine.chance(1000) / 1000))
        try:
            return engine.target.was_committed(wanted.store, wishes.sync_id)
        except (*engine.try_again, *engine.locked):
            continue
        except StateError as refused:
            if refused.code != "db_unreachable":
                raise
    raise StateError(
        "db_outcome_unknown",
        f"the answer to COMMIT was lost and the server stays unreachable; sync_id {wishes.sync_id}",
        hint="run db sync again when the server is back; it finds out by itself",
        retryable=True,
    )


def _rounds(engine: Engine, source: Source, wishes: Wishes, told: Progress) -> Outcome:
    for _ in range(ROUNDS):
        try:
            return _once(engine, source, wishes, told)
        except _Moved:
            continue
    raise StateError(
        "db_head_moved",
        "another sync moved the cursor three times in a row",
        hint="let one place sync, and repeat the command",
        retryable=True,
    )


def _once(engine: Engine, source: Source, wishes: Wishes, told: Progress) -> Outcome:
    wanted, target = source.wanted, engine.target
    standing = target.standing(wanted.store)
    head = standing.head
    known = migrations.packaged(target.engine)
    if target.engine == "postgres" or standing.applied:
        migrations.check(standing.applied, known, head and head.schema_version)
    decision = _decided(source, standing, wishes)
    nothing = {name: Counts() for name in TABLES}
    if decision.method == "nothing":
        return Outcome("up_to_date", None, head, nothing, Work([], frozenset(), 0, 0))
    needs_inventory = decision.method == "inventory" or (
        decision.method == "everything" and standing.inventory
    )
    inventory: Inventory = target.inventory(wanted.store) if needs_inventory else {}
    with source.watch.parsing():
        work = planned(decision, source, head.tree if head else "", inventory)
    warnings = _warnings(decision, head, wanted)
    if wishes.dry_run:
        from platformstate.exporter.comparing import compared

        counts = compared(target, source, work, told, repair=wishes.repair)
        return Outcome("planned", decision.relation, head, counts, work, warnings)
    outcome = Outcome("synced", decision.relation, head, nothing, work, warnings)
    return _written(engine, source, wishes, decision, outcome, told)


def _decided(source: Source, standing: Standing, wishes: Wishes) -> Decision:
    wanted, head = source.wanted, standing.head
    facts = Facts(rows=standing.rows, inventory=standing.inventory, same_parser=standing.same_parser)
    if head is not None:
        facts = facts._replace(
            cursor=True,
            same_ref=head.ref == wanted.ref,
            same_commit=head.commit == wanted.commit,
            same_tree=head.tree == wanted.tree,
            old=source.kinship(head.commit, head.tree),
            older=wanted.commit_at < head.commit_at[:19] + "Z",
        )
    decision = decide(
        facts._replace(
            rebuild=wishes.rebuild or wishes.repair,
            switch_ref=wishes.switch_ref,
            allow_rewind=wishes.allow_rewind,
        )
    )
    if decision.refusal is not None and head is not None:
        raise _refusal(decision.refusal, head, wanted)
    return decision


def _refusal(code: str, head: Head, wanted: Wanted) -> StateError:
    if code == "db_ref_changed":
        message = f"the tables follow {head.ref}, not {wanted.ref}"
        return StateError(code, message, hint="another --schema or --sqlite FILE, or --switch-ref")
    message = f"the tables are at {head.commit[:8]}, and {wanted.commit[:8]} is older"
    return StateError(code, message, hint="git fetch, then --allow-rewind if that is what you want")


def _warnings(decision: Decision, head: Head | None, wanted: Wanted) -> tuple[Warned, ...]:
    if decision.warning is None or head is None:
        return ()
    texts = {
        "db_base_unknown": f"the synced commit {head.commit} is not in this clone; blobs were compared instead",
        "db_history_diverged": f"the synced commit {head.commit} is no ancestor of {wanted.commit}",
    }
    return (Warned(decision.warning, texts[decision.warning]),)


def _written(
    engine: Engine, source: Source, wishes: Wishes, decision: Decision, planned: Outcome, told: Progress
) -> Outcome:
    store, head, work = source.wanted.store, planned.head, planned.work
    writer: Writer = engine.target.writer(store, wishes.sync_id)
    fresh = decision.relation == "initial"
    done = False
    try:
        if fresh and writer.straight:
            _lock(engine, writer, store, head)
        counted = stage(writer, source, work, told)
        engine.reach("db.copied")
        if not (fresh and writer.straight):
            _lock(engine, writer, store, head)
        engine.reach("db.locked")
        if wishes.repair:
            writer.repair()
        counts = _merge(writer, work, fresh, wishes, told)
        _never_lost(counted, counts)
        engine.reach("db.merged")
        writer.finish(_ledger(source.wanted, wishes, decision, head, counts), _version(engine))
        engine.reach("db.before-commit")
        outcome = planned._replace(tables=counts)
        try:
            writer.commit()
        except engine.outcome_unknown:
            raise _Unanswered(outcome) from None
        engine.reach("db.committed")
        done = True
        return outcome
    finally:
        if not done:
            writer.rollback()


def _lock(engine: Engine, writer: Writer, store: str, head: Head | None) -> None:
    """Wait for this store's turn. Raises: _Moved when another sync came first."""
    now = writer.lock(lambda connection: engine.locked_head(connection, store))
    if (now and now.sync_id) != (head and head.sync_id):
        raise _Moved


def _version(engine: Engine) -> int:
    return migrations.schema_version(engine.target.engine)


def _merge(writer: Writer, work: Work, fresh: bool, wishes: Wishes, told: Progress) -> dict[str, Counts]:
    whole = work.units is None
    if not whole and not fresh:
        pairs = writer.duplicates(TABLES["task_checkpoint"]) if _stages(work) else []
        if pairs:
            raise refused([duplicate(path, other) for path, other in pairs])
    counts = {}
    for number, (name, table) in enumerate(TABLES.items(), 1):
        counts[name] = writer.merge(table, all_units=whole, fresh=fresh)
        told("merge", number, len(TABLES))
    _guard(writer, counts, wishes)
    writer.merge(EVERY["source_file"], all_units=whole, fresh=fresh)
    return counts


def _stages(work: Work) -> bool:
    return any("/checkpoints/" in entry.path for entry in work.entries)


def _guard(writer: Writer, counts: Mapping[str, Counts], wishes: Wishes) -> None:
    """Refuse to lose a large part of a table. Raises: db_mass_delete."""
    losing = {}
    for name, found in counts.items():
        if found.deleted > LEAST_MASS and not wishes.allow_mass_delete:
            before = writer.count(TABLES[name]) + found.deleted - found.inserted
            if found.deleted * 100 > wishes.max_delete * before:
                losing[name] = (found.deleted, before)
    if losing:
        raise mass_delete(losing, counts, wishes.max_delete)


def mass_delete(
    losing: Mapping[str, tuple[int, int]], counts: Mapping[str, Counts], most: float
) -> StateError:
    """Return the refusal of a sync that would delete too many rows."""
    which = ", ".join(f"{gone} of {before} rows of {name}" for name, (gone, before) in losing.items())
    return StateError(
        "db_mass_delete",
        f"{which} would vanish, more than {most:g} %; nothing was written",
        hint="--allow-mass-delete, if that is what you want",
        data={"tables": {name: found.as_json() for name, found in counts.items()}},
    )


def _never_lost(staged: Mapping[str, int], counts: Mapping[str, Counts]) -> None:
    """Files that were read and no row is a bug of ours, never a success."""
    for name, number in staged.items():
        found = counts[name]
        if number != found.inserted + found.updated + found.unchanged:
            raise StateError("internal_error", f"{number} rows of {name} were staged, others arrived")


def _ledger(
    wanted: Wanted, wishes: Wishes, decision: Decision, head: Head | None, counts: Mapping[str, Counts]
) -> LedgerRow:
    return LedgerRow(
        wishes.sync_id,
        wanted.store,
        wanted.ref,
        head.commit if head else None,
        wanted.commit,
        wanted.tree,
        wanted.commit_at,
        decision.relation or "",
        json.dumps({name: found.as_json() for name, found in counts.items()}),
        wishes.tool_version,
        wishes.actor,
        wishes.started_at,
    )
