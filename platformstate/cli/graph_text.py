"""The graph of tasks as text, as Graphviz and as Mermaid source; ids and statuses need no escaping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Data = dict[str, Any]


def graph_text(data: Data) -> str:
    """Return a line a task, with what it waits for and where its criteria went below it."""
    if not data["nodes"]:
        return "no tasks"
    status = {node["id"]: node["status"] for node in data["nodes"]}
    lines = []
    for node in data["nodes"]:
        lines.append(f"{node['id']} ({_state(node)})")
        for edge in (edge for edge in data["edges"] if edge["from"] == node["id"]):
            word = "waits for" if edge["kind"] == "depends_on" else "criteria moved to"
            lines.append(f"  {word} {edge['to']} ({status.get(edge['to'], 'missing')})")
    lines += [f"cycle: {', '.join(cycle)}" for cycle in data["cycles"]]
    return "\n".join(lines)


def graph_dot(data: Data) -> str:
    """Return the graph as Graphviz reads it."""
    nodes = (f'  "{node["id"]}" [label="{node["id"]}\\n{_state(node)}"];' for node in data["nodes"])
    lines = ["digraph tasks {", "  rankdir=LR;", *nodes]
    for edge in data["edges"]:
        style = ' [style=dashed, label="moved to"]' if edge["kind"] == "moved_to" else ""
        lines.append(f'  "{edge["from"]}" -> "{edge["to"]}"{style};')
    return "\n".join([*lines, "}"])


def graph_mermaid(data: Data) -> str:
    """Return the graph as Mermaid reads it, which forges show as a drawing."""
    names = {name: f"t{number}" for number, name in enumerate(_names(data))}
    states = {node["id"]: f"<br/>{_state(node)}" for node in data["nodes"]}
    lines = ["graph LR", *(f'  {key}["{name}{states.get(name, "")}"]' for name, key in names.items())]
    for edge in data["edges"]:
        arrow = "-. moved to .->" if edge["kind"] == "moved_to" else "-->"
        lines.append(f"  {names[edge['from']]} {arrow} {names[edge['to']]}")
    return "\n".join(lines)


def _names(data: Data) -> list[str]:
    known = [node["id"] for node in data["nodes"]]
    return list(dict.fromkeys([*known, *(edge["to"] for edge in data["edges"])]))


def _state(node: Mapping[str, Any]) -> str:
    return "ready, can be taken up" if node["ready"] else str(node["status"])


GRAPHS: Final[Mapping[str, Callable[[Data], str]]] = {
    "text": graph_text,
    "dot": graph_dot,
    "mermaid": graph_mermaid,
}
