"""Train on two "hosts" that share a cable and nothing else, and compare with one host.

    sudo python benchmarks/two_hosts.py

The hosts are two network namespaces of Linux, joined by a pair of virtual Ethernet cards: each sees
its own interfaces, and reaches the other only over that wire. In each, torchrun starts one process;
the second run has the same two processes on one host. Their weights must be the same to the last
bit: their files must have the same SHA-256. Exit 1 if not. A namespace takes root to set up.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from akitsu.files import write_json
from akitsu.recipes.directory import environment

FILES = ("best.safetensors", "final.safetensors")
# A block of addresses that RFC 5737 sets aside for examples: no real network has them.
ADDRESSES = ("192.0.2.1", "192.0.2.2")
PORT = 29500
# For each process, in both runs: another number adds up in another order.
THREADS = 1
RECIPE = (
    *("train", "scenes-masks", "--set", "stop=[60, iteration]"),
    *("--set", "extensions.evaluate=[30, iteration]"),
)


def main() -> int:
    arguments = parsed_arguments()
    if os.geteuid() != 0:
        print("two_hosts: namespaces need root; run this with sudo", file=sys.stderr)
        return 2
    recipe = [*RECIPE, *(part for each in arguments.set for part in ("--set", each))]
    with tempfile.TemporaryDirectory() as scratch:
        document = measure(recipe, Path(scratch), timeout_s=arguments.timeout)
    print(table(document))
    if arguments.output is not None:
        write_json(arguments.output, document)
    return 0 if document["same"] else 1


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each run")
    parser.add_argument("--output", type=Path, default=Path("docs/results/two_hosts.json"))
    return parser.parse_args()


def measure(recipe: list[str], scratch: Path, *, timeout_s: float) -> dict:
    two_hosts, one_host = scratch / "two-hosts", scratch / "one-host"
    with hosts() as cards:
        on_two_hosts(recipe, two_hosts, cards, timeout_s=timeout_s)
    on_one_host(recipe, one_host, timeout_s=timeout_s)
    hashes = {"two hosts": hashes_of(two_hosts), "one host": hashes_of(one_host)}
    return {
        "command": shlex.join(["akitsu", *recipe]),
        "hosts": "two network namespaces on one computer, a virtual Ethernet pair between them",
        "backend": "gloo",
        "sha256": hashes,
        "same": hashes["two hosts"] == hashes["one host"],
        "environment": environment(threads=THREADS),
    }


@contextmanager
def hosts() -> Iterator[dict[str, str]]:
    """Two namespaces with a wire between them, each with its card; gone when the block ends."""
    names = tuple(f"akitsu-{os.getpid()}-{number}" for number in (1, 2))
    cards = tuple(f"ak{os.getpid()}n{number}" for number in (1, 2))
    try:
        for name in names:
            ip("netns", "add", name)
        # Made inside a namespace: with it they go, and with one end the other.
        made = ("link", "add", cards[0], "type", "veth", "peer", "name", cards[1])
        ip("-n", names[0], *made, "netns", names[1])
        for name, card, address in zip(names, cards, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", card)
            ip("-n", name, "link", "set", card, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield dict(zip(names, cards, strict=True))
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"ip {' '.join(words)}: {done.stderr.strip()}")


def on_two_hosts(recipe: list[str], out: Path, cards: dict[str, str], *, timeout_s: float) -> None:
    """One process on each."""
    commands = [
        [
            *("ip", "netns", "exec", name, *torchrun(), "--nnodes", "2", "--nproc-per-node", "1"),
            *("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:{PORT}"),
            *("--rdzv-id", "akitsu", "--local-addr", address),
            # torchrun would know the first host by its name, which both share here.
            *("--rdzv-conf", f"is_host={address == ADDRESSES[0]}"),
            *("-m", "akitsu", *recipe, "--out", str(out)),
        ]
        for name, address in zip(cards, ADDRESSES, strict=True)
    ]
    # Without it gloo looks for a card by the computer's name, which both share.
    variables = [{"GLOO_SOCKET_IFNAME": card} for card in cards.values()]
    run_together(commands, variables, out, timeout_s=timeout_s)


def on_one_host(recipe: list[str], out: Path, *, timeout_s: float) -> None:
    """Both processes here, over the loopback interface."""
    words = ["--nproc-per-node", "2", "-m", "akitsu", *recipe, "--out", str(out)]
    run_together([[*torchrun(), *words]], [{}], out, timeout_s=timeout_s)


def torchrun() -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run"]


def run_together(
    commands: list[list[str]], variables: list[dict[str, str]], out: Path, *, timeout_s: float
) -> None:
    begin_s = time.monotonic()
    threads = dict.fromkeys(("OMP_NUM_THREADS", "AKITSU_THREADS"), str(THREADS))
    processes, files = [], []
    for number, (command, own) in enumerate(zip(commands, variables, strict=True)):
        files.append(out.with_name(f"{out.name}-{number}.txt"))
        with files[-1].open("wb") as stream:
            environ = {**os.environ, **threads, **own}
            processes.append(
                subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environ)
            )
    try:
        for process in processes:
            process.wait(timeout=max(1, begin_s + timeout_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        for process in processes:
            process.terminate()  # torchrun ends its own processes then, which SIGKILL would leave
        for process in processes:
            process.wait()
    if any(process.returncode for process in processes):
        said = "\n".join(file.read_text(errors="replace")[-2000:] for file in files)
        raise SystemExit(f"{said}\nthe run on {out.name} failed")


def hashes_of(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def table(document: dict) -> str:
    lines = [f"{'':10} " + "  ".join(f"{name:17}" for name in FILES)]
    for name, own in document["sha256"].items():
        lines.append(f"{name:10} " + "  ".join(f"{own[file][:16]}…" for file in FILES))
    lines.append("the same weights" if document["same"] else "DIFFERENT WEIGHTS")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
