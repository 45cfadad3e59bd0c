"""Where there is no display, Tk is played by a stand-in; what it is asked for is what counts."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import ImageTk

from akitsu.errors import SourceError
from akitsu.runtime.window import Window


class Widget:
    """A root window or a label: notes bindings and pictures, and presses a key when told."""

    def __init__(self, *_, **options):
        self.bound, self.images, self.press = {}, [], None
        self.is_destroyed = False
        Widget.made.append(self)

    def title(self, text):
        self.text = text

    def protocol(self, name, action):
        self.bound[name] = action

    def bind(self, key, action):
        self.bound[key] = action

    def pack(self):
        pass

    def configure(self, *, image):
        self.images.append(image)

    def update(self):
        if self.press is not None:
            self.bound[self.press]()

    def winfo_screenwidth(self):
        return 100

    winfo_screenheight = winfo_screenwidth

    def destroy(self):
        self.is_destroyed = True


@pytest.fixture
def tk(monkeypatch):
    """Widgets in the order of their making: the root, then the label."""
    Widget.made = []
    module = ModuleType("tkinter")
    module.Tk = module.Label = Widget
    module.TclError = RuntimeError
    monkeypatch.setitem(sys.modules, "tkinter", module)
    monkeypatch.setattr(ImageTk, "PhotoImage", lambda image, master: image)
    return Widget.made


def test_each_frame_is_shown_and_shrunk_onto_the_screen(tk):
    with Window("akitsu") as window:
        assert window.show(np.zeros((40, 60, 3), np.uint8))
        assert window.show(np.zeros((400, 200, 3), np.uint8))

    assert [image.size for image in tk[1].images] == [(60, 40), (50, 100)]
    assert tk[0].is_destroyed


@pytest.mark.parametrize("way", ["<Escape>", "q", "WM_DELETE_WINDOW"])
def test_a_key_or_the_close_button_ends_it(tk, way):
    window = Window("akitsu")
    tk[0].press = way

    assert not window.show(np.zeros((4, 4, 3), np.uint8))
    assert tk[1].images == []


def test_without_a_display_it_advises_headless(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    pytest.importorskip("tkinter")

    with pytest.raises(SourceError, match="watch with --headless"):
        Window("akitsu")


def test_without_tkinter_it_advises_headless(monkeypatch):
    monkeypatch.setitem(sys.modules, "tkinter", None)

    with pytest.raises(SourceError, match=r"no tkinter to show a window; watch with --headless"):
        Window("akitsu")
