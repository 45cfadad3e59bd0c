"""What several processes have to agree on: when to stop, what was seen, and who speaks."""

from __future__ import annotations

import atexit
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from torch.distributed import DistError, TCPStore  # type: ignore[attr-defined]

from akitsu.errors import AkitsuError, TrainingError

Value = TypeVar("Value")

# Where torchrun's processes leave word of the store that they meet at.
PLACE = "akitsu/place"
LOOK_EVERY_S = 0.2
# How long a process waits for the first one to say the same mistake, before it says it itself.
PATIENCE_S = 2.0
MISTAKE, INTERRUPTED = 2, 130


class Agreement:
    """What all processes have to do alike though only one may know it: stop, and tell the time.

    Asked once an iteration in every process, it answers the same in all: with the news of the
    iteration before, so that they travel while the next step is computed and nobody waits. A
    single process answers itself at once.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric, self._alone = fabric, fabric.world_size == 1
        self._asked: tuple[torch.Tensor, Any] | None = None
        self._answer = False, 0.0

    def reach(self, interrupted: bool, elapsed_s: float) -> tuple[bool, float]:
        """Whether any process was interrupted, and the first process' clock.

        Args:
            interrupted: Whether this one was.
            elapsed_s: Its clock, 0 or more.
        """
        if self._alone:
            return interrupted, elapsed_s
        self._arrive()
        clock_s = elapsed_s if self._fabric.is_global_zero else 0.0
        news = torch.tensor([interrupted, clock_s], dtype=torch.float64, device=self._fabric.device)
        work = torch.distributed.all_reduce(news, async_op=True)
        self._asked = news, work
        return self._answer

    def last(self, interrupted: bool) -> bool:
        """The same at the end, where there is nothing left to compute meanwhile."""
        if self._alone:
            return interrupted
        self.reach(interrupted, 0.0)
        self._arrive()
        return self._answer[0]

    def _arrive(self) -> None:
        if self._asked is None:
            return
        news, work = self._asked
        work.wait()
        interrupted, clock_s = news.tolist()
        self._answer = interrupted > 0, clock_s
        self._asked = None


def meet_anew() -> None:
    """Have the processes of torchrun meet at a store of their own, before Fabric joins them.

    torchrun's store outlives the processes: those that it starts again would find the addresses of
    the dead in it, and call them (github.com/pytorch/pytorch/issues/135712). So the first process
    opens another, and the others look for it until they find it open. Without torchrun nothing
    happens.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != str(True):
        return
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(address, port)
    if int(os.environ["RANK"]) == 0:
        host, free = _free_place(towards=(address, port))
        store.set(PLACE, f"{host} {free}")
    else:
        host, free = _open_place(store)
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = host, free
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = str(False)


def part_at_exit() -> None:
    """Have this process leave the others before Python takes its modules down.

    A process that ends with its connections open now and then aborts in their threads, and
    torchrun reads that as a crash of the training. Fabric sees to it on CUDA only.
    """
    atexit.register(_part)


def _part() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _free_place(*, towards: tuple[str, int]) -> tuple[str, str]:
    """This computer's address, as it is seen from there, and a port that nobody uses."""
    with socket.create_connection(towards) as wire:
        host, family = str(wire.getsockname()[0]), wire.family
    with socket.create_server((host, 0), family=family) as free:
        return host, str(free.getsockname()[1])


def _open_place(store: Any) -> tuple[str, str]:
    """The place where the first process listens; before it does, that of an earlier one is named.

    torchrun ends this process if the first one never comes.
    """
    while True:
        host, port = store.get(PLACE).decode().split()
        try:
            socket.create_connection((host, int(port)), timeout=PATIENCE_S).close()
        except OSError:
            time.sleep(LOOK_EVERY_S)
        else:
            return host, port


@contextmanager
def one_voice(fabric: Fabric) -> Iterator[None]:
    """Whatever ends the block, a person reads one sentence, and sees the first process' exit code.

    Raises:
        AkitsuError: In the first process; in another only if the first did not meet the same.
        TrainingError: In the first process, if another died.
        SystemExit: In the others, silently.
    """
    if fabric.world_size == 1:
        yield
        return
    try:
        yield
    except AkitsuError as error:
        if _is_to_be_said(fabric, error):
            raise
        raise _silent_end(fabric, MISTAKE) from error
    except (KeyboardInterrupt, SystemExit) as error:
        if fabric.is_global_zero:
            raise
        code = error.code if isinstance(error, SystemExit) else INTERRUPTED
        raise _silent_end(fabric, code) from error
    except RuntimeError as error:
        if not _is_a_loss(error):
            raise
        if not fabric.is_global_zero:
            raise _silent_end(fabric, MISTAKE) from error
        raise TrainingError(
            "another process of this training died",
            do="see what it said, and start the same command again: it goes on from the newest "
            "snapshot",
        ) from error


def _is_to_be_said(fabric: Fabric, error: AkitsuError) -> bool:
    """The first process says everything; another what the first does not say soon."""
    key = f"akitsu/{hashlib.sha256(str(error).encode()).hexdigest()}"
    try:
        # A connection of its own to the store at which the processes met.
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, timeout=timedelta(seconds=PATIENCE_S))
        if fabric.is_global_zero:
            store.set(key, "said")
        else:
            store.wait([key])
    except RuntimeError:
        return True
    return bool(fabric.is_global_zero)


def _silent_end(fabric: Fabric, code: Any) -> SystemExit:
    """The end of another process than the first, which torchrun wants to know about.

    Where Fabric started the processes, its watch would take any other code than 0 for a crash, and
    kill the first process while that one still speaks.
    """
    environment = getattr(fabric.strategy, "cluster_environment", None)
    started_by_fabric = environment is not None and not environment.creates_processes_externally
    return SystemExit(0 if started_by_fabric else code)


def _is_a_loss(error: RuntimeError) -> bool:
    """Whether it is what a process sees of another one's death."""
    return isinstance(error, DistError) or "gloo/transport" in str(error)


def in_the_first(fabric: Fabric, act: Callable[[], Value]) -> Value:
    """Let the first process act, and give its result to all.

    Raises:
        AkitsuError: What it raised, in the first process.
        SystemExit: In the others, silently: one of them says what was wrong, and that is enough.
    """
    if fabric.world_size == 1:
        return act()
    outcome: tuple[Any, AkitsuError | None] = (None, None)
    if fabric.is_global_zero:
        try:
            outcome = act(), None
        except AkitsuError as error:
            outcome = None, error
    result, mistake = fabric.broadcast(outcome)
    if mistake is None:
        value: Value = result
        return value
    if fabric.is_global_zero:
        raise mistake
    raise SystemExit(MISTAKE)


def mean_over_processes(fabric: Fabric, values: dict[str, float]) -> dict[str, float]:
    """Each value as the mean over all processes, which have to ask for the same keys."""
    if fabric.world_size == 1 or not values:
        return values
    # Gloo and NCCL know float64; the mean of W floats loses nothing in it.
    together = torch.tensor(list(values.values()), dtype=torch.float64, device=fabric.device)
    torch.distributed.all_reduce(together)
    return dict(zip(values, (together / fabric.world_size).tolist(), strict=True))


def gathered(fabric: Fabric, value: Value) -> list[Value]:
    """The value of every process, in the order of their numbers, in all of them."""
    if fabric.world_size == 1:
        return [value]
    values: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values
