"""The command `platformctl`; the arguments are looked at before anything of weight is imported."""

import os
import sys

from platformstate import __version__


def main() -> int:
    """Run the command line of this process and return its exit status."""
    argv = sys.argv[1:]
    if argv == ["--version"]:
        return _say(f"platformctl {__version__}\n")
    from platformstate.cli import main as run

    return run(argv)


def _say(text: str) -> int:
    try:
        os.write(1, text.encode())
    except OSError:
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
