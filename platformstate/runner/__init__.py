"""Run commands and keep what proves what happened: locks, marks, receipts, logs, journals. An adapter.

What is decided (which step, which retry, what an outcome means) is policy; nothing here decides.

    Lease(common_dir, run)                     the local files of a run; run is `<id>` or `<job>/<id>`
      .take(record) -> RunLock                 flock; raises run_locked (pid, host, since, command)
      .is_held() .holders() .record()          facts; holders is None where the system does not tell
      .attempt_facts(index, attempt, sha) -> AttemptFacts(start, receipt, why_bad)
      .write_position(steps_sha256, seq, h, sync=) .position() -> Position | None      `<local>.json`
      .ask(Request(verb, actor, reason)) .asked() .answered()                          `<local>.request`
      .forget_attempt(index, attempt) .clear()
    execute_step(lock, StepCommand, *, signals=, cancel=, points=) -> Ended
    adopt_output(lease, StepCommand) -> Output the log of an attempt whose conductor died
    stop_orphans(lease, grace_s) -> bool       end what a dead conductor left running; needs no lock
    run_command(argv, cwd=, env=, timeout_s=, ...) -> Ran    a guard, probe, verify or `--exec`
    step_environment(base, StepNames) -> dict ; inherited(environ) -> dict ; job_base(environ, ...)
    Journal.open(root, path, torn=) / Journal.create(root, path, events)
      .events .append(events, sync=) .amend(decide, sync=) ; read_journal(root, path) -> ReadJournal
    become_subreaper() -> bool                 once, by a process that does nothing but conduct
    listening() -> Signals                     TERM, INT, HUP as facts instead of exceptions
    boot_id() -> str                           16 hexadecimal digits
"""
