"""Run any command of the project under one name: ``medrepro egfr --table 5``, ``medrepro audit``, ``medrepro prepare``.

The commands are those of the scripts (``python reproduce/egfr.py``), which stay; each has its own ``--help``.
"""

import pkgutil
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec

from medrepro.reproduce.papers import KEYS

TOOLS = {
    "audit": ("medrepro.reproduce.audit:main", "check printed tables against themselves"),
    "claims": ("medrepro.reproduce.claims:main", "judge the papers' claims from result files"),
    "verify": ("medrepro.reproduce.verify.__main__:main", "run committed results again and compare"),
    "everything": ("medrepro.reproduce.everything:main", "audit, claims and every paper's table"),
    "dashboard": ("medrepro.reproduce.dashboard:main", "compare runs with the papers' numbers"),
    "new": ("medrepro.reproduce.new:main", "begin a paper: a skeleton that runs"),
    "collect": ("medrepro.reproduce.evaluation.collect:main", "keep the results of a run"),
    "prepare": ("medrepro.datamodules.prepare.__main__:main", "turn CT scans into arrays, once"),
    "download": ("medrepro.datamodules.download.__main__:main", "download public data"),
}


def commands() -> dict[str, str]:
    """Return every command with one line of help."""
    papers = dict.fromkeys(KEYS, "reproduce this paper")
    sweeps = {f"sweep-{key}": "its Optuna studies" for key in KEYS if find_spec(f"medrepro.sweeps.{key}")}
    return {**papers, **{name: text for name, (_, text) in TOOLS.items()}, **sweeps}


def main_of(name: str) -> Callable[[list[str]], int]:
    """Return what runs a command with the words after its name."""
    if name in KEYS:
        from medrepro.reproduce import command

        return command.main_of(name)
    place = TOOLS[name][0] if name in TOOLS else f"medrepro.sweeps.{name.removeprefix('sweep-')}:main"
    found: Callable[[list[str]], int] = pkgutil.resolve_name(place)
    return found


def main(args: list[str] | None = None) -> int:
    """Run the command that the first word names with the others (default: the shell's words).

    Returns:
        The command's exit code; an unknown command is one line and 2.
    """
    words = sys.argv[1:] if args is None else args
    known = commands()
    if not words or words[0] in ("-h", "--help"):
        print("usage: medrepro COMMAND ...\n")
        print("\n".join(f"  {name:18} {text}" for name, text in known.items()))
        return 0
    name, *others = words
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        print(f"medrepro: error: no command {name!r}; {hint}", file=sys.stderr)
        return 2
    return int(main_of(name)(others))


if __name__ == "__main__":
    sys.exit(main())
