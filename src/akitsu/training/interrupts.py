"""Ctrl-C and SIGTERM, held back until the loop stands between two iterations."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any


class TerminatedError(SystemExit):
    """SIGTERM: the machine is about to be taken away. Ends the program with exit code 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Interrupts:
    """Notes the first signal instead of letting it cut an iteration in half.

    An update that is cut between two weights is in no state to be saved: resumed from it, a run
    would end differently. A second signal does interrupt at once.

    Attributes:
        pending: What came: `KeyboardInterrupt`, `TerminatedError`, or None.
    """

    def __init__(self) -> None:
        self.pending: type[BaseException] | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        # Python allows only the main thread to set handlers; elsewhere nothing is held back.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            # None: the handler before ours was set by C code, and Python cannot set it again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, *_: object) -> None:
        came = TerminatedError if number == signal.SIGTERM else KeyboardInterrupt
        if self.pending is not None:
            raise came
        self.pending = came
