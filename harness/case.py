"""`@case`: a coroutine that tries requirements on a device under test.

    @case(v311("3.1.0-2"), v5("3.1.0-2"))
    async def a_second_connect_closes_the_connection(broker: Broker) -> None: ...

The annotation of the first parameter says the role under test. With `rows`, each row of the table is a cell
of its own and its value is the second parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar, get_type_hints

from harness.requirement import Citation

F = TypeVar("F", bound=Callable[..., Awaitable[None]])

#: Seconds a cell may take beyond what it declares with `lasts`.
GRACE = 40.0


@dataclass(frozen=True, slots=True)
class Case:
    """A case as declared; `id` is the module's path below `suites` and the function's name."""

    id: str
    run: Callable[..., Awaitable[None]]
    cites: tuple[Citation, ...]
    #: Claims without which the case does not apply.
    needs: tuple[str, ...] = ()
    #: It disturbs others, so it takes the DUT alone.
    exclusive: bool | Collection[str] = False
    #: Seconds of the protocol's own waiting.
    lasts: float = 0.0
    rows: Mapping[str, Any] = field(default_factory=dict)
    #: Earlier ids.
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def sentence(self) -> str:
        """The name as a sentence."""
        words = self.name.replace("_", " ")
        return words[:1].upper() + words[1:]

    @property
    def text(self) -> str:
        """The docstring, or nothing."""
        return inspect.getdoc(self.run) or ""

    @property
    def place(self) -> tuple[str, int]:
        """File and line, from 1."""
        code = inspect.unwrap(self.run).__code__
        return code.co_filename, code.co_firstlineno

    def alone(self, row: str) -> bool:
        """Whether the cell of `row` takes the DUT alone."""
        return self.exclusive if isinstance(self.exclusive, bool) else row in self.exclusive

    @property
    def timeout(self) -> float:
        return self.lasts + GRACE

    def editions(self) -> list[str]:
        """Catalogues it cites, in the order of the citations."""
        return list(dict.fromkeys(citation.catalogue for citation in self.cites))

    def cited(self, edition: str) -> list[str]:
        """Ids of the requirements it cites in `edition`."""
        return [citation.id for citation in self.cites if citation.catalogue == edition]

    def handle(self) -> type:
        """The annotation of its first parameter."""
        first = next(iter(inspect.signature(self.run).parameters))
        return get_type_hints(self.run)[first]


def case(
    *cites: Citation,
    needs: Sequence[str] = (),
    exclusive: bool | Collection[str] = False,
    lasts: float = 0.0,
    rows: Mapping[str, Any] | None = None,
    aliases: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declare a case. `exclusive` may name the rows that take the device alone. TypeError when it cites nothing, or
    is no coroutine function."""
    if not cites:
        raise TypeError("@case must cite at least one requirement")

    def mark(function: F) -> F:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__}: a case is a coroutine function (async def)")
        parameters = len(inspect.signature(function).parameters)
        if parameters != (2 if rows else 1):
            wanted = "the handle and the row" if rows else "one parameter, the handle"
            raise TypeError(f"{function.__qualname__}: a case takes {wanted}")
        module = function.__module__.removeprefix("suites.")
        function.case = Case(  # type: ignore[attr-defined]
            f"{module}.{function.__name__}",
            function,
            cites,
            tuple(needs),
            exclusive,
            lasts,
            rows or {},
            tuple(aliases),
        )
        return function

    return mark


def cases_of(module: ModuleType) -> list[Case]:
    """The cases a module defines itself, in the order of its lines."""
    found = [
        value.case
        for value in vars(module).values()
        if isinstance(getattr(value, "case", None), Case) and value.__module__ == module.__name__
    ]
    return sorted(found, key=lambda c: c.place[1])
