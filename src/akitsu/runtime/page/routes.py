"""The questions that the page asks, and their answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from akitsu.errors import AkitsuError
from akitsu.runtime.drawing import colour_of
from akitsu.runtime.page.about import About
from akitsu.runtime.page.gate import Gate, Guests
from akitsu.runtime.page.screen import Screen

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
LONGEST_WISHES = 65_536
"""Bytes; a thousand names of classes have room."""


def make_app(screen: Screen, *, guests: Guests) -> ASGIApp:
    """The page as an ASGI application.

    Args:
        screen: What is shown.
        guests: Who may look.
    """

    async def about(_: Request) -> Response:
        return JSONResponse(asdict(screen.about) | {"classes": _classes(screen.about)})

    async def newest(request: Request) -> Response:
        text = request.query_params.get("after", "")
        # An edition that is not known of is another one, too.
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
        return Response(await screen.newest(after=after), media_type="application/octet-stream")

    async def settings(request: Request) -> Response:
        try:
            return JSONResponse(screen.change(await _json(request)))
        except AkitsuError as error:
            return JSONResponse({"error": str(error)}, status_code=422)

    routes = [_file_route(path, *file) for path, file in FILES.items()]
    routes += [
        Route("/about", about),
        Route("/newest", newest),
        Route("/settings", settings, methods=["PUT"]),
    ]
    return Gate(Starlette(routes=routes), guests=guests)


def _file_route(path: str, name: str, media_type: str) -> Route:
    # Read once: what the page consists of cannot be asked for by any other name.
    content = files("akitsu.runtime.page").joinpath("static", name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return Route(path, answer)


def _classes(about: About) -> list[dict[str, str]]:
    """What can be hidden, each in the colour of its boxes."""
    return [
        {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(label))}
        for label, name in enumerate(about.classes)
        if about.only in (None, name)
    ]


async def _json(request: Request) -> object:
    """What the request says.

    Raises:
        AkitsuError: If it is not JSON, or too long.
    """
    # A form of another site can send text, but not this kind without being asked first.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise AkitsuError("these are no settings", do="send them as application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_WISHES:
            raise AkitsuError("these are too many settings", do="send threshold and hidden alone")
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AkitsuError("this is not JSON", do="send an object with threshold") from error
    return document
