"""Eclipse Paho for Python with what it leaves to its application: the connection ends when the server tells of a
session that this client does not have [MQTT-3.2.2-4]. It is the shim of the known peer with that one thing more."""

from __future__ import annotations

from importlib.metadata import version

from paho_shim import Paho  # pyright: ignore[reportMissingImports]
from shim import Answer, Failed, Order, serve  # pyright: ignore[reportMissingImports]


class Guarded(Paho):
    """Knows for which client identifiers it has a session: those under which it was connected before."""

    def __init__(self) -> None:
        super().__init__()
        self._has: set[str] = set()

    async def connect(self, order: Order) -> Answer:
        """Closes, and says so, where the library would go on."""
        answer = await super().connect(order)
        name, clean = order.get("client_id", ""), order.get("clean", True)
        if answer["session_present"] and (clean or name not in self._has):
            await self.drop()
            raise Failed("the server tells of a session that there is not", **answer)
        self._has.add(name)
        return answer

    async def forget(self) -> None:
        """With the library its sessions go."""
        self._has.clear()
        await super().forget()


if __name__ == "__main__":
    serve(Guarded, library="paho-mqtt", version=version("paho-mqtt"))
