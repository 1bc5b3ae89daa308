"""
Makes parts from parts: whoever has an annotated constructor gets what it names.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from bitdust_node.errors import Invalid

T = TypeVar("T")


class Assembly:
    """
    All parts of one node: those that were provided, and those made from them, each once.

    A parameter with a default, or one that may be None, gets its part only if that exists already.
    """

    def __init__(self) -> None:
        self._parts: dict[Any, object] = {}
        self._making: list[type] = []

    def __iter__(self) -> Iterator[object]:
        """Each part once, oldest first."""
        return iter(list({id(part): part for part in self._parts.values()}.values()))

    def provide(self, part: object, as_type: object = None) -> None:
        """
        Give a part that others may name by its class or, with `as_type`, by another one such as a protocol.
        """
        self._parts[type(part) if as_type is None else as_type] = part

    def make(self, wanted: type[T]) -> T:
        """
        The part of this class, made now with all that it needs if it does not exist.

        Raises `Invalid` if a part is missing or needs itself.
        """
        if wanted in self._parts:
            return self._parts[wanted]  # type: ignore[return-value]
        if wanted in self._making:
            circle = [*self._making[self._making.index(wanted) :], wanted]
            raise Invalid(f"these parts need each other in a circle: {' -> '.join(part.__name__ for part in circle)}")
        self._making.append(wanted)
        try:
            part = wanted(**self._arguments(wanted))
        finally:
            self._making.pop()
        self._parts[wanted] = part
        return part

    def _arguments(self, wanted: type) -> dict[str, object]:
        if wanted.__init__ is object.__init__:  # type: ignore[misc]
            return {}
        try:
            kinds = get_type_hints(wanted.__init__)  # type: ignore[misc]
        except NameError as error:
            raise Invalid(f"{wanted.__name__} names a part that its module does not import: {error}") from error
        arguments = {}
        for name, parameter in list(inspect.signature(wanted.__init__).parameters.items())[1:]:  # type: ignore[misc]
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            kind, optional = _without_none(kinds.get(name))
            if optional or parameter.default is not parameter.empty:
                if kind in self._parts:
                    arguments[name] = self._parts[kind]
                elif parameter.default is parameter.empty:
                    arguments[name] = None
                continue
            arguments[name] = self._part(wanted, name, kind)
        return arguments

    def _part(self, wanted: type, name: str, kind: Any) -> object:
        if kind in self._parts:
            return self._parts[kind]
        abstract = getattr(kind, "_is_protocol", False) or inspect.isabstract(kind)
        if not isinstance(kind, type) or abstract or kind.__module__ == "builtins":
            text = getattr(kind, "__name__", str(kind))
            raise Invalid(f"{wanted.__name__} needs {name}: {text}, which nobody provides")
        return self.make(kind)


def _without_none(kind: Any) -> tuple[Any, bool]:
    if get_origin(kind) not in (Union, types.UnionType):
        return kind, False
    rest = [part for part in get_args(kind) if part is not type(None)]
    optional = len(rest) < len(get_args(kind))
    return (rest[0] if len(rest) == 1 else Union[tuple(rest)]), optional  # noqa: UP007 - made at run time
