"""Who may look: the checks that each request passes before the page answers, and its headers.

A page of the internet can make the browser of whoever visits it ask this server, too. Host and
Origin tell such questions apart: with DNS rebinding the address is ours and the name is not.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.ASCII)


@dataclass(frozen=True)
class Guests:
    """Who is let in.

    Attributes:
        names: Host names, in lower case, that this server has. A number is no name, so that
            rebinding cannot forge it: every IP address is let in.
        token: What each request has to bring, in a cookie or in its address; None on a server that
            only this machine reaches.
        cookie: Under this name; cookies do not know of ports, so the port stands in it.
    """

    names: frozenset[str]
    token: str | None
    cookie: str


class Gate:
    """An ASGI application in front of another."""

    def __init__(self, app: ASGIApp, *, guests: Guests) -> None:
        self._app, self._guests = app, guests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, hand the token over into a cookie, or let through."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._answer(Request(scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """What the gate itself answers; None to let through."""
        host = request.headers.get("host", "").lower()
        if not self._is_ours(host):
            return _refusal(421, "This server has another name: open the address that it printed.")
        if not _is_of_this_page(request, host):
            return _refusal(403, "Another site asked: the page answers to itself alone.")
        if self._guests.token is None:
            return None
        if self._is_right(request.query_params.get("token")):
            return self._with_cookie() if request.url.path == "/" else None
        if self._is_right(request.cookies.get(self._guests.cookie)):
            return None
        return _refusal(401, "A token is missing, or old: open the address as akitsu printed it.")

    def _is_ours(self, host: str) -> bool:
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]")
        return name in self._guests.names or _is_number(name)

    def _is_right(self, token: str | None) -> bool:
        """Compared in a time that does not tell how much of it was right."""
        expected = self._guests.token or ""
        return token is not None and secrets.compare_digest(token.encode(), expected.encode())

    def _with_cookie(self) -> Response:
        """The same page without the token in its address, where history would keep it."""
        answer = RedirectResponse("/", status_code=303)
        # Not "strict": a link in a message has to open the page.
        token = self._guests.token or ""
        answer.set_cookie(self._guests.cookie, token, httponly=True, samesite="lax")
        return answer


def _is_of_this_page(request: Request, host: str) -> bool:
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.lower() == f"http://{host}"
    # Pictures and scripts are asked for without an origin; links may come from anywhere.
    site = request.headers.get("sec-fetch-site", "none")
    is_link = request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
    return site in ("same-origin", "none") or is_link


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _refusal(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status_code=status)
