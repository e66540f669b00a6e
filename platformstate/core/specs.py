"""Hold the kinds' specifications and build each one when it is first asked for.

Most commands need two kinds; building the shapes of all of them costs more than parsing fifty files.
"""

from collections.abc import Callable, Iterator, Mapping

from platformstate.core.kind import KindSpec


class Specs(Mapping[str, KindSpec]):
    """Kinds by name, in the order of the catalog."""

    def __init__(self, builders: Mapping[str, Callable[[], KindSpec]]) -> None:
        self._builders = builders
        self._built: dict[str, KindSpec] = {}

    def __getitem__(self, name: str) -> KindSpec:
        if name not in self._built:
            self._built[name] = self._builders[name]()
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._builders)

    def __len__(self) -> int:
        return len(self._builders)

    def __contains__(self, name: object) -> bool:
        return name in self._builders
