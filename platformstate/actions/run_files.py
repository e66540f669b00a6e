"""The bytes of a run's files that follow from its journal: header, receipt, summary."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from platformstate.actions.conduct_recorded import journal_text
from platformstate.core.document import Document
from platformstate.entities.kinds import RUN
from platformstate.files import Folder, WorkTree
from platformstate.policy.journal import RunState
from platformstate.policy.pin import Pin
from platformstate.policy.receipt import TAIL_LINES, ReceiptFacts, render_receipt, render_summary, step_table
from platformstate.policy.settle import CLOSED_UNDONE

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.actions.run_site import RunSite
    from platformstate.entities.shapes import Run
    from platformstate.store import Store
    from platformstate.store.change import FileChange

_TAIL_BYTES: Final = 64 * 1024


def header_text(site: RunSite, state: RunState, pin: Pin | None, before: bytes | None) -> bytes:
    """Return `run.md` as the journal has it; keys that begin with x- stay."""
    from platformstate import validation
    from platformstate.codec.render import canonical

    meta: dict[str, Any] = dict(state.header)
    known = validation.read(before, site.header).document if before else None
    if known is not None:
        meta |= {key: value for key, value in known.meta.items() if key.startswith("x-")}
    return canonical(Document(RUN, site.header, cast("Run", meta), header_body(state, pin))).encode()


def header_body(state: RunState, pin: Pin | None) -> str:
    """Return the body of `run.md`: the table of its steps, nothing without pinned ones."""
    return f"\n{step_table(state, pin)}\n" if pin is not None else ""


def header_change(conduct: Conduct) -> FileChange:
    """Return the change of a run's header to what its journal says.

    One that was written without a commit is written anew at once: it follows the journal, so that
    nothing but what HEAD holds is built upon. What a person made of it is left for the write to refuse.
    """
    from platformstate.store.change import FileChange

    store, path = conduct.store, conduct.site.header
    now = WorkTree(store.root).bytes_of(path)
    wanted = header_text(conduct.site, conduct.state, conduct.pin, now)
    committed = conduct.recorded.header
    is_ours = now not in (None, committed, wanted) and _is_projection(conduct, now)
    if is_ours and store.session.settings.commit and path not in store.pending_paths():
        put(conduct, "run.md", wanted, replace=True)
        return FileChange(path, committed, wanted)
    return FileChange(path, now, wanted)


def _is_projection(conduct: Conduct, data: bytes | None) -> bool:
    from platformstate import validation
    from platformstate.policy.run_header import CHANGING, header_differences

    known = validation.read(data or b"", conduct.site.header).document
    return known is not None and CHANGING.issuperset(header_differences(conduct.state.header, known.meta))


def write_ending(conduct: Conduct) -> None:
    """Write receipt and summary of a run that has ended, durably; what is there already stays."""
    from platformstate import __version__

    store, state = conduct.store, conduct.state
    tools = {
        "platformstate": __version__,
        "git": store.repository.git_version,
        "python": platform.python_version(),
    }
    more = conduct.terms.receipt_facts(conduct)
    facts = ReceiptFacts(
        journal_text(conduct),
        {**tools, **more.get("tool", {})},
        conduct.trusted_ref or _trusted(store),
        more.get("payload", {}),
        more.get("job"),
    )
    receipt = render_receipt(state, conduct.pin, conduct.journal.events, facts)
    summary = render_summary(state, conduct.pin, _tails(conduct))
    put_all(conduct, {"run_receipt.json": receipt, "summary.md": summary.encode()})
    conduct.reach("receipt-written")


def _trusted(store: Store) -> str | None:
    from platformstate.gitrepo.trust import trusted_ref

    trusted = trusted_ref(store.repository)
    return None if trusted is None else trusted.ref


def put(conduct: Conduct, name: str, data: bytes, *, replace: bool = False) -> None:
    """Write a file into a run's folder in one step; one that is there already stays, unless it is replaced."""
    put_all(conduct, {name: data}, replace=replace)


def put_all(conduct: Conduct, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Do the same for files of one folder: they get their names, in this order, when all are on the disk."""
    folder = f"{conduct.site.folder}/{next(iter(files))}".rpartition("/")[0]
    durability = conduct.store.session.settings.durability
    with Folder.at(conduct.store.root, folder, durability=durability) as opened:
        named = {name.rpartition("/")[2]: data for name, data in files.items()}
        wanted = {name: data for name, data in named.items() if replace or opened.read(name) is None}
        for name, data in wanted.items():
            opened.remove(f".ps-{name}")
            opened.create(f".ps-{name}", data, durability)
        for name in wanted:
            opened.rename(f".ps-{name}", name)
        if wanted:
            opened.sync(durability)


def _tails(conduct: Conduct) -> dict[int, str]:
    """Return the end of each failed step's log."""
    tails = {}
    tree = WorkTree(conduct.store.root)
    for index, step in conduct.folding.walk.steps.items():
        if step.outcome in CLOSED_UNDONE and step.last is not None:
            data = tree.bytes_of(conduct.site.log(index, step.last.number)) or b""
            tails[index] = "\n".join(
                data[-_TAIL_BYTES:].decode("utf-8", "replace").split("\n")[-TAIL_LINES - 1 :]
            )
    return tails
