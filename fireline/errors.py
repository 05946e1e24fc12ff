"""Errors that are a user's to mend: one clear line, never a traceback.

Every part of Fireline raises `FirelineError` (or a subclass) for bad input and lets any other exception
escape, because any other exception is a bug. The command line prints the message and exits with `exit_code`.
"""

from __future__ import annotations


class FirelineError(Exception):
    """Something the user can mend.

    Args:
        message: what is wrong, with the value that is wrong.
        node: the node, tensor or file it is wrong in.
        hint: the way out.
    """

    exit_code = 2

    def __init__(self, message: str, *, node: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.node = node
        self.hint = hint
        super().__init__(str(self))

    def at(self, node: str) -> FirelineError:
        """The same of `node`, unless this says already where it is wrong."""
        return self if self.node else type(self)(self.message, node=node, hint=self.hint)

    def __str__(self) -> str:
        where = f"{self.node}: " if self.node else ""
        way_out = f" ({self.hint})" if self.hint else ""
        return " ".join(f"{where}{self.message}{way_out}".split())


class EngineError(FirelineError):
    """An engine cannot run a network; what the others find is not touched by it."""


class MismatchError(FirelineError):
    """Two engines that must agree do not: the firmware is not what was trained."""

    exit_code = 1


class DoesNotFitError(FirelineError):
    """The network needs more of something than the device has."""

    exit_code = 3
