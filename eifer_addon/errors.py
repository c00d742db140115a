"""The one exception that users see: a cause and a remedy, each a sentence."""

from __future__ import annotations


class EiferError(Exception):
    """Something the user can understand and mend.

    Parameters
    ----------
    cause : str
        What is wrong and where (file, channel, frame), one sentence.
    remedy : str, optional
        What to do about it, one sentence.
    """

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause = cause.strip()
        self.remedy = remedy.strip()
        super().__init__(f"{self.cause} {self.remedy}".strip())


class Cancelled(EiferError):
    """The user stopped the work; nothing was changed."""

    def __init__(self, what: str = "The work") -> None:
        super().__init__(f"{what} was cancelled; nothing was changed.")
