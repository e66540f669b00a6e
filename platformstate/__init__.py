"""Git-native state for agents and the people who review them.

Importing this package loads nothing: public names are resolved on first use.
"""

__version__ = "0.1.0"
TYPE_CHECKING = False  # importing typing would cost a third of `--version`

if TYPE_CHECKING:
    from platformstate.core.document import Document as Document
    from platformstate.errors import Problem as Problem
    from platformstate.errors import StateError as StateError
    from platformstate.store import Store as Store
    from platformstate.store import open_store as open_store

_HOMES = {
    "Document": "platformstate.core.document",
    "Problem": "platformstate.errors",
    "StateError": "platformstate.errors",
    "Store": "platformstate.store",
    "open_store": "platformstate.store",
}
__all__ = ["Document", "Problem", "StateError", "Store", "__version__", "open_store"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
