"""Command lines of the commands that train nothing: one-line errors, exit code 2, an instant start.

In: a program's name and its work. Out: an argument parser and a guard around ``main`` that turn bad input
into one line on stderr, and a console. Plain argparse: neither torch nor jsonargparse is imported.
"""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console

from datamodules.errors import InputError

PLAIN_WIDTH = 140  # characters where the output is no terminal


class OneLineParser(argparse.ArgumentParser):
    """Argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        print(f"{self.prog}: error: {message}; see --help", file=sys.stderr)
        raise SystemExit(2)


def guarded(program: str, work: Callable[[], int]) -> int:
    """Run ``work``; bad input, found anywhere, is one line on stderr.

    Raises:
        SystemExit: code 2 for bad input, 130 for Ctrl-C.
    """
    try:
        return work()
    except (InputError, FileNotFoundError, PermissionError) as error:
        print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(f"{program}: stopped", file=sys.stderr)
        raise SystemExit(130) from None


def plain_console() -> Console:
    """Standard output: coloured on a terminal, plain and of a fixed width elsewhere; long lines are kept whole."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False, soft_wrap=True)
