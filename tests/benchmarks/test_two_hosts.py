"""The benchmark of two hosts has to see weights that differ, and to leave no namespace behind."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess

import pytest


def planted(name, weights):
    def run(recipe, out, *more, timeout_s):
        out.mkdir()
        for file in ("best.safetensors", "final.safetensors"):
            (out / file).write_text(weights[name])

    return run


@pytest.fixture
def hosts_program(program, monkeypatch, tmp_path):
    """The program with runs that only write what a test wants."""

    def load(**weights):
        hosts = program("two_hosts", "--output", tmp_path / "two_hosts.json")
        monkeypatch.setattr(hosts.os, "geteuid", lambda: 0)
        monkeypatch.setattr(hosts, "hosts", lambda: contextlib.nullcontext({}))
        monkeypatch.setattr(hosts, "on_two_hosts", planted("two", weights))
        monkeypatch.setattr(hosts, "on_one_host", planted("one", weights))
        return hosts

    return load


@pytest.mark.parametrize(("of_one", "code"), [("a", 0), ("b", 1)])
def test_other_weights_are_found(hosts_program, tmp_path, capsys, of_one, code):
    assert hosts_program(two="a", one=of_one).main() == code

    text = (tmp_path / "two_hosts.json").read_text()
    assert json.loads(text)["same"] is (code == 0)
    assert ("DIFFERENT" in capsys.readouterr().out) is (code == 1)
    assert str(tmp_path) not in text


def test_without_root_it_says_what_to_do(program, monkeypatch, capsys):
    hosts = program("two_hosts")
    monkeypatch.setattr(hosts.os, "geteuid", lambda: 1000)

    assert hosts.main() == 2

    assert "run this with sudo" in capsys.readouterr().err


def test_the_two_hosts_reach_one_another_and_are_gone_afterwards(program):
    if shutil.which("ip") is None or subprocess.run(["unshare", "-n", "true"]).returncode:
        pytest.skip("needs iproute2, and the right to make namespaces")
    hosts = program("two_hosts")
    with hosts.hosts() as cards:
        first, _ = cards
        ping = ["ip", "netns", "exec", first, "ip", "route", "get", hosts.ADDRESSES[1]]
        route = subprocess.run(ping, capture_output=True, text=True)
        assert cards[first] in route.stdout

    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    assert not any(name in left for name in cards)
