"""Count the rooms, floors, circles and lines of the four packages: ``python benchmarks/structure.py [FOLDER ...]``.

A room is a module or subpackage of a folder; a floor is a step of the longest chain of imports between the rooms of one
level; a circle is a file that imports itself through others. Imports inside functions and modules that are named in
strings count: ``"medrepro.reproduce.run.training:fit"`` is one, ``f"medrepro.reproduce.{key}"`` all modules there.
FOLDER is a checkout, by default this one: give two to compare.
"""

import argparse
import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

COLUMNS = ("rooms", "floors", "circles", "private", "files", "lines")
PACKAGES = ("datamodules", "lightning_modules", "reproduce", "sweeps")
NAMED = re.compile(r"(?:medrepro\.)?((?:datamodules|lightning_modules|reproduce|sweeps)(?:\.\w+)+)(?::\w+)?")
OPEN = re.compile(r"(?:medrepro\.)?((?:datamodules|lightning_modules|reproduce|sweeps)(?:\.\w+)*)\.")
Graph = Mapping[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """Return dotted names, without ``medrepro.``, and files of all modules below ``root``."""
    files = [path for top in PACKAGES for path in sorted((root / top).rglob("*.py"))]
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in files}


def imported(path: Path) -> Iterator[str]:
    """Yield dotted names that a file imports or names in a string, members included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := NAMED.fullmatch(node.value)):
            yield found[1]
        elif isinstance(node, ast.JoinedStr) and (found := OPEN.fullmatch(str(getattr(node.values[0], "value", "")))):
            yield f"{found[1]}.*"


def import_graph(root: Path) -> dict[str, set[str]]:
    """Return which modules each module imports; an import of a package counts as one of its ``__init__``."""
    files = modules(root)

    def resolved(name: str) -> set[str]:
        if name.endswith(".*"):
            return {module for module in files if module.rpartition(".")[0] == name[:-2] and "__" not in module}
        parts = name.removeprefix("medrepro.").split(".")
        for length in range(len(parts), 0, -1):
            head = ".".join(parts[:length])
            for module in (head, f"{head}.__init__"):
                if module in files:
                    return {module}
        return set()

    return {module: set().union(*map(resolved, imported(path))) - {module} for module, path in files.items()}


def circles(graph: Graph) -> set[str]:
    """Return the nodes that reach themselves."""
    reach = {node: set(targets) for node, targets in graph.items()}
    changed = True
    while changed:
        changed = False
        for targets in reach.values():
            more = set().union(*(reach.get(target, set()) for target in targets)) - targets
            changed |= bool(more)
            targets |= more
    return {node for node, targets in reach.items() if node in targets}


def floors(graph: Graph) -> int:
    """Return the length of the longest chain of imports; rooms in a circle share a floor."""
    inside = circles(graph)
    height: dict[str, int] = {}
    open_graph = {
        node: {target for target in targets if not {node, target} <= inside} for node, targets in graph.items()
    }
    try:
        order = list(TopologicalSorter(open_graph).static_order())
    except CycleError:
        return -1
    for node in order:
        height[node] = 1 + max((height[target] for target in open_graph.get(node, ())), default=0)
    return max(height.values(), default=0)


def rooms(graph: Graph, folder: str) -> dict[str, set[str]]:
    """Return the rooms directly in ``folder`` and which of them each imports; dunder files are no rooms."""
    depth = folder.count(".") + 1

    def room(module: str) -> str | None:
        parts = module.split(".")
        inside = module.startswith(f"{folder}.") and not (len(parts) == depth + 1 and parts[-1].startswith("__"))
        return parts[depth] if inside else None

    found: dict[str, set[str]] = {}
    for module, targets in graph.items():
        if (here := room(module)) is not None:
            found.setdefault(here, set()).update({there for target in targets if (there := room(target))} - {here})
    return found


def measure(root: Path) -> dict[str, dict[str, int]]:
    """Return per package: rooms and floors of its fullest level, files in circles, private modules, files, lines."""
    graph, files = import_graph(root), modules(root)
    in_circles = circles(graph)
    table = {}
    for top in PACKAGES:
        mine = {module: path for module, path in files.items() if module.split(".")[0] == top}
        folders = {top, *(module.rpartition(".")[0] for module in mine)}
        levels = [rooms(graph, folder) for folder in folders]
        table[top] = {
            "rooms": max(map(len, levels)),
            "floors": max(map(floors, levels)),
            "circles": sum(module in in_circles for module in mine),
            "private": sum(re.search(r"\._(?!_)", module) is not None for module in mine),
            "files": len(mine),
            "lines": sum(len(path.read_text(encoding="utf-8").splitlines()) for path in mine.values()),
        }
    table["all"] = {name: sum(row[name] for row in table.values()) for name in ("circles", "private", "files", "lines")}
    return table


def main() -> None:
    """Print the table of each checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[Path(__file__).resolve().parents[1]])
    for folder in parser.parse_args().folders:
        print(f"{folder}\n{'package':20s}" + "".join(f"{name:>9s}" for name in COLUMNS))
        for name, row in measure(folder).items():
            print(f"{name:20s}" + "".join(f"{row.get(column, ''):>9}" for column in COLUMNS))
        print("in circles:", ", ".join(sorted(circles(import_graph(folder)))) or "none")


if __name__ == "__main__":
    main()
