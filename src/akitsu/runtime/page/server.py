"""The page, served by a thread beside the loop that steers the robot."""

from __future__ import annotations

import asyncio
import secrets
import threading

import uvicorn

from akitsu.runtime.distance import Ruler
from akitsu.runtime.live import Seen, Unseen
from akitsu.runtime.page.about import About
from akitsu.runtime.page.address import Address, is_local, listen, names_here, url_of
from akitsu.runtime.page.gate import Guests
from akitsu.runtime.page.routes import make_app
from akitsu.runtime.page.screen import Screen

TOKEN_BYTES = 24

LAST_WORDS_S = 0.3
"""For so long viewers are told that it has ended; then who does not listen is cut off."""

MOST_REQUESTS = 64
"""Connections at one time; the next gets status 503."""


class Page:
    """A context manager: from its beginning to its end the page can be looked at.

    Attributes:
        url: What to type into a browser; holds the token, where one is needed.
        is_local: Whether this machine alone can reach it.
        screen: What it shows.
    """

    def __init__(self, address: Address, about: About, *, ruler: Ruler | None = None) -> None:
        """Serve.

        Args:
            address: Where; if any other machine can reach it, a random token is needed to look.
            about: What is shown, in words.
            ruler: Gives detections their distance.

        Raises:
            AkitsuError: If nothing can be served there.
        """
        listener = listen(address)
        self.is_local = is_local(listener)
        token = None if self.is_local else secrets.token_urlsafe(TOKEN_BYTES)
        self.url = url_of(address.host, listener) + (f"?token={token}" if token else "")
        self.screen = Screen(about, ruler=ruler)
        names = names_here(address.host, local=self.is_local)
        guests = Guests(names, token, f"akitsu_{listener.getsockname()[1]}")
        config = uvicorn.Config(
            make_app(self.screen, guests=guests),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_REQUESTS,
        )
        self._server, self._listener = uvicorn.Server(config), listener
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._run, name="akitsu page", daemon=True)
        self._thread.start()
        self._is_open.wait()

    def show(self, seen: Seen | Unseen) -> None:
        """Take what was seen; returns at once, whoever looks."""
        self.screen.show(seen)

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Tell the viewers, and end the thread."""
        self.screen.end()
        self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        """The thread; whatever ends it, nobody is left waiting."""
        try:
            asyncio.run(self._serve())
        finally:
            self.screen.leave()
            self._is_open.set()

    async def _serve(self) -> None:
        self.screen.enter(asyncio.get_running_loop())
        self._is_open.set()
        cutting = asyncio.create_task(self._cut_off())
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            self._server.should_exit = True
            await cutting

    async def _cut_off(self) -> None:
        """Once it ends: uvicorn would wait for a viewer who does not read as long as he likes."""
        while not self._server.should_exit:
            await asyncio.sleep(LAST_WORDS_S / 3)
        await asyncio.sleep(LAST_WORDS_S)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
