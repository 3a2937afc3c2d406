"""A trial: one case speaking to one device under test, and everything that is recorded of it.

The harness makes a `Trial` for each cell and hands it to the protocol room's tester. The tester opens its
connections through it, so that every one of them carries the same taps: planted faults nearest the DUT, then
the recorder, then the passive rules.
"""

from __future__ import annotations

import errno
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from testbed.dut import Dut, Endpoint
from testbed.findings import Breach, Inconclusive
from testbed.link.serving import Refusal, Served, serve_streams
from testbed.link.stream import Stream, open_stream
from testbed.link.tap import Tap
from testbed.link.tls import tls_context, why_no_tls
from testbed.link.websocket import MQTT, Answer

#: Bytes of one trial that are kept whole; of what comes after, each frame keeps its first 64.
RECORDED = 2 << 20
#: Frames of one trial, both ways; a DUT that sends more is cut off.
FRAMES = 10_000

Way = Literal["sent", "received", "event"]
#: Text of the event that the DUT ended a connection.
LEFT = "closed by the DUT"
#: What this machine may lack for one more connection: not the DUT's fault.
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Shot:
    """One chunk of bytes as it crossed, or one event; `at` is Unix time in nanoseconds at the socket."""

    at: int
    link: int
    way: Way
    data: bytes
    text: str = ""


class Cutter(Protocol):
    """Cuts one direction of a stream into the protocol's frames."""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes; what can never become one comes back as it is."""
        ...

    def rest(self) -> bytes:
        """What came and did not make a whole frame."""
        ...


class _Chunks:
    """No frames: what came is what is recorded."""

    def feed(self, data: bytes) -> list[bytes]:
        return [data]

    def rest(self) -> bytes:
        return b""


class Hearer(Protocol):
    """The tester's end of a connection that the DUT opened."""

    def attach(self, stream: Stream, link: int) -> None:
        """Its stream and number, before anything is heard on it."""
        ...

    def hear(self, data: bytes) -> None:
        """What came, as it came."""
        ...

    def end(self, how: str) -> None:
        """The DUT has closed: `closed` or `reset`."""
        ...


class Watch(Protocol):
    """Passive rules over one connection."""

    def sent(self, data: bytes, frame: int) -> None: ...
    def received(self, data: bytes, frame: int) -> None: ...
    def closed(self, frame: int) -> None: ...


@dataclass(slots=True)
class Trial:
    """Everything one cell needs, and what it leaves behind."""

    dut: Dut
    edition: str
    #: Short and unique within the DUT's life: the prefix of every client id, topic and name of this cell.
    scope: str
    #: Seconds a required answer may take, and seconds of quiet that count as silence.
    patience: float = 5.0
    quiet: float = 0.5
    #: Makers of planted faults (or lossy lines), one tap a connection.
    plants: Sequence[Callable[[], Tap]] = ()
    #: Maker of the watch over one connection; it reports into `breaches`.
    watch: Callable[[Trial, int], Watch] | None = None
    #: Makes the cutter of one direction, for the record.
    cutter: Callable[[], Cutter] = _Chunks
    shots: list[Shot] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)
    #: (local, remote) address of each connection, for the capture.
    addresses: list[tuple[tuple[str, int], tuple[str, int]]] = field(default_factory=list)
    #: The connections that the DUT opened.
    arrived: set[int] = field(default_factory=set)
    #: Bytes that crossed so far.
    recorded: int = 0
    began: int = field(default_factory=time.time_ns)
    #: The first error of ours on any connection, known once it is closed.
    failure: Exception | None = None
    _streams: list[Stream] = field(default_factory=list)
    _listening: list[Served] = field(default_factory=list)

    def note(self, text: str, link: int = 0) -> None:
        """Put an event into the record."""
        self.shots.append(Shot(time.time_ns(), link, "event", b"", text))

    @property
    def left(self) -> bool:
        """Whether the DUT ended a connection, of its own will or because it died."""
        return any(shot.text == LEFT for shot in self.shots if shot.way == "event")

    @property
    def endpoint(self) -> Endpoint:
        """Where the DUT speaks this edition."""
        found = self.dut.endpoint(self.edition)
        if found is None:
            raise Inconclusive(f"the description of {self.dut.name} has no endpoint for {self.edition}")
        return found

    async def connect(
        self,
        on_data: Callable[[bytes], None],
        on_end: Callable[[str], None],
        *,
        way: str = "",
        offer: Sequence[str] = (MQTT,),
        tls: Mapping[str, str | bool] | None = None,
    ) -> tuple[Stream, int]:
        """Open one more connection; returns it and its number. Inconclusive when the DUT does not accept it, OSError
        when this machine has no more sockets.

        `way` is another than the first one that the description names (see `testbed.dut.WAYS`), `offer` are the
        subprotocols of a WebSocket, and `tls` are settings for `tls_context` in the place of the description's.
        """
        where = self.way(way)
        number = len(self.addresses)
        self.addresses.append((("", 0), ("", 0)))
        recorder = _Recorder(self, number)
        taps = [*(make() for make in self.plants), recorder]
        try:
            stream = await open_stream(
                where,
                taps,
                on_data,
                on_end,
                tls=self._tls(tls or {}) if where.secure else None,
                server_name=str(self.dut.parameter("tls-server-name", "")),
                offer=offer,
                patience=self.patience,
            )
        except ssl.SSLError as error:
            raise Inconclusive(f"no TLS with {where}: {why_no_tls(error)}", cause="no connection") from None
        except TimeoutError:
            raise Inconclusive(
                f"{where} did not accept a connection in {self.patience:g} s", cause="no connection"
            ) from None
        except OSError as error:
            if error.errno in OURS:
                raise
            raise Inconclusive(
                f"no connection to {where}: {error.strerror or error}", cause="no connection"
            ) from None
        recorder.stream = stream
        self.addresses[number] = (stream.local, stream.remote)
        self._streams.append(stream)
        return stream, number

    async def listen(
        self,
        endpoint: Endpoint,
        welcome: Callable[[], Hearer],
        *,
        tls: ssl.SSLContext | None = None,
        answer: Callable[[], Answer] = Answer,
        on_refused: Callable[[Refusal], None] | None = None,
    ) -> Endpoint:
        """Let the DUT connect to `endpoint` (port 0: any free one, returned) until the trial ends. `welcome` makes
        the tester's end of each connection, `answer` the answer to a WebSocket handshake; `on_refused` is told of
        connections that never came to be. OSError when nobody can listen there."""

        def accept() -> Stream:
            number = len(self.addresses)
            self.addresses.append((("", 0), ("", 0)))
            self.arrived.add(number)
            recorder = _Recorder(self, number)
            hearer = welcome()
            stream = Stream([*(make() for make in self.plants), recorder], hearer.hear, hearer.end)
            recorder.stream = stream
            self._streams.append(stream)
            hearer.attach(stream, number)
            return stream

        served = await serve_streams(endpoint, accept, tls=tls, answer=answer, on_refused=on_refused)
        self._listening.append(served)
        return served.endpoint

    def way(self, name: str) -> Endpoint:
        """Where the DUT speaks this edition over the way `name`; Inconclusive when its description names no such."""
        if not name:
            return self.endpoint
        found = self.dut.way(name, self.edition)
        if found is None:
            raise Inconclusive(f"the description of {self.dut.name} has no endpoint {name}")
        return found

    def _tls(self, settings: Mapping[str, str | bool]) -> ssl.SSLContext:
        value = self.dut.parameter
        described: dict[str, Any] = {
            "authority": str(value("tls-authority", "")),
            "certificate": str(value("tls-certificate", "")),
            "key": str(value("tls-key", "")),
            "verify": bool(value("tls-verify", True)),
        }
        return tls_context(**described | dict(settings))

    def stop_listening(self) -> None:
        """Let the DUT open no further connection."""
        for served in self._listening:
            served.close()
        self._listening.clear()

    def close(self) -> None:
        """Close every connection and every listening place, quietly."""
        self.stop_listening()
        for stream in self._streams:
            stream.close(abruptly=True)
            self.failure = self.failure or stream.failure
        self._streams.clear()


class _Recorder(Tap):
    """Writes down every frame with its time of arrival, and shows it to the passive rules."""

    def __init__(self, trial: Trial, link: int) -> None:
        self._trial, self._link = trial, link
        self._watch = trial.watch(trial, link) if trial.watch else None
        self._received, self._sent = trial.cutter(), trial.cutter()
        self._over = False
        self.stream: Stream | None = None

    def _record(self, way: Way, frames: list[bytes]) -> None:
        if self.stream is not None:
            self._trial.addresses[self._link] = (self.stream.local, self.stream.remote)
        at, shots, watch = time.time_ns(), self._trial.shots, self._watch
        for frame in frames:
            self._trial.recorded += len(frame)
            kept = frame if self._trial.recorded <= RECORDED else frame[:64]
            shots.append(Shot(at, self._link, way, kept, "" if kept is frame else f"{len(frame)} bytes, not kept"))
            if watch:
                (watch.received if way == "received" else watch.sent)(frame, len(shots) - 1)

    def from_dut(self, data: bytes) -> None:
        frames = self._received.feed(data)
        if len(self._trial.shots) + len(frames) > FRAMES:
            if self.stream is not None:
                self.stream.cut_off(f"{FRAMES} packets")
            return
        self._record("received", frames)
        self.deliver(data)

    def from_tester(self, data: bytes) -> None:
        self._record("sent", self._sent.feed(data))
        self.forward(data)

    def dut_closed(self) -> None:
        self._finish(LEFT)
        self.end()

    def tester_closed(self, abruptly: bool) -> None:
        self._finish("reset by the tester" if abruptly else "closed by the tester")
        self.hang_up(abruptly)

    def _finish(self, text: str) -> None:
        if self._over:
            return
        self._over = True
        ends: tuple[tuple[Way, Cutter], ...] = (("sent", self._sent), ("received", self._received))
        for way, cutter in ends:
            rest = cutter.rest()
            if rest:
                self._trial.shots.append(Shot(time.time_ns(), self._link, way, rest, "incomplete"))
        self._trial.note(text, self._link)
        if self._watch:
            self._watch.closed(len(self._trial.shots) - 1)
