"""Ctrl-C and SIGTERM: how users, schedulers and machines about to vanish ask a process to end."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import active_children, parent_process
from types import FrameType

from auxseg.runtime import bind_opencv
from auxseg.signals import keep

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LAUNCHER = "AUXSEG_LAUNCHER"  # told to the processes that this one starts


class Stopped(BaseException):
    """The process was asked to end; what is done is kept.

    Not an `Exception`, so that nothing takes it for a failure.

    Attributes:
        number: of the signal.
        place: how far the work had come, in words; may be empty.
    """

    def __init__(self, number: int, place: str = "") -> None:
        super().__init__(number, place)
        self.number = number
        self.place = place

    def __str__(self) -> str:
        where = f" {self.place}" if self.place else ""
        return f"stopped by {signal.Signals(self.number).name}{where}"


def stop_on_signals() -> None:
    """Let both signals raise `Stopped` wherever the program is, or after `undisturbed` work."""

    def stop(number: int, _: FrameType | None) -> None:
        if not keep(number):
            raise Stopped(number)

    for number in _SIGNALS:
        signal.signal(number, stop)


def ignore_signals() -> None:
    """Let both signals pass by a process that ends anyway: Python's end does not survive them."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def put_off_stop() -> Iterator[Callable[[], int | None]]:
    """Let both signals be asked for instead: for work that ends well only between its steps.

    Yields:
        A function that gives the number of the signal that came, None until then. A second signal
        ends the process as `Stopped`.
    """
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if came:
            raise Stopped(number)
        came.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: None  # only the main thread hears signals
        return
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield lambda: came[0] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_launcher() -> None:
    """In a process of a training: end when the one that started it ends.

    That is torchrun, or Fabric's first. To be called before the first starts the others: these
    learn its number from it, as one that finds its parent dead cannot tell whose child it was.
    """
    if "LOCAL_WORLD_SIZE" in os.environ:
        launcher = os.getppid()
    elif int(os.environ.get("LOCAL_RANK", 0)) == 0:
        os.environ[_LAUNCHER] = str(os.getpid())
        return
    else:
        launcher = int(os.environ[_LAUNCHER])

    def wait() -> None:
        while os.getppid() == launcher:
            time.sleep(1)

    _end_after(wait)


def begin_worker() -> None:
    """In a spawned worker: leave signals to the parent, end when it ends, and use one core."""
    bind_opencv()
    ignore_signals()
    if (parent := parent_process()) is not None:
        _end_after(parent.join)


def end_workers() -> None:
    """End workers that a failure has left: they heed no signal, and Python would wait for them."""
    for worker in active_children():
        worker.kill()


def _end_after(wait: Callable[[], None]) -> None:
    """End this process, whatever it does, once `wait` has returned."""

    def end() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
