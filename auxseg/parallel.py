"""Work in processes beside the network's, in order and with bounded memory."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from auxseg.stopping import begin_worker

Result = TypeVar("Result")

_PENDING_A_WORKER = 2


def process_map(
    function: Callable[..., Result], jobs: Iterable[tuple[Any, ...]], workers: int
) -> Iterator[Result]:
    """Yield function(*job) for every job, in the jobs' order.

    Jobs are drawn from the iterable in this process while `workers` others compute, so a generator
    that runs a network keeps it busy. One worker means this process itself.
    """
    if workers == 1:
        yield from (function(*job) for job in jobs)
        return
    # Spawned: a forked child of a process with torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    pending: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(workers, context, begin_worker) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(function, *job))
                if len(pending) >= workers * _PENDING_A_WORKER:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
