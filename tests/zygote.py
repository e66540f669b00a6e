"""A process that has everything imported and forks one child for each request, so that a thousand real
processes can be killed in minutes. It speaks JSON lines: a request in, a pid or an end out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any


def serve(become: Callable[[dict[str, Any]], None]) -> None:
    """Serve until the input ends: a child becomes what its request asks and never returns."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            reply = os.waitstatus_to_exitcode(status)
        else:
            reply = os.fork()
            if reply == 0:
                become(request)
        print(reply, flush=True)
