"""View after view of a live loop, to iterate over or to be called with; nothing is left open."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator

from akitsu.errors import SourceError
from akitsu.runtime.live import View
from akitsu.runtime.sources import Source


class Views:
    """What `akitsu.watch` gives: views, one after the other; a context manager.

    Closing gives the camera back and ends every thread. It happens by itself at the end of the
    source, after an error or Ctrl-C, and when nobody holds the views any more.

    Attributes:
        source: Where the frames come from.
    """

    def __init__(
        self,
        stream: Iterator[View],
        source: Source,
        *,
        on_view: Callable[[View], object] | None = None,
    ) -> None:
        """Take over a source.

        Args:
            stream: What `live.watch` makes of the source.
            source: Closed at the end.
            on_view: Called with every view, by a thread of its own.
        """
        self.source = source
        self._stream = stream
        self._closing = threading.Event()
        self._fault: BaseException | None = None
        self._thread: threading.Thread | None = None
        if on_view is not None:
            self._thread = threading.Thread(
                target=self._call, args=(on_view,), name=f"akitsu views {source.name}", daemon=True
            )
        self._finalizer = weakref.finalize(self, _end, source, self._closing, self._thread)
        if self._thread is not None:
            self._thread.start()

    def __iter__(self) -> Iterator[View]:
        """The views themselves.

        Raises:
            SourceError: If they go to `on_view`; while iterating, if the source is given up.
        """
        if self._thread is not None:
            what = "the views go to on_view already"
            raise SourceError(what, where=self.source.name, do="do not iterate, or leave it out")
        return self

    def __next__(self) -> View:
        """The next view, after `stale_after_s` and the time of one recognition at most."""
        try:
            return next(self._stream)
        except BaseException:  # the end and Ctrl-C included
            self._finalizer()
            raise

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the source while `on_view` is called.

        Args:
            timeout_s: Wait no longer.

        Returns:
            Whether it has ended.

        Raises:
            AkitsuError: Whatever ended it; of `on_view` whatever that raised.
        """
        if self._thread is not None:
            self._thread.join(timeout_s)
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
        return self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """Call `on_view` no more, and give the camera back."""
        self._finalizer()
        # The thread may just be ending everything by itself.
        _join(self._thread)

    def __enter__(self) -> Views:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None:
            self.wait()

    def _call(self, on_view: Callable[[View], object]) -> None:
        """The thread: what it fails with is raised to whoever waits."""
        try:
            for view in self._stream:
                if self._closing.is_set():
                    return
                on_view(view)
        except BaseException as error:
            self._fault = error
        finally:
            self._finalizer()


def _end(source: Source, closing: threading.Event, thread: threading.Thread | None) -> None:
    closing.set()
    # A video may not be closed while it is being read.
    _join(thread)
    source.close()


def _join(thread: threading.Thread | None) -> None:
    if thread is not None and thread is not threading.current_thread():
        thread.join()
