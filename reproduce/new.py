"""Begin a paper: ``python reproduce/new.py KEY --title TITLE`` writes a skeleton that runs, to be filled in.

One folder ``reproduce/papers/KEY/`` and files of that name elsewhere: module, datamodule, entry, card, tests. No file
that exists is touched; the other commands find the paper by its folder.
"""

import argparse
import keyword
import sys
from pathlib import Path
from string import Template

try:
    from medrepro.datamodules.support.command_line import OneLineParser, guarded
    from medrepro.datamodules.support.errors import InputError
    from medrepro.reproduce.papers import KEYS
except ModuleNotFoundError as error:
    sys.exit(f"medrepro is not installed in this Python ({error}): run `pip install -e .` in its folder")

PROGRAM = "reproduce/new.py"
SKELETON = Path(__file__).parent / "skeleton"
PLACES = {  # template -> where it goes in a checkout
    "paper/paper.py": "reproduce/papers/{key}/paper.py",
    "paper/compute.py": "reproduce/papers/{key}/compute.py",
    "paper/printed.yaml": "reproduce/papers/{key}/printed.yaml",
    "paper/claims.yaml": "reproduce/papers/{key}/claims.yaml",
    "module.py": "lightning_modules/{key}.py",
    "datamodule.py": "datamodules/{key}.py",
    "entry.py": "reproduce/{key}.py",
    "card.md": "reproduce/{key}.md",
    "test.py": "tests/reproduce/papers/{key}/test_{key}.py",
}
PACKAGES = {  # package -> its docstring
    "reproduce/papers/{key}": '"""The {key} paper."""\n',
    "tests/reproduce/papers/{key}": "",
}


def write_paper(key: str, title: str, checkout: Path) -> list[Path]:
    """Write the skeleton of paper ``key`` into a checkout; return its files.

    Raises:
        InputError: the key is no name for a paper, the folder is no checkout, or a file is there already.
    """
    if not key.isidentifier() or key != key.lower() or keyword.iskeyword(key):
        raise InputError(f"{key!r}: a paper's key is one lower-case word of letters, digits and _, such as mixnet")
    if key in KEYS:
        raise InputError(f"there is a paper {key!r} already; the papers are {', '.join(KEYS)}")
    if not (checkout / "reproduce" / "papers").is_dir():
        raise InputError(f"{checkout}: no checkout of this repository; give its folder by --into")
    words = {"key": key, "name": "".join(part.capitalize() for part in key.split("_")), "title": title}
    texts = {
        checkout / place.format(key=key): Template((SKELETON / f"{name}.txt").read_text()).substitute(words)
        for name, place in PLACES.items()
    }
    texts |= {
        checkout / place.format(key=key) / "__init__.py": text.format(key=key) for place, text in PACKAGES.items()
    }
    for path in texts:
        if path.exists():
            raise InputError(f"{path} is there already; nothing was written")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(texts)


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = OneLineParser(prog=PROGRAM, description="Begin a paper: write a skeleton that runs.")
    parser.add_argument("key", metavar="KEY", help="one lower-case word: the name of its folder and command")
    parser.add_argument("--title", default="The title of the paper", help="of the paper")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent.parent, help="the checkout (%(default)s)")
    return parser


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); bad input is one line and ``SystemExit(2)``."""
    words = sys.argv[1:] if args is None else args

    def work() -> int:
        chosen = build_parser().parse_args(words)
        for path in write_paper(chosen.key, chosen.title, chosen.into):
            print(path)
        print(f"run it: python reproduce/{chosen.key}.py --preset smoke; CONTRIBUTING.md says what to fill in")
        return 0

    return guarded(PROGRAM, work)


if __name__ == "__main__":
    sys.exit(main())
