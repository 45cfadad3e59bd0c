from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import SourceError
from akitsu.runtime.urls import check_scheme, is_url, masked


@settings(max_examples=50, deadline=None)
@given(st.text(string.ascii_letters + string.digits + "@:/?#&=%!", max_size=12))
def test_no_part_of_a_password_is_printed(middle):
    """With whatever unescaped signs in it; Q and X stand at its ends and nowhere else."""
    password = "Q" + middle.replace("Q", "").replace("X", "") + "X"

    shown = masked(f"rtsp://me:{password}@10.0.0.7:554/cam")

    assert shown == "rtsp://***@10.0.0.7:554/cam"


MASKED = {
    "http://10.0.0.7/cam": "http://10.0.0.7/cam",
    "http://c/v.cgi?usr=me&pwd=geheim&w=640": "http://c/v.cgi?usr=***&pwd=***&w=640",
    "http://c/v?access_token=abc#top": "http://c/v?access_token=***#top",
    "rtsp://key@c": "rtsp://***@c",
    "no address": "no address",
}


@pytest.mark.parametrize("url", MASKED)
def test_secrets_are_masked_and_the_rest_is_not(url):
    assert masked(url) == MASKED[url]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://me:secret@c/v", "concat://a|b"])
def test_only_what_cameras_speak_is_opened(url):
    with pytest.raises(SourceError) as caught:
        check_scheme(url)

    assert "are not opened" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_misspelt_scheme_gets_advice():
    with pytest.raises(SourceError, match="write rtsp"):
        check_scheme("rtps://c/v")


def test_paths_are_no_addresses():
    assert not any(map(is_url, ["video.mp4", "a/b://c", "0", "C:\\videos"]))
    assert is_url("RTSP://c")
