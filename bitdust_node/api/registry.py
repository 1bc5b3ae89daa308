"""
Every method of the API, declared once on the object that answers it, for all faces: HTTP, WebSocket, command line.

    @method("GET", "/user/ping/v1", "POST /user/ping/v1", "GET /us/png", needs=("service_identity_propagate",))
    async def user_ping(self, user_id: str, timeout: int = 15) -> Answer: ...

The signature is the schema, the docstring the help. The path `/user/ping/v1` is also reached as `/v1/user/ping`.
`{name}` in a path is an argument; `{name+}` one to three path elements joined by slashes.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.api.arguments import Parameter, parameter
from bitdust_node.api.long_list import LongList
from bitdust_node.errors import BitDustError, Conflict, Invalid, NotFound, Unavailable

F = TypeVar("F", bound=Callable[..., Any])

#: What a method may be asked with; more parameters in one request than this are refused.
ARGUMENTS_LIMIT = 100


class ApiError(BitDustError):
    """
    An ERROR answer with further top-level fields next to `errors`.
    """

    def __init__(self, text: str | Sequence[str], **extra: Any) -> None:
        self.texts = [text] if isinstance(text, str) else list(text)
        self.extra = extra
        super().__init__("; ".join(self.texts))


class ArgumentError(Invalid):
    """The arguments do not fit the method: a failure of the call, not of the method."""


class MissingError(ArgumentError):
    """Mandatory arguments were not given; `names` says which."""

    def __init__(self, method: str, names: list[str]) -> None:
        self.names = names
        words = " and ".join([", ".join(repr(name) for name in names[:-1]), repr(names[-1])][len(names) == 1 :])
        many = "s" if len(names) > 1 else ""
        super().__init__(f"{method}() missing {len(names)} required positional argument{many}: {words}")


@dataclass(frozen=True)
class Answer:
    """
    An OK answer that is more than its result.

    result: a dict or scalar (left out when empty) or a list (always shown).
    extra: further top-level fields.
    """

    result: Any = None
    message: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Declaration:
    """What `@method` notes at a function."""

    routes: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]
    accept: Mapping[str, tuple[str, ...]]
    body: str | None


def method(
    verb: str = "",
    path: str = "",
    *more: str,
    needs: Sequence[str] = (),
    accept: Mapping[str, tuple[str, ...]] | None = None,
    body: str | None = None,
) -> Callable[[F], F]:
    """
    Declare a method of the API.

    verb, path: the documented HTTP form; without them the method is on WebSocket only.
    more: further forms, each "VERB /path".
    needs: services that must be ON, by full names.
    accept: further spellings of a parameter.
    body: the parameter that takes the whole JSON body of an HTTP request.
    """
    routes = [(verb, path)] if path else []
    routes.extend((text.split(" ", 1)[0], text.split(" ", 1)[1]) for text in more)
    for known_verb, known_path in tuple(routes):
        if known_path.endswith("/v1"):
            routes.append((known_verb, "/v1" + known_path.removesuffix("/v1")))
    declaration = Declaration(tuple(dict.fromkeys(routes)), tuple(needs), dict(accept or {}), body)

    def mark(function: F) -> F:
        function.__api__ = declaration  # type: ignore[attr-defined]
        return function

    return mark


@dataclass(frozen=True)
class Method:
    """
    One method of the API, bound to the object that answers it.
    """

    name: str
    call: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    routes: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]
    body: str | None
    info: str
    accepted: Mapping[str, Parameter]

    def describe(self) -> dict[str, Any]:
        """What clients may know of the method."""
        return {
            "name": self.name,
            "info": self.info,
            "routes": [f"{verb} {path}" for verb, path in self.routes],
            "needs": list(self.needs),
            "body": self.body,
            "params": [one.describe() for one in self.parameters],
        }

    def bind(self, given: Mapping[str, Any], strict: bool) -> dict[str, Any]:
        """
        Typed arguments from those given. strict: unknown names are refused; else ignored.
        """
        if len(given) > ARGUMENTS_LIMIT:
            raise ArgumentError(f"{self.name}() takes at most {ARGUMENTS_LIMIT} arguments")
        arguments: dict[str, Any] = {}
        exact: set[str] = set()
        for name, value in given.items():
            wanted = self.accepted.get(name)
            if wanted is None:
                if strict:
                    raise ArgumentError(f"{self.name}() got an unexpected keyword argument {name[:100]!r}")
                continue
            if wanted.name in exact or (wanted.name in arguments and name != wanted.name):
                continue  # the documented spelling wins over the others, the first of the others over the rest
            if name == wanted.name:
                exact.add(name)
            arguments[wanted.name] = wanted.convert(self.name, value)
        missing = [one.name for one in self.parameters if one.required and one.name not in arguments]
        if missing:
            raise MissingError(self.name, missing)
        return arguments


class Registry:
    """
    The methods of one node and the one way to call them.

    gate: tells whether a service is on, by its short name.
    """

    log = Logger()

    def __init__(self, gate: Callable[[str], bool] | None = None) -> None:
        self.gate = gate
        self._methods: dict[str, Method] = {}
        self._exact: dict[tuple[str, str], Method] = {}
        self._patterns: dict[tuple[str, int], list[tuple[tuple[str, ...], Method]]] = {}
        self.add(self)

    def __iter__(self) -> Iterator[Method]:
        """All methods by name."""
        return iter(self._methods[name] for name in sorted(self._methods))

    def __len__(self) -> int:
        return len(self._methods)

    @method("GET", "/api/list/v1")
    def api_methods(self) -> list[dict[str, Any]]:
        """
        All methods of the API with their parameters, forms and help.
        """
        return [one.describe() for one in self]

    def add(self, answering: object) -> None:
        """
        Collect the methods of an object. A second method of the same name or route raises Conflict.
        """
        for name, function in inspect.getmembers(type(answering), inspect.isfunction):
            if getattr(function, "__api__", None) is not None:
                self._insert(name, function, getattr(answering, name))

    def add_class(self, cls: type, find: Callable[[], object | None]) -> None:
        """
        Collect the methods of a service that may not be made yet: `find` answers with the instance, or None when
        there is none, and then the call is refused as if the service was off.
        """
        for name, function in inspect.getmembers(cls, inspect.isfunction):
            if getattr(function, "__api__", None) is not None:
                self._insert(name, function, _late(name, find, f"service_{getattr(cls, 'name', cls.__name__)}"))

    def get(self, name: str) -> Method:
        try:
            return self._methods[name]
        except KeyError:
            raise NotFound("invalid api method name") from None

    def route(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """
        The method behind a verb and path (decoded elements joined by slashes), with the arguments in the path.
        """
        found = self._exact.get((verb, path))
        if found is not None:
            return found, {}
        elements = path.strip("/").split("/")
        found = self._exact.get((verb, "/" + "/".join(elements)))
        if found is not None:
            return found, {}
        return self.route_elements(verb, elements)

    def route_elements(self, verb: str, elements: Sequence[str]) -> tuple[Method, dict[str, str]] | None:
        """The same for a path with arguments, given as its elements."""
        for pattern, candidate in self._patterns.get((verb, len(elements)), ()):
            arguments: dict[str, str] = {}
            for wanted, element in zip(pattern, elements, strict=True):
                if not wanted.startswith("{"):
                    if wanted != element:
                        break
                    continue
                name = wanted[1:-1]
                if not element:
                    break
                arguments[name] = f"{arguments[name]}/{element}" if name in arguments else element
            else:
                return candidate, arguments
        return None

    async def call(self, name: str, kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        The answer of a method as a client sees it. An unknown method raises NotFound, and arguments that do not fit
        raise ArgumentError; whatever happens inside of the method becomes an ERROR answer.
        """
        found = self.get(name)
        return await self.answer(found, found.bind(kwargs or {}, strict=True))

    async def answer(self, found: Method, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """
        Call with arguments that are bound already.
        """
        told = self.begin(found, arguments)
        return told if isinstance(told, dict) else await told

    def begin(
        self, found: Method, arguments: Mapping[str, Any]
    ) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
        """
        The same for faces: the answer itself when the method does not wait, which spares most calls a coroutine.
        """
        closed = self._closed(found)
        if closed is not None:
            return {"status": "ERROR", "errors": [closed]}
        try:
            result = found.call(**arguments)
        except Exception as error:  # noqa: BLE001 - see `_failed`
            return self._failed(found, error)
        return self._end(found, result) if inspect.isawaitable(result) else envelope(result)

    async def _end(self, found: Method, result: Awaitable[Any]) -> dict[str, Any]:
        try:
            return envelope(await result)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - see `_failed`
            return self._failed(found, error)

    def _failed(self, found: Method, error: Exception) -> dict[str, Any]:
        """The border to clients: a defect is logged, the client hears its text."""
        if isinstance(error, ApiError):
            return {**error.extra, "status": "ERROR", "errors": error.texts}
        if not isinstance(error, BitDustError):
            self.log.failure("method {method} failed", Failure(error), method=found.name)
        return {"status": "ERROR", "errors": [str(error) or type(error).__name__]}

    def _closed(self, found: Method) -> str | None:
        for service in found.needs:
            if self.gate is None or not self.gate(service.removeprefix("service_")):
                return f"{service}() is not started"
        return None

    def _insert(self, name: str, function: Callable[..., Any], call: Callable[..., Any]) -> None:
        if name in self._methods:
            raise Conflict(f"two methods are called {name}")
        declaration: Declaration = function.__api__  # type: ignore[attr-defined]
        hints = get_type_hints(function)
        signature = inspect.signature(function)
        parameters = tuple(
            parameter(one, hints[one.name], declaration.accept.get(one.name, ()))
            for one in list(signature.parameters.values())[1:]
        )
        accepted = {spelling: one for one in reversed(parameters) for spelling in one.spellings}
        accepted |= {one.name: one for one in parameters}
        found = Method(
            name=name,
            call=call,
            parameters=parameters,
            routes=declaration.routes,
            needs=declaration.needs,
            body=declaration.body,
            info=inspect.getdoc(function) or "",
            accepted=accepted,
        )
        self._methods[name] = found
        for verb, path in declaration.routes:
            self._add_route(verb, path, found)

    def _add_route(self, verb: str, path: str, found: Method) -> None:
        elements = path.strip("/").split("/")
        if not any(element.startswith("{") for element in elements):
            key = (verb, "/" + "/".join(elements))
            if self._exact.setdefault(key, found) is not found:
                raise Conflict(f"{verb} {path} belongs to {self._exact[key].name} and {found.name}")
            return
        for count in (1, 2, 3) if any(element.endswith("+}") for element in elements) else (1,):
            pattern: list[str] = []
            for element in elements:
                pattern.extend([element[:-2] + "}"] * count if element.endswith("+}") else [element])
            self._patterns.setdefault((verb, len(pattern)), []).append((tuple(pattern), found))


def envelope(result: Any) -> dict[str, Any]:
    """
    The OK answer around a result: empty ones are left out except lists, scalars become a list of one.
    """
    answer = result if isinstance(result, Answer) else Answer(result)
    told: dict[str, Any] = {**answer.extra, "status": "OK"}
    if isinstance(answer.result, LongList):
        told["result"] = answer.result
    elif isinstance(answer.result, list | tuple):
        told["result"] = list(answer.result)
    elif isinstance(answer.result, dict):
        if answer.result:
            told["result"] = answer.result
    elif answer.result:
        told["result"] = [answer.result]
    if answer.message:
        told["message"] = answer.message
    return told


def _late(name: str, find: Callable[[], object | None], service: str) -> Callable[..., Any]:
    def call(**arguments: Any) -> Awaitable[Any]:
        instance = find()
        if instance is None:
            raise Unavailable(f"{service}() is not started")
        answer: Awaitable[Any] = getattr(instance, name)(**arguments)
        return answer

    return call
