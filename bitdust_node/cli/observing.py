"""
Watching a node at work from outside of its code: a processor profile, and which lines were run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bitdust_node.cli.context import Context


@contextmanager
def observed(context: Context) -> Iterator[None]:
    """
    Whatever runs inside is observed as `--cpu-profile` and `--coverage` asked for.
    """
    with ExitStack() as stack:
        if context.wishes.profile:
            stack.enter_context(_profiled(context))
        if context.wishes.coverage is not None:
            stack.enter_context(_covered(context, context.wishes.coverage))
        yield


@contextmanager
def _profiled(context: Context) -> Iterator[None]:
    import cProfile

    logs = context.base / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(logs / "cpu.profile")


@contextmanager
def _covered(context: Context, config: str) -> Iterator[None]:
    try:
        # a tool of developers, not one of our requirements
        from coverage import Coverage  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        context.fail("--coverage needs the package `coverage`: pip install coverage")
    coverage: Any = Coverage(config_file=config or True)
    coverage.start()
    try:
        yield
    finally:
        coverage.stop()
        coverage.save()
        if context.wishes.report:
            with open(context.wishes.report, "w", encoding="utf-8") as file:
                coverage.report(file=file)
