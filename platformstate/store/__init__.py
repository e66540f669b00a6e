"""The one way in to a repository's state: open it, read it, write it."""

from platformstate.store.change import Change as Change
from platformstate.store.change import FileChange as FileChange
from platformstate.store.change import Written as Written
from platformstate.store.opened import Store as Store
from platformstate.store.opened import open_repository as open_repository
from platformstate.store.opened import open_store as open_store
