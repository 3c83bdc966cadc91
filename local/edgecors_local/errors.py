"""Errors that stop the local edge, as one sentence."""

from __future__ import annotations


class LocalError(Exception):
    """The sentence to print instead of a traceback, and the exit status to end with."""

    def __init__(self, sentence: str, status: int = 1) -> None:
        super().__init__(sentence)
        self.status = status
