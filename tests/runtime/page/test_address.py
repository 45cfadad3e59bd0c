from __future__ import annotations

import pytest

from akitsu.errors import AkitsuError
from akitsu.runtime.page.address import (
    Address,
    is_local,
    listen,
    names_here,
    read_address,
    url_of,
)

WRITTEN = {
    "8000": Address("127.0.0.1", 8000),
    "0.0.0.0:80": Address("0.0.0.0", 80),
    "robot.local:8000": Address("robot.local", 8000),
    "[::1]:0": Address("::1", 0),
}
NO_ADDRESS = ["", "http", ":8000", "::1:8000", "1.2.3.4", "robot:70000", "robot:-1", "8000\n", "٣"]


@pytest.mark.parametrize(("text", "address"), WRITTEN.items())
def test_a_port_alone_is_for_this_machine_alone(text, address):
    assert read_address(text) == address


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_gets_advice(text):
    with pytest.raises(AkitsuError, match=r"--serve: .* is no address; write a port \(8000\)"):
        read_address(text)


def test_a_taken_port_is_one_sentence():
    with listen(Address("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]

        with pytest.raises(AkitsuError, match=f"127.0.0.1:{port} .*; choose another port"):
            listen(Address("127.0.0.1", port))


def test_a_host_of_another_machine_is_one_sentence():
    with pytest.raises(AkitsuError, match="or an address of this machine"):
        listen(Address("192.0.2.1", 0))


@pytest.mark.parametrize(("host", "local"), [("localhost", True), ("0.0.0.0", False)])
def test_who_can_reach_it_is_asked_of_the_socket(host, local):
    with listen(Address(host, 0)) as listener:
        assert is_local(listener) == local


def test_the_address_for_a_browser_names_a_machine_and_no_wildcard():
    with listen(Address("0.0.0.0", 0)) as listener:
        url = url_of("0.0.0.0", listener)

        assert "0.0.0.0" not in url
        assert url.endswith(f":{listener.getsockname()[1]}/")


def test_a_local_page_does_not_answer_to_the_machine_s_name(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Robot")

    assert names_here("127.0.0.1", local=True) == {"localhost", "127.0.0.1"}
    assert names_here("0.0.0.0", local=False) >= {"robot", "robot.local"}
