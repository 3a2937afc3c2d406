"""What is said to an MQTT shim and what it says: one JSON object a line, orders on its standard input, replies and
events on its standard output.

A shim wraps a client library in a small program, so that the test bed can tell the library what to do. These types
are the format; `schemas/formats/shim-order.schema.json` and `shim-said.schema.json` are made from them. Properties of
MQTT 5.0 have the standard's names in lower case with underscores (`session_expiry_interval`); binary data and
payloads are hexadecimal text.
"""

from __future__ import annotations

import msgspec

#: What a shim that keeps this format says in its first line.
PROTOCOL = "iot-testbed-shim/1"

Value = int | str | list[int | list[str]]


class Will(msgspec.Struct, omit_defaults=True):
    """The will of a CONNECT."""

    topic: str
    payload: str = ""
    qos: int = 0
    retain: bool = False
    properties: dict[str, Value] = {}


class Tls(msgspec.Struct, omit_defaults=True):
    """How the client secures the connection. Files are PEM."""

    #: The only authority it trusts.
    authority: str
    #: Its own certificate and key, for mutual authentication.
    certificate: str = ""
    key: str = ""
    #: The name it asks for (SNI) and expects in the certificate; the host when empty.
    server_name: str = ""


class Order(msgspec.Struct, omit_defaults=True, tag_field="op"):
    """An order; each is answered by one reply with its `id`."""

    id: int


class Connect(Order, tag="connect"):
    """Open a connection and send CONNECT. The reply comes after CONNACK, or when there will be none.

    The library goes on with what it has kept for this client id since the last `reset`: with `clean` false it sends
    again what it has not seen acknowledged; with `clean` true it is the library that has to forget, where it lets one
    say so to the same client object. It never connects again of its own accord.
    """

    host: str
    port: int
    #: `mqtt-3.1.1` or `mqtt-5.0`.
    edition: str
    client_id: str = ""
    clean: bool = True
    #: Seconds.
    keep_alive: int = 60
    username: str | None = None
    password: str | None = None
    will: Will | None = None
    properties: dict[str, Value] = {}
    #: `tcp`, `tls`, `ws`, `wss` or `unix` (then `path` is the socket).
    transport: str = "tcp"
    #: Path of the WebSocket, or of the socket.
    path: str = ""
    tls: Tls | None = None
    #: Seconds after which the library may give up waiting for CONNACK; the shim answers by then, whatever it does.
    timeout: float = 10.0
    #: Authentication data with which it answers the AUTH packets that ask it to continue, one after the other. The
    #: shim knows no authentication method; who gives the order does.
    answers: list[str] = []


class Filter(msgspec.Struct, omit_defaults=True):
    """One topic filter of a SUBSCRIBE."""

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


class Subscribe(Order, tag="subscribe"):
    """SUBSCRIBE. The reply comes after SUBACK."""

    filters: list[Filter]
    properties: dict[str, Value] = {}


class Unsubscribe(Order, tag="unsubscribe"):
    """UNSUBSCRIBE. The reply comes after UNSUBACK."""

    filters: list[str]
    properties: dict[str, Value] = {}


class Publish(Order, tag="publish"):
    """PUBLISH. The reply comes when the handshake is over; with QoS 0 when the packet was handed to the network.
    Other orders may come meanwhile, and a shim should begin them if its library can."""

    topic: str
    payload: str = ""
    qos: int = 0
    retain: bool = False
    properties: dict[str, Value] = {}


class Disconnect(Order, tag="disconnect"):
    """DISCONNECT, then close. The reply comes after the close."""

    code: int = 0
    properties: dict[str, Value] = {}


class Ping(Order, tag="ping"):
    """PINGREQ now. The reply comes after PINGRESP."""


class Authenticate(Order, tag="authenticate"):
    """Authenticate again (5.0 section 4.12.1). The reply comes after AUTH with success, or the end."""

    #: Authentication data of the first AUTH.
    data: str = ""
    #: And of those that follow, as in `connect`.
    answers: list[str] = []


class Reset(Order, tag="reset"):
    """Close the connection without DISCONNECT, forget every session and message, and be as on the first day."""


Orders = Connect | Subscribe | Unsubscribe | Publish | Disconnect | Ping | Authenticate | Reset

#: Order -> feature that a shim names in `ready` when it takes it; the others every shim takes.
OPTIONAL = {Ping: "ping", Authenticate: "authenticate"}

#: What else a shim may name in `ready`, and what it means.
FEATURES: dict[str, str] = {
    "ping": "takes the order ping",
    "authenticate": "takes the order authenticate",
    "authentication": "answers AUTH while it connects with the `answers` of the order",
    "qos-1": "publishes and subscribes with QoS 1",
    "qos-2": "publishes and subscribes with QoS 2",
    "session": "keeps its session when told to connect with clean false, and sends again what is unacknowledged",
    "in-flight": "begins a PUBLISH while another is not acknowledged",
    "will": "takes a will",
    "credentials": "takes user name and password",
    "properties": "takes the properties of MQTT 5.0",
    "subscription-options": "takes No Local, Retain As Published and Retain Handling",
    "codes": "tells the return and reason codes that came",
    "tls": "connects over TLS",
    "server-name": "asks for the `server_name` of the order where it differs from the host",
    "mutual-tls": "shows a certificate of its own",
    "websocket": "connects over WebSocket",
    "unix": "connects over a Unix socket",
}


class Reply(msgspec.Struct, omit_defaults=True):
    """The answer to an order."""

    id: int
    #: Whether what was ordered is done: acknowledged, and with no code of 0x80 or above.
    ok: bool
    #: Return or reason codes that came, one for each filter; of `connect` that of the CONNACK.
    codes: list[int] = []
    session_present: bool | None = None
    #: Properties of the acknowledgement, where the library tells them.
    properties: dict[str, Value] = {}
    #: What the library said, when not `ok`.
    error: str = ""


class Event(msgspec.Struct, omit_defaults=True, tag_field="event"):
    """Something that happened, unasked."""


class Ready(Event, tag="ready"):
    """The first line."""

    #: `iot-testbed-shim/1`.
    protocol: str
    #: Name and version of the library.
    library: str
    version: str
    #: The editions it speaks.
    editions: list[str]
    features: list[str] = []


class Message(Event, tag="message"):
    """The library handed a message to the application."""

    topic: str
    payload: str = ""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    properties: dict[str, Value] = {}


class Lost(Event, tag="lost"):
    """An established connection has ended, and not because of our order."""

    #: Reason code of the DISCONNECT that came, where there was one and the library tells it.
    code: int | None = None
    error: str = ""


Events = Ready | Message | Lost
