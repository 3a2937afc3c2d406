"""The half of a shim that is the same for every Python library: orders in, replies and events out (docs/shims.md).

A library's half is a class with one coroutine per order (`Library`). It returns what came, raises `Failed` or the
library's own exception when it did not work out, and calls `message` and `lost` when something happens unasked:

    class Mine: ...
    serve(Mine, library="mine", version="1.0")

Whatever the library prints goes to standard error. Needs nothing but Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

PROTOCOL = "iot-testbed-shim/1"
#: Bytes of a line.
LONGEST_LINE = 1 << 20
#: Seconds until an order other than `connect` is answered, whatever the library does.
ANSWER = 5.0
#: Seconds for dropping a connection.
DROP = 1.0
#: Blocking calls of a library that may be stuck at once.
MOST_THREADS = 64

#: An order as it came, and the members of a reply beside `id` and `ok`.
Order = dict[str, Any]
Answer = dict[str, Any]


class Failed(Exception):
    """An order is not done; `members` are what the reply says besides the text."""

    def __init__(self, text: str, **members: Any) -> None:
        super().__init__(text)
        self.members = members


class Library(Protocol):
    """What a shim knows of its library. Orders that it does not take need no method."""

    editions: tuple[str, ...]
    features: tuple[str, ...]

    async def connect(self, order: Order) -> Answer:
        """After CONNACK; `codes`, `session_present` and `properties` as the library tells them."""
        ...

    async def subscribe(self, order: Order) -> Answer:
        """After SUBACK."""
        ...

    async def unsubscribe(self, order: Order) -> Answer:
        """After UNSUBACK."""
        ...

    async def publish(self, order: Order) -> Answer:
        """At the end of the handshake."""
        ...

    async def disconnect(self, order: Order) -> Answer:
        """After the close."""
        ...

    async def drop(self) -> None:
        """Close the connection, if there is one, without DISCONNECT; sessions stay."""
        ...

    async def forget(self) -> None:
        """Forget everything; called after `drop`."""
        ...


class Awaited:
    """Answers that a library gives through callbacks, each under a key."""

    def __init__(self) -> None:
        self._waiting: dict[object, asyncio.Future[Any]] = {}

    async def get(self, key: object) -> Any:
        """What `put` brings for `key`; `Failed` when `fail` comes first."""
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            return await future
        finally:
            if self._waiting.get(key) is future:
                del self._waiting[key]

    def put(self, key: object, value: Any) -> None:
        """Somebody who waits for `key` gets `value`; nobody waits, nothing happens."""
        future = self._waiting.get(key)
        if future is not None and not future.done():
            future.set_result(value)

    def fail(self, text: str) -> None:
        """The connection has ended: whoever waits gets `Failed`."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Failed(text))


def say(**members: Any) -> None:
    """One line to the test bed; members that are None are left out. From any thread."""
    line = json.dumps({key: value for key, value in members.items() if value is not None}).encode() + b"\n"
    with _SAYING:
        while line:
            line = line[os.write(_OUT, line) :]


def message(
    topic: str, payload: bytes, qos: int, retain: bool, dup: bool = False, properties: Mapping[str, Any] | None = None
) -> None:
    """The library handed a message to the application."""
    say(
        event="message",
        topic=topic,
        payload=bytes(payload).hex(),
        qos=qos,
        retain=bool(retain),
        dup=bool(dup),
        properties=dict(properties or {}),
    )


def lost(code: int | None = None, error: object = "") -> None:
    """An established connection has ended, and not by our order."""
    say(event="lost", code=code, error=str(error))


def serve(make: Callable[[], Library], *, library: str, version: str) -> None:
    """Serve orders until standard input ends; the process ends with it."""
    asyncio.run(_serve(make, library, version))


# Standard output is ours alone: what a library prints must not get between the lines.
_OUT = os.dup(1)
os.dup2(2, 1)
_SAYING = threading.Lock()


async def _serve(make: Callable[[], Library], library: str, version: str) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(MOST_THREADS))
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    mine = make()
    say(
        event="ready",
        protocol=PROTOCOL,
        library=library,
        version=version,
        editions=mine.editions,
        features=mine.features,
    )
    reading = threading.Thread(target=_read, args=(loop, lines), daemon=True)
    reading.start()
    orders = _Orders(mine)
    while line := await lines.get():
        orders.take(line)
    # Threads of the library, and executors that wait for them, must not keep the process.
    os._exit(0)


def _read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes]) -> None:
    """Standard input, line by line, and an empty line at its end."""
    for line in iter(lambda: sys.stdin.buffer.readline(LONGEST_LINE + 2), b""):
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, b"")


_Task = asyncio.Task[None]


class _Orders:
    """Begins each order as it comes, whatever is under way, and answers each once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._under_way: set[_Task] = set()

    def take(self, line: bytes) -> None:
        """Begin what `line` orders."""
        number = 0
        try:
            order = json.loads(line)
            number = int(order["id"])
            begin = self._beginning(str(order["op"]))
            limit = min(float(order.get("timeout", 10.0)), 3600.0) if order["op"] == "connect" else ANSWER
        except Failed as error:
            return say(id=number, ok=False, error=str(error))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return say(id=number, ok=False, error=f"is no order: {_text(error)}")
        # What came before, a connect or a reset ends; what came behind it, not.
        before = frozenset(self._under_way)
        task = asyncio.ensure_future(_answered(number, begin(order, before), limit))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return None

    def _beginning(self, op: str) -> Callable[[Order, frozenset[_Task]], Coroutine[Any, Any, Answer]]:
        """What carries out the order `op`, told of the orders before it."""
        if op == "connect":
            return self._connect
        if op == "reset":
            return self._reset
        found = getattr(self._library, op, None) if op in _OF_THE_LIBRARY else None
        if found is None:
            raise Failed(f"the order {op!r} is not taken here")
        return lambda order, before: found(order)

    async def _connect(self, order: Order, before: frozenset[_Task]) -> Answer:
        """One connection at a time; and one that comes too late, nobody wants."""
        await self._end(before)
        try:
            return await self._library.connect(order)
        except BaseException:
            # Some libraries make an error of their own of it that they are cancelled.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                await self._drop()
            raise

    async def _reset(self, order: Order, before: frozenset[_Task]) -> Answer:
        try:
            await self._end(before)
        finally:
            # A library that cannot even let go of its connection must not carry it into the next case.
            await self._library.forget()
        return {}

    async def _end(self, before: frozenset[_Task]) -> None:
        """End the orders before this one, and the connection."""
        for task in before:
            task.cancel()
        if before:
            await asyncio.wait(before, timeout=DROP)
        await self._drop()

    async def _drop(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._library.drop(), DROP)


_OF_THE_LIBRARY = ("subscribe", "unsubscribe", "publish", "disconnect", "ping", "authenticate")


async def _answered(number: int, work: Coroutine[Any, Any, Answer], limit: float) -> None:
    """Answer order `number` with what comes of `work`, or with what went wrong, within `limit` seconds."""
    try:
        async with asyncio.timeout(limit):
            answer = await work
    except TimeoutError as error:
        say(id=number, ok=False, error=str(error) or f"no answer within {limit:g} s")
    except asyncio.CancelledError:
        say(id=number, ok=False, error="ended by the next order")
    except Failed as error:
        say(id=number, ok=False, error=str(error), **error.members)
    except Exception as error:  # whatever a library raises is its answer
        say(id=number, ok=False, error=_text(error))
    else:
        refused = any(code >= 0x80 for code in answer.get("codes", ()))
        say(id=number, ok=not refused, **answer)


def _text(error: Exception) -> str:
    """An exception in a line."""
    if isinstance(error, KeyError):
        return f"lacks {error}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
