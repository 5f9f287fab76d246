"""Command lines of the commands that train nothing: one-line errors, exit code 2, a console.

In: a program's name and its work. Out: the parser and guard of :mod:`datamodules.command_line`, and a console that is
plain where the output is no terminal. Neither torch nor jsonargparse is imported.
"""

import sys

from rich.console import Console

from datamodules.command_line import OneLineParser, guarded

__all__ = ["OneLineParser", "guarded", "plain_console"]

PLAIN_WIDTH = 140  # characters where the output is no terminal


def plain_console() -> Console:
    """Standard output: coloured on a terminal, plain and of a fixed width elsewhere; long lines are kept whole."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False, soft_wrap=True)
