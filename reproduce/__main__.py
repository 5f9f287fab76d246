"""Run any command of the project under one name: ``medrepro egfr --table 5``, ``medrepro audit``, ``medrepro prepare``.

The commands are those of the scripts (``python reproduce/egfr.py``), which stay; each has its own ``--help``.
"""

import pkgutil
import sys
from difflib import get_close_matches

from medrepro.reproduce.papers import KEYS, find_papers

TOOLS = {
    "audit": ("medrepro.reproduce.audit:main", "check printed tables against themselves"),
    "claims": ("medrepro.reproduce.claims:main", "judge the papers' claims from result files"),
    "verify": ("medrepro.reproduce.verify.__main__:main", "run committed results again and compare"),
    "everything": ("medrepro.reproduce.everything:main", "audit, claims and every paper's table"),
    "dashboard": ("medrepro.reproduce.dashboard:main", "compare runs with the papers' numbers"),
    "collect": ("medrepro.reproduce.evaluation.collect:main", "keep the results of a run"),
    "prepare": ("medrepro.datamodules.prepare.__main__:main", "turn CT scans into arrays, once"),
    "download": ("medrepro.datamodules.download.__main__:main", "download public data"),
}


def commands() -> dict[str, tuple[str, str]]:
    """Return every command's ``module:function`` and one line of help."""
    papers = {key: (f"medrepro.reproduce.{key}:main", "reproduce this paper") for key in KEYS}
    sweeps = {f"sweep-{key}": (f"medrepro.sweeps.{key}:main", "its Optuna studies") for key in KEYS}
    return {**papers, **TOOLS, **sweeps}


def main(args: list[str] | None = None) -> int:
    """Run the command that the first word names with the others (default: the shell's words).

    Returns:
        The command's exit code; an unknown command is one line and 2.
    """
    words = sys.argv[1:] if args is None else args
    known = commands()
    if not words or words[0] in ("-h", "--help"):
        print("usage: medrepro COMMAND ...\n")
        print("\n".join(f"  {name:18} {text}" for name, (_, text) in known.items()))
        return 0
    name, *others = words
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        print(f"medrepro: error: no command {name!r}; {hint}", file=sys.stderr)
        return 2
    try:
        function = pkgutil.resolve_name(known[name][0])
    except ModuleNotFoundError:  # a paper of another distribution has no script here
        if name not in find_papers():
            raise
        from medrepro.reproduce.command import main_of

        function = main_of(name)
    return int(function(others))


if __name__ == "__main__":
    sys.exit(main())
