"""Addresses of cameras: which kinds are opened, and how they are printed without their secrets."""

from __future__ import annotations

import re

from akitsu.errors import SourceError, nearest

SCHEMES = ("http", "https", "rtsp", "rtsps")
"""FFmpeg can open far more, local files among it; these are what cameras speak."""

HIDDEN = "***"
# Cameras take passwords also behind the question mark, each maker under another name.
SECRET_KEY = re.compile(r"user|usr|login|pass|pwd|psw|token|secret|key|auth|sig", re.IGNORECASE)
FIELD = re.compile(r"(?P<before>[?&;](?P<key>[^=&;#]*)=)(?P<value>[^&;#]*)")


def is_url(text: str) -> bool:
    """Whether this is meant as an address rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def masked(url: str) -> str:
    """The address without user, password and tokens, fit for messages and logs.

    Example:
        >>> masked("rtsp://admin:pa@ss@10.0.0.7/cam?channel=1&token=abc")
        'rtsp://***@10.0.0.7/cam?channel=1&token=***'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    # A password may hold an unescaped @, / or ?: all before the last @ is hidden, even if that
    # now and then hides a host.
    _, at, shown = rest.rpartition("@")
    rest = f"{HIDDEN}@{shown}" if at else rest
    return f"{scheme}://{FIELD.sub(_masked_field, rest)}"


def check_scheme(url: str) -> None:
    """Raise unless the address is of a kind that cameras use.

    Raises:
        SourceError: If it is of another kind.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        advice = nearest(scheme, SCHEMES, otherwise=f"use one of {', '.join(SCHEMES)}")
        raise SourceError(
            f"addresses of kind {scheme} are not opened", where=masked(url), do=advice
        )


def _masked_field(match: re.Match[str]) -> str:
    is_secret = SECRET_KEY.search(match["key"]) is not None
    return match["before"] + (HIDDEN if is_secret else match["value"])
