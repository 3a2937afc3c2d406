"""Shims that are wrong in one way each: the example of the docs, and what a line does to it. `bad_shims.py KIND`."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "docs" / "shim_example.py"


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("shim_example", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = _example()
READY: dict[str, Any] = {
    "event": "ready",
    "protocol": "iot-testbed-shim/1",
    "library": "bad",
    "version": "1",
    "editions": ["mqtt-3.1.1"],
    "features": EXAMPLES.FEATURES,
}


def before(name: str, deed: Callable[[Any, dict[str, Any]], None]) -> None:
    """Let the shim do `deed` before the order `name`."""
    good = getattr(EXAMPLES.Shim, name)

    def bad(shim: Any, order: dict[str, Any]) -> None:
        deed(shim, order)
        good(shim, order)

    bad.__name__ = name
    setattr(EXAMPLES.Shim, name, bad)


def instead(name: str, deed: Callable[[Any, dict[str, Any]], None]) -> None:
    """Let the shim do `deed` instead of the order `name`."""
    deed.__name__ = name
    setattr(EXAMPLES.Shim, name, deed)


def said(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let the shim change what it says."""
    EXAMPLES.say = lambda **members: put(json.dumps(change(members)))


def put(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def flood(line: str, times: int) -> None:
    for _ in range(times):
        sys.stdout.write(line + "\n")


def again(shim: Any, *arguments: Any) -> None:
    """Connect without an order, as libraries do by default."""
    was = shim.established
    GOOD_END(shim, *arguments)
    if was and shim.client is not None:
        shim.client.reconnect()


def disconnected(shim: Any, order: dict[str, Any]) -> None:
    if shim.client is not None:
        shim.client.on_disconnect = None
        shim.client.disconnect()


def colour(order: dict[str, Any], **members: Any) -> None:
    order.update(members)


GOOD_END = EXAMPLES.Shim.on_disconnect
NOTHING: Callable[..., None] = lambda *arguments: None  # noqa: E731
KINDS: dict[str, Callable[[], None]] = {
    "good": NOTHING,
    "mute": lambda: time.sleep(60),
    "chatty-start": lambda: put("Welcome to my shim!"),
    "dies-at-once": lambda: sys.exit("no such module"),
    "other-protocol": lambda: READY.update(protocol="my-shim/2"),
    "misspelt-feature": lambda: READY.update(features=["qos1"]),
    "unknown-edition": lambda: READY.update(editions=["mqtt-6"]),
    "dies": lambda: instead("subscribe", lambda shim, order: sys.exit(7)),
    "hangs": lambda: instead("publish", lambda shim, order: time.sleep(60)),
    "never-answers": lambda: before("publish", lambda shim, order: shim.due.pop(order["id"])),
    "garbage": lambda: before("publish", lambda shim, order: put("DEBUG publishing")),
    "long-line": lambda: before("publish", lambda shim, order: put("x" * 10_000_000)),
    "flood": lambda: before("publish", lambda shim, order: flood('{"event":"message","topic":"t"}', 1_000_000)),
    "flood-of-nothing": lambda: before("publish", lambda shim, order: flood('{"event":"tick"}', 1_000_000)),
    "other-id": lambda: said(lambda members: members | ({"id": members["id"] + 1000} if "id" in members else {})),
    "twice": lambda: before("publish", lambda shim, order: EXAMPLES.say(id=order["id"] - 1, ok=True)),
    "no-number": lambda: said(lambda members: members | {"ok": "yes"}),
    "always-ok": lambda: said(lambda members: members | ({"ok": True} if "ok" in members else {})),
    "other-keep-alive": lambda: before("connect", lambda shim, order: colour(order, keep_alive=99)),
    "no-will": lambda: before("connect", lambda shim, order: colour(order, will=None)),
    "reconnects": lambda: setattr(EXAMPLES.Shim, "on_disconnect", again),
    "polite-reset": lambda: before("reset", disconnected),
    "deaf-at-the-end": lambda: setattr(EXAMPLES.Shim, "serve", on_and_on(EXAMPLES.Shim.serve)),
}


def on_and_on(serve: Callable[[Any], None]) -> Callable[[Any], None]:
    """Do not end with standard input."""

    def bad(shim: Any) -> None:
        serve(shim)
        time.sleep(60)

    return bad


if __name__ == "__main__":
    KINDS[sys.argv[1]]()
    put(json.dumps(READY))
    EXAMPLES.Shim().serve()
