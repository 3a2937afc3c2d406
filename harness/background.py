"""A coroutine on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any


class Background:
    """Runs a coroutine on an event loop in a thread of its own."""

    def __init__(self, coroutine: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._make = coroutine
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[Any] | None = None
        self.error: BaseException | None = None
        self._ready = threading.Event()
        # Not `Thread.join`: interrupted by Ctrl-C, Python 3.11 takes a thread that runs for one that has ended.
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._main, name="run", daemon=True)

    def start(self) -> Background:
        self._thread.start()
        self._ready.wait()
        return self

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._go())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self._over.set()

    async def _go(self) -> None:
        self._task = asyncio.current_task()
        self._ready.set()
        await self._make()

    def stop(self) -> None:
        """Cancel, and wait until nothing is left behind."""
        if not self._over.is_set() and self._task is not None:
            self.call(self._task.cancel)
        self._over.wait()

    def call(self, function: Callable[[], object]) -> None:
        """Have `function` called on the loop; nothing happens once it has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until it has ended; False when it has not after `seconds`."""
        return self._over.wait(seconds)
