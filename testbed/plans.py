"""Plans of a game, made up in a thread of its own while they are played on the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

P = TypeVar("P")

#: Plans that wait to be played.
AHEAD = 16
#: Held by whoever makes plans up: hypothesis parses source text, which Python 3.11 cannot do in two threads at once.
MAKING = threading.Lock()


class Plans(Generic[P]):
    """`make` gives each plan to the function it gets, until that returns False; `next` hands them out, `most` of them
    at the most. Whoever makes them up (hypothesis) need not know an event loop."""

    def __init__(self, make: Callable[[Callable[[P], bool]], None], most: int) -> None:
        self._make, self._left = make, most
        self._queue: queue.Queue[P] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="plans", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._make(self._wanted)
        except BaseException as error:  # raised again in whoever waits for a plan
            self._failure = error

    def _wanted(self, plan: P) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(plan, timeout=0.2)
                break
            except queue.Full:
                continue
        self._left -= 1
        return self._left > 0 and not self._stopped.is_set()

    async def next(self) -> P | None:
        """The next plan; None when there is none any more."""
        while True:
            over = not self._thread.is_alive()
            try:
                return self._queue.get_nowait()
            except queue.Empty:
                if over and self._failure is not None:
                    raise self._failure from None
                if over:
                    return None
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        """No further plan is wanted."""
        self._stopped.set()
        self._thread.join(5)
