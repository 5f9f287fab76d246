"""Packages that import a name's module only when the name is asked for: `import` stays fast, names stay short."""

import importlib
from collections.abc import Mapping
from typing import Any


def load(package: str, modules: Mapping[str, str], name: str) -> Any:
    """Return ``name`` from the module of ``package`` that ``modules`` says.

    Raises:
        AttributeError: the package offers no such name.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {', '.join(sorted(modules))}")
    return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
