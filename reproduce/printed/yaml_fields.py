"""YAML that remembers its lines and its digits.

In: the text of a YAML file. Out: :class:`Field` objects which give mappings, lists and scalars
*as written* (``81.50`` stays ``"81.50"``) and raise errors that name file, line and what is allowed.
Nothing is constructed from tags, so a foreign file cannot run code.
"""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

import yaml

from medrepro.datamodules.support.errors import InputError

_TRUE, _FALSE = {"true", "yes"}, {"false", "no"}


class Field:
    """One node of the file together with the file's name, for messages."""

    def __init__(self, node: yaml.Node, path: str) -> None:
        self._node = node
        self._path = path

    @property
    def line(self) -> int:
        """Line of the file on which this field starts, from 1."""
        return int(self._node.start_mark.line) + 1

    def error(self, message: str) -> InputError:
        """An error that starts with ``FILE:LINE``."""
        return InputError(f"{self._path}:{self.line}: {message}")

    @property
    def is_mapping(self) -> bool:
        """Whether this field is ``key: value`` pairs."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether this field is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_null(self) -> bool:
        """Whether this is an unquoted ``null``, ``~`` or nothing at all."""
        return isinstance(self._node, yaml.ScalarNode) and self._node.tag.endswith(":null")

    def mapping(self) -> dict[str, "Field"]:
        """The pairs in the order of the file.

        Raises:
            InputError: not a mapping, or a key stands twice.
        """
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error("expected `key: value` pairs here")
        pairs: dict[str, Field] = {}
        for key_node, value_node in self._node.value:
            key = Field(key_node, self._path)
            if key.text() in pairs:
                raise key.error(f"{key.text()!r} stands twice in the same mapping; keep one")
            pairs[key.text()] = Field(value_node, self._path)
        return pairs

    def record(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, "Field"]:
        """The pairs of a mapping whose keys are fixed.

        Raises:
            InputError: a key is missing or unknown; the message lists what is allowed.
        """
        pairs = self.mapping()
        for missing in (name for name in required if name not in pairs):
            raise self.error(f"{missing!r} is missing; required: {', '.join(required)}")
        allowed = [*required, *optional]
        for name, value in pairs.items():
            if name not in allowed:
                raise value.error(f"{name!r} is not known here{hint(name, allowed)}")
        return pairs

    def sequence(self) -> list["Field"]:
        """The items of a list.

        Raises:
            InputError: not a list.
        """
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error("expected a list here")
        return [Field(item, self._path) for item in self._node.value]

    def text(self) -> str:
        """The scalar exactly as written.

        Raises:
            InputError: a mapping or list stands here.
        """
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.error("expected a single value here")
        return str(self._node.value).strip()

    def choice(self, allowed: Collection[str]) -> str:
        """A scalar that must be one of ``allowed``.

        Raises:
            InputError: any other word.
        """
        if self.text() not in allowed:
            raise self.error(f"{self.text()!r} is not known here{hint(self.text(), allowed)}")
        return self.text()

    def flag(self) -> bool:
        """``true`` or ``false``.

        Raises:
            InputError: anything else.
        """
        word = self.text().lower()
        if word not in _TRUE | _FALSE:
            raise self.error(f"expected true or false, found {self.text()!r}")
        return word in _TRUE

    def integer(self, at_least: int = 0) -> int:
        """A whole number not below ``at_least``.

        Raises:
            InputError: anything else.
        """
        digits = self.text().replace(",", "")
        if not digits.isdigit() or int(digits) < at_least:
            raise self.error(f"expected a whole number >= {at_least}, found {self.text()!r}")
        return int(digits)


def hint(word: str, allowed: Collection[str]) -> str:
    """The end of a message: the nearest allowed word, and all of them."""
    nearest = get_close_matches(word, allowed, n=1)
    guess = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"{guess} (allowed: {', '.join(allowed)})"


def read_fields(path: Path) -> Field:
    """The root field of a YAML file.

    Raises:
        InputError: no such file, not UTF-8, not YAML, or empty.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; give a table file or the key of a paper") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: this is a folder; give a table file in it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a UTF-8 text file ({error.reason} at byte {error.start})") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}:{_line_of(error)}: not valid YAML: {_problem_of(error)}") from error
    except RecursionError:
        raise InputError(f"{path}: not valid YAML: nested deeper than any table") from None
    if root is None:
        raise InputError(f"{path}: the file is empty; see reproduce/papers/README.md for the format")
    return Field(root, str(path))


def _line_of(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return int(mark.line) + 1 if mark is not None else 1


def _problem_of(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or str(error).splitlines()[0])
