"""
All tables of this package.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import automats
from automats.machine import Automat


def _tables() -> tuple[Automat, ...]:
    found: dict[str, Automat] = {}
    for module in sorted(pkgutil.iter_modules(automats.__path__), key=lambda module: module.name):
        if module.name == "tables":
            continue
        for value in vars(import_module(f"automats.{module.name}")).values():
            if isinstance(value, Automat) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"two automats are called {value.name}")
    return tuple(found[name] for name in sorted(found))


#: Every automat that a module of this package declares, by name.
ALL: tuple[Automat, ...] = _tables()
