"""What can go wrong, said in one sentence: the thing, what was expected, what came, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class GsanError(Exception):
    """Base of every error that a user can mend. `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(GsanError):
    """The call was wrong: an unknown municipality, an ill-typed parameter, a missing option."""

    exit_code = 2


class InputError(GsanError):
    """A file or an answer of an API that cannot be read as what it claims to be."""


class CrsError(InputError):
    """Coordinates whose reference system is missing, unfit for the computation, or cannot be told."""


class DataError(GsanError):
    """Rows or columns that break their contract; raised once, after every problem was collected."""

    def __init__(self, message: str, problems: Sequence[str] = ()):
        super().__init__(message)
        self.problems = tuple(problems)


class MissingData(GsanError):
    """A dataset or a field that a case needs is not there, so the case is not runnable."""

    def __init__(self, message: str, *, dataset: str = "", field: str = ""):
        super().__init__(message)
        self.dataset = dataset
        self.field = field


class StoreError(GsanError):
    """The bank or the reports folder could not be written or read."""


class ModelError(GsanError):
    """A model whose demands contradict one another, or whose solver gave no usable answer."""


class CaseError(GsanError):
    """A case notebook stopped before its end."""


def some(keys: Iterable[object], most: int = 3) -> str:
    """The first few keys and how many more there are, for a message: `1021, 1044, 1187 (+9)`."""
    listed = [str(key) for key in keys]
    shown = ", ".join(listed[:most])
    return shown if len(listed) <= most else f"{shown} (+{len(listed) - most})"
