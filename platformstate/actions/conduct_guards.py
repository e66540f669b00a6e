"""What must hold before anything of a run is done: its secrets are set, its guards exit 0."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from platformstate.errors import StateError
from platformstate.policy.pin import Pin
from platformstate.policy.redaction import known_values
from platformstate.runner import inherited, run_command

if TYPE_CHECKING:
    from platformstate.store import Store


def refuse_secrets(pin: Pin) -> None:
    """Refuse to go on without a variable that the steps need. Raises: procedure_secret_missing."""
    missing = [name for name in pin.secrets if not os.environ.get(name)]
    if missing:
        raise StateError(
            "procedure_secret_missing",
            f"not set in this environment: {', '.join(missing)}",
            hint=f"export {missing[0]}=…, then repeat the command",
        )


def refuse_guards(store: Store, pin: Pin, code: str) -> None:
    """Run the guards, in order. Raises the code at the first that does not exit 0; nothing is recorded."""
    for guard in pin.requires:
        env = {**inherited(os.environ), **guard.env}
        values = known_values(env, pin.secrets)
        ran = run_command(guard.argv, store.root, env=env, limit_s=guard.timeout, values=values)
        if ran.exit_code != 0:
            why = "ran out of time" if ran.is_timed_out else f"ended with exit code {ran.exit_code}"
            said = f": {ran.output.strip().splitlines()[-1]}" if ran.output.strip() else ""
            raise StateError(
                code,
                f"the guard {guard.key} {why}{said}",
                hint="make what it asks for true, then repeat the command",
                data={"guard": guard.key, "exit_code": ran.exit_code},
            )
