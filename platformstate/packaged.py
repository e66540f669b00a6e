"""Read the data files that ship with the program: schemas, templates, hook texts, examples.

A wheel carries them under `_data/`; an editable install reads the repository's top-level folders.
"""

from pathlib import Path
from typing import Final

_INSTALLED: Final = Path(__file__).parent / "_data"
_REPOSITORY: Final = Path(__file__).parent.parent
_SOURCE_FOLDERS: Final = {"templates": "state/templates"}


def folder(name: str) -> Path:
    """Return the folder of one family of packaged files: schemas, templates, hooks, agents, ci, completion or examples."""
    installed = _INSTALLED / name
    return installed if installed.is_dir() else _REPOSITORY / _SOURCE_FOLDERS.get(name, name)


def read(family: str, name: str) -> bytes:
    """Return the bytes of one packaged file, for example `read("schemas", "task.schema.json")`."""
    return (folder(family) / name).read_bytes()
