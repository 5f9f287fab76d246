"""Command lines without torch: one-line errors, exit code 2, an instant start.

In: a program's name and its work. Out: an argument parser and a guard around ``main`` that turn bad input
into one line on stderr.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console

from medrepro.datamodules.support.errors import InputError


class OneLineParser(argparse.ArgumentParser):
    """Argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        print(f"{self.prog}: error: {message}; see --help", file=sys.stderr)
        raise SystemExit(2)


def guarded(program: str, work: Callable[[], int]) -> int:
    """Run ``work``; bad input, found anywhere, is one line on stderr.

    Raises:
        SystemExit: code 2 for bad input, 130 for Ctrl-C, 141 when nobody reads the output any more.
    """
    try:
        return work()
    except (InputError, FileNotFoundError, PermissionError) as error:
        print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:  # whoever read the output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except KeyboardInterrupt:
        print(f"{program}: stopped", file=sys.stderr)
        raise SystemExit(130) from None


PLAIN_TEXT_WIDTH = 140  # characters of words where the output is no terminal


def plain_console() -> Console:
    """Standard output: coloured on a terminal, plain and of a fixed width elsewhere; long lines are kept whole."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_TEXT_WIDTH, highlight=False, soft_wrap=True)
