"""A window that shows frames: Tk, which comes with Python, since the robot's OpenCV has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from akitsu.errors import SourceError

if TYPE_CHECKING:
    from PIL.ImageTk import PhotoImage

ADVICE = "watch with --headless, or start a desktop"


class Window:
    """One picture after the other; Esc, q or the close button end it.

    Attributes:
        is_open: False once the person has closed it.
    """

    def __init__(self, title: str) -> None:
        """Open an empty window.

        Raises:
            SourceError: If this Python has no tkinter, or there is no display.
        """
        self.is_open = True
        self._root = _root(title)
        self._root.protocol("WM_DELETE_WINDOW", self._end)
        for key in ("<Escape>", "q"):
            self._root.bind(key, self._end)
        self._label = _tkinter().Label(self._root, borderwidth=0)
        self._label.pack()
        self._photo: PhotoImage | None = None

    def show(self, image: NDArray[np.uint8]) -> bool:
        """Show (H, W, 3) RGB uint8, shrunk onto the screen; False once the window is closed."""
        from PIL import ImageTk

        self._root.update()
        if self.is_open:
            # Tk does not keep the picture itself: without a reference it would go blank.
            self._photo = ImageTk.PhotoImage(self._on_screen(image), master=self._root)
            self._label.configure(image=self._photo)
            self._root.update()
        return self.is_open

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the window away."""
        self.is_open = False
        self._photo = None
        self._root.destroy()

    def _on_screen(self, image: NDArray[np.uint8]) -> Image.Image:
        picture = Image.fromarray(image)
        picture.thumbnail((self._root.winfo_screenwidth(), self._root.winfo_screenheight()))
        return picture

    def _end(self, _event: Any = None) -> None:
        self.is_open = False


def _tkinter() -> Any:
    try:
        import tkinter
    except ImportError as error:
        raise SourceError("this Python has no tkinter to show a window", do=ADVICE) from error
    return tkinter


def _root(title: str) -> Any:
    tkinter = _tkinter()
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:
        raise SourceError(f"no window can be opened ({error})", do=ADVICE) from error
    root.title(title)
    return root
