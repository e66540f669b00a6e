"""Run commands and keep what proves what happened: locks, marks, receipts, logs, journals. An adapter.

What is decided (which step, which retry, what an outcome means) is policy; nothing here decides.
Importing this package loads nothing: names are resolved on first use.

    Lease(common_dir, run)                     a run's local files; `run` is `<id>`, a job's `<job>/<id>`
      .take(host=, since=, command=) -> RunLock    flock; raises run_locked (pid, host, since, command)
      .is_held() .holders() .record() .conductor()    facts; holders is None where nobody tells
      .write_position(Position(steps_sha256, seq, h), sync=) .position()      `<local>.json`
      .ask(Request(verb, actor, reason)) .asked() .answered()                 `<local>.request`
      .forget_attempt(index, attempt) .clear()
    attempt_facts(lease, index, attempt, step_sha256) -> AttemptFacts(start, exit_code, is_receipt_bad)
    execute_step(lock, StepCommand, signals=, cancel=, points=) -> Ended
    adopt_output(lease, StepCommand) -> Output | None    the log of an attempt whose conductor died
    stop_orphans(lease, grace_s) -> bool       end what a dead conductor left; False: somebody still lives
    run_command(argv, cwd, env=, limit_s=, signals=) -> Ran    a guard, probe, verify or `--exec`
    step_environment(base, StepNames) ; inherited(environ) ; job_base(environ, passed, given)
    Journal.open(root, path, torn=, known=) / Journal.create(root, path, events, torn=)
      .events .h .has_room .append(events, sync=, cut=) .amend(decide, sync=, cut=) .refresh() .close()
    read_journal(root, path) -> ReadJournal(events, torn, whole) | None
    wrapping(argv, Names, lock, cwd=, stdout_to_stderr=) -> Wrapped(.wait .exit_code .heard)   a context
    become_subreaper() -> bool                 once, by a process that does nothing but conduct
    listening() -> Signals                     TERM, INT, HUP as facts instead of exceptions
    boot_id() -> str                           16 hexadecimal digits
"""

TYPE_CHECKING = False  # importing typing would cost more than most commands here need

if TYPE_CHECKING:
    from platformstate.runner.attempts import AttemptFacts as AttemptFacts
    from platformstate.runner.attempts import StartMark as StartMark
    from platformstate.runner.attempts import attempt_facts as attempt_facts
    from platformstate.runner.chain import ReadJournal as ReadJournal
    from platformstate.runner.chain import corrupt_journal as corrupt_journal
    from platformstate.runner.chain import read_journal as read_journal
    from platformstate.runner.command import LIMIT_S as LIMIT_S
    from platformstate.runner.command import NOT_EXECUTABLE as NOT_EXECUTABLE
    from platformstate.runner.command import NOT_FOUND as NOT_FOUND
    from platformstate.runner.command import TIMED_OUT as TIMED_OUT
    from platformstate.runner.command import Captured as Captured
    from platformstate.runner.command import Ran as Ran
    from platformstate.runner.command import run_captured as run_captured
    from platformstate.runner.command import run_command as run_command
    from platformstate.runner.ending import stop_orphans as stop_orphans
    from platformstate.runner.environment import StepNames as StepNames
    from platformstate.runner.environment import idempotency_key as idempotency_key
    from platformstate.runner.environment import inherited as inherited
    from platformstate.runner.environment import job_base as job_base
    from platformstate.runner.environment import step_environment as step_environment
    from platformstate.runner.firings import Claim as Claim
    from platformstate.runner.firings import JobFiles as JobFiles
    from platformstate.runner.firings import approved_jobs as approved_jobs
    from platformstate.runner.journal import Journal as Journal
    from platformstate.runner.leases import Lease as Lease
    from platformstate.runner.leases import LockRecord as LockRecord
    from platformstate.runner.leases import Position as Position
    from platformstate.runner.leases import Request as Request
    from platformstate.runner.leases import RunLock as RunLock
    from platformstate.runner.output import Output as Output
    from platformstate.runner.processes import Holder as Holder
    from platformstate.runner.processes import become_subreaper as become_subreaper
    from platformstate.runner.processes import boot_id as boot_id
    from platformstate.runner.resting import Resting as Resting
    from platformstate.runner.resting import RestingFile as RestingFile
    from platformstate.runner.signals import Signals as Signals
    from platformstate.runner.signals import listening as listening
    from platformstate.runner.sources import Source as Source
    from platformstate.runner.sources import hold_source as hold_source
    from platformstate.runner.step import Ended as Ended
    from platformstate.runner.step import StepCommand as StepCommand
    from platformstate.runner.step import adopt_output as adopt_output
    from platformstate.runner.step import execute_step as execute_step
    from platformstate.runner.step import refuse_alive as refuse_alive
    from platformstate.runner.wrapped import Names as Names
    from platformstate.runner.wrapped import Wrapped as Wrapped
    from platformstate.runner.wrapped import wrapping as wrapping

_HOMES = {
    "attempts": ("AttemptFacts", "StartMark", "attempt_facts"),
    "chain": ("ReadJournal", "corrupt_journal", "read_journal"),
    "command": (
        "Captured",
        "LIMIT_S",
        "NOT_EXECUTABLE",
        "NOT_FOUND",
        "Ran",
        "TIMED_OUT",
        "run_captured",
        "run_command",
    ),
    "ending": ("stop_orphans",),
    "environment": ("StepNames", "idempotency_key", "inherited", "job_base", "step_environment"),
    "firings": ("Claim", "JobFiles", "approved_jobs"),
    "journal": ("Journal",),
    "leases": ("Lease", "LockRecord", "Position", "Request", "RunLock"),
    "output": ("Output",),
    "processes": ("Holder", "become_subreaper", "boot_id"),
    "resting": ("Resting", "RestingFile"),
    "signals": ("Signals", "listening"),
    "sources": ("Source", "hold_source"),
    "step": ("Ended", "StepCommand", "adopt_output", "execute_step", "refuse_alive"),
    "wrapped": ("Names", "Wrapped", "wrapping"),
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
