"""git, the only door to it: reading through plain children, writing through GitPython.

Nothing is executed that a repository's settings name, whatever the command.
"""

from platformstate.gitrepo.discovery import discover as discover
from platformstate.gitrepo.objects import blob_id as blob_id
from platformstate.gitrepo.objects import is_ancestor as is_ancestor
from platformstate.gitrepo.objects import look_up as look_up
from platformstate.gitrepo.objects import read_blobs as read_blobs
from platformstate.gitrepo.objects import resolve_commit as resolve_commit
from platformstate.gitrepo.repository import Repository as Repository
from platformstate.gitrepo.trees import CommitTree as CommitTree
from platformstate.gitrepo.trees import IndexTree as IndexTree
