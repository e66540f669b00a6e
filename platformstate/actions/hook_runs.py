"""What each of our hooks judges when git runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from platformstate.actions.answer import Answer
from platformstate.actions.hook_calls import FRAMEWORK, HookCall
from platformstate.actions.validate import Wish, validate_repository
from platformstate.errors import StateError, Warned, shown
from platformstate.gitrepo import Repository, is_ancestor, resolve_commit


def run_hook(repository: Repository, call: HookCall) -> Answer:
    """Judge what the hook of this name is there to judge.

    Raises: usage_invalid for a name that is no hook of ours; what `validate` raises.
    """
    name = call.name.partition(".")[0]  # another manager may have renamed us, as to .legacy
    if name not in _WISHES:
        known = ", ".join(_WISHES)
        told = f"{shown(call.name)!r} is no hook of ours: {known}" if name else "name a hook to run"
        raise StateError("usage_invalid", told, hint="platformctl hooks run pre-commit")
    if name == "post-merge":
        return _told_only(repository, call)
    return validate_repository(repository, _WISHES[name](repository, call))


def _staged(repository: Repository, call: HookCall) -> Wish:
    return Wish(staged=True)


def _pushed(repository: Repository, call: HookCall) -> Wish:
    since, until = (call.environment.get(name) for name in FRAMEWORK[1:])
    if since and until:
        return Wish(range=f"{since}..{until}")
    if call.environment.get("PRE_COMMIT") and not call.text:  # it was asked to look at everything
        return Wish(rev="HEAD")
    from platformstate.actions.refs import pushed_refs

    return Wish(refs=pushed_refs(call.text, call.arguments[0] if call.arguments else ""))


def _received(repository: Repository, call: HookCall) -> Wish:
    from platformstate.actions.refs import ref_updates

    return Wish(refs=ref_updates(call.text))


def _merged(repository: Repository, call: HookCall) -> Wish:
    """Compare the tree before a merge with the one after it: together two sides may break what each kept."""
    before, after = resolve_commit(repository, "ORIG_HEAD"), repository.head
    if before is None or after is None or not is_ancestor(repository, before, after):
        return Wish(rev="HEAD")
    return Wish(range=f"{before}..{after}", endpoints=True)


_WISHES: Final[Mapping[str, Callable[[Repository, HookCall], Wish]]] = {
    "pre-commit": _staged,
    "pre-merge-commit": _staged,
    "pre-push": _pushed,
    "post-merge": _merged,
    "pre-receive": _received,
}


def _told_only(repository: Repository, call: HookCall) -> Answer:
    """Judge a merge that is made already: what is found is a warning, and so is what hinders to look."""
    try:
        answer = validate_repository(repository, _merged(repository, call))
    except StateError as hindered:
        return Answer(dict(hindered.data or {}), warnings=(Warned(hindered.code, hindered.message),))
    if answer.error is None:
        return answer
    first = answer.error.problems[0]
    message = f"the merged state has {answer.error.message}; platformctl validate shows them"
    return Answer(answer.data, warnings=(Warned(first.code, message, first.path),))
