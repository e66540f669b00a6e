"""Files of the operating system: reading without following links, writing that survives a crash."""

from platformstate.files.durable import Durability as Durability
from platformstate.files.durable import Folder as Folder
from platformstate.files.worktree import WorkTree as WorkTree
