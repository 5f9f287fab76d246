"""The one error that means "the input is wrong, not the program".

The command line prints it as a single line and exits with code 2; code that imports
the parts catches it as the ``ValueError`` it is.
"""


class InputError(ValueError):
    """Input that cannot be used: says what was found, where, what is allowed, what to do next."""
