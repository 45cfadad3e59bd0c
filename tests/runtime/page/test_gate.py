"""Who is let in, and what a page of another site can do: nothing."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from akitsu.runtime.page.gate import Guests
from akitsu.runtime.page.routes import make_app
from akitsu.runtime.page.screen import Screen

from .scenes import ABOUT

TOKEN = "right-token"
PATHS = ["/", "/page.js", "/page.css", "/icon.svg", "/about"]


@pytest.fixture
def screen():
    screen = Screen(ABOUT)
    yield screen
    screen.leave()


def client(screen, *, token=None, url="http://127.0.0.1:8000"):
    guests = Guests(frozenset({"localhost", "robot.local"}), token, "akitsu_8000")
    return TestClient(make_app(screen, guests=guests), base_url=url, follow_redirects=False)


@pytest.mark.parametrize("path", PATHS)
def test_everything_that_the_page_consists_of_is_there(screen, path):
    assert client(screen).get(path).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "robot.local:9", "[::1]:8000"])
def test_the_page_answers_to_addresses_and_to_its_own_names(screen, host):
    assert client(screen).get("/about", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[evil]", "a b"],
)
def test_another_name_is_dns_rebinding_and_refused(screen, host):
    answer = client(screen).get("/about", headers={"host": host})

    assert answer.status_code == 421
    assert "open the address that it printed" in answer.text


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:8001", "http://"],
)
def test_another_origin_changes_nothing(screen, origin):
    answer = client(screen).put("/settings", json={"threshold": 0.9}, headers={"origin": origin})

    assert answer.status_code == 403
    assert screen.settings.threshold == ABOUT.threshold


def test_the_page_itself_may_change_settings(screen):
    origin = {"origin": "http://127.0.0.1:8000"}

    assert client(screen).put("/settings", json={"threshold": 0.9}, headers=origin).is_success
    assert screen.settings.threshold == 0.9


def test_a_picture_on_another_site_is_not_given_and_a_link_is_followed(screen):
    picture = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

    assert client(screen).get("/newest", headers=picture).status_code == 403
    assert client(screen).get("/", headers=link).status_code == 200
    assert client(screen).post("/", headers=link).status_code == 403


@pytest.mark.parametrize("path", [*PATHS, "/newest", "/nothing"])
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=right-toke", "?token=ü"])
def test_without_the_token_nothing_is_told(screen, path, query):
    answer = client(screen, token=TOKEN).get(path + query)

    assert answer.status_code == 401
    assert "open the address as akitsu printed it" in answer.text


def test_without_the_token_nothing_is_changed(screen):
    answer = client(screen, token=TOKEN).put("/settings", json={"threshold": 0.9})

    assert answer.status_code == 401
    assert screen.settings.threshold == ABOUT.threshold


def test_the_token_moves_from_the_address_into_a_cookie(screen):
    browser = client(screen, token=TOKEN)

    answer = browser.get(f"/?token={TOKEN}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "akitsu_8000=right-token" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert browser.get("/").status_code == 200


def test_a_program_may_bring_the_token_each_time(screen):
    assert client(screen, token=TOKEN).get(f"/about?token={TOKEN}").status_code == 200


def test_an_old_cookie_is_replaced_by_the_right_token(screen):
    browser = client(screen, token=TOKEN)
    browser.cookies.set("akitsu_8000", "of-yesterday")

    assert browser.get("/about").status_code == 401
    assert browser.get(f"/?token={TOKEN}").status_code == 303


@pytest.mark.parametrize("path", ["/", "/about", "/nothing"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "evil.example"])
def test_every_answer_forbids_what_is_not_its_own(screen, path, host):
    headers = client(screen).get(path, headers={"host": host}).headers

    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


NO_SETTINGS = {
    "no JSON": b"{",
    "a list": b"[]",
    "another key": b'{"theshold": 0.5}',
    "a text": b'{"threshold": "0.5"}',
    "true": b'{"threshold": true}',
    "more than all": b'{"threshold": 1.5}',
    "no number": b'{"threshold": NaN}',
    "names in a text": b'{"hidden": "dog"}',
    "an unknown class": b'{"hidden": ["cat"]}',
    "too deep": b"[" * 60_000,
    "too long": b'{"threshold": 0.9}' + b" " * 70_000,
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("body", NO_SETTINGS.values(), ids=NO_SETTINGS)
def test_hostile_settings_are_explained_and_change_nothing(screen, body):
    before = screen.settings

    kind = {"content-type": "application/json"}
    answer = client(screen).put("/settings", content=body, headers=kind)

    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")
    assert screen.settings == before


def test_a_form_cannot_send_settings(screen):
    answer = client(screen).put("/settings", content=b'{"threshold": 0.9}')

    assert answer.status_code == 422
    assert "application/json" in answer.json()["error"]


def test_a_class_keeps_its_colour_where_it_is_looked_for_alone(screen):
    from dataclasses import replace

    alone = Screen(replace(ABOUT, only="person"))
    every, one = (client(s).get("/about").json()["classes"] for s in (screen, alone))
    alone.leave()

    assert one == [every[1]]
    assert one[0]["name"] == "person"
