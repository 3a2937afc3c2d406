//! 5.0. The library tells reason codes as words; they get the standard's numbers back here.

use crate::{
    format::{bytes, flag, hex, list, number, text, Answer, Refused},
    link::{Kind, Link, Watch},
    properties, transport, MOST_REQUESTS,
};
use rumqttc::{
    v5::{
        mqttbytes::{
            v5::{
                ConnAck, ConnectReturnCode, Filter, LastWill, PubAck, PubComp, PubRec, Publish, RetainForwardRule,
                SubAck, SubscribeReasonCode, UnsubAck,
            },
            QoS,
        },
        AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Request, StateError,
    },
    Outgoing,
};
use serde_json::{json, Value};
use std::{fmt::Debug, rc::Rc, time::Duration};

pump!();

/// The library asserts at least this much, in seconds.
const LEAST_KEEP_ALIVE: u64 = 5;

pub fn options(order: &Value) -> Result<MqttOptions, Refused> {
    let way = transport(order)?;
    let keep_alive = number(order, "keep_alive", 60);
    if keep_alive < LEAST_KEEP_ALIVE {
        return Err(format!("the library takes no keep alive below {LEAST_KEEP_ALIVE} s"));
    }
    let mut options = MqttOptions::new(text(order, "client_id", ""), way.host, way.port);
    options.set_transport(way.transport);
    options.set_keep_alive(Duration::from_secs(keep_alive));
    options.set_clean_start(flag(order, "clean", true));
    options.set_connection_timeout(order["timeout"].as_f64().unwrap_or(10.0).ceil() as u64);
    if order["username"].is_string() || order["password"].is_string() {
        options.set_credentials(text(order, "username", ""), text(order, "password", ""));
    }
    if let Some(given) = properties::connect(order)? {
        options.set_connect_properties(given);
    }
    let will = &order["will"];
    if will.is_object() {
        let (topic, payload) = (text(will, "topic", ""), bytes(will, "payload")?);
        options.set_last_will(LastWill::new(
            topic,
            payload,
            qos(will)?,
            flag(will, "retain", false),
            properties::will(will)?,
        ));
    }
    Ok(options)
}

impl Session {
    pub fn set(&mut self, options: MqttOptions) {
        self.events.options = options;
    }
}

/// Hands an order to the library, which takes it in the order of calls.
pub fn begin(client: &AsyncClient, kind: Kind, order: &Value) -> Result<(), Refused> {
    match kind {
        Kind::Subscribe => subscribe(client, order),
        Kind::Unsubscribe => unsubscribe(client, order),
        Kind::Publish => publish(client, order),
        Kind::Disconnect => disconnect(client, order),
        Kind::Connect => Err("connect is no order to a connection".into()),
    }
}

fn subscribe(client: &AsyncClient, order: &Value) -> Result<(), Refused> {
    let mut filters = Vec::new();
    for each in list(order, "filters")? {
        let mut filter = Filter::new(text(each, "filter", ""), qos(each)?);
        filter.nolocal = flag(each, "no_local", false);
        filter.preserve_retain = flag(each, "retain_as_published", false);
        filter.retain_forward_rule = match number(each, "retain_handling", 0) {
            0 => RetainForwardRule::OnEverySubscribe,
            1 => RetainForwardRule::OnNewSubscribe,
            2 => RetainForwardRule::Never,
            other => return Err(format!("there is no Retain Handling {other}")),
        };
        filters.push(filter);
    }
    let sent = match properties::subscribe(order)? {
        Some(given) => client.try_subscribe_many_with_properties(filters, given),
        None => client.try_subscribe_many(filters),
    };
    sent.map_err(|error| error.to_string())
}

fn unsubscribe(client: &AsyncClient, order: &Value) -> Result<(), Refused> {
    let filter = list(order, "filters")?[0].as_str().ok_or("a filter is no text")?;
    let sent = match properties::unsubscribe(order)? {
        Some(given) => client.try_unsubscribe_with_properties(filter, given),
        None => client.try_unsubscribe(filter),
    };
    sent.map_err(|error| error.to_string())
}

fn publish(client: &AsyncClient, order: &Value) -> Result<(), Refused> {
    let (topic, payload) = (text(order, "topic", "").to_string(), bytes(order, "payload")?);
    let (qos, retain) = (qos(order)?, flag(order, "retain", false));
    let sent = match properties::publish(order)? {
        Some(given) => client.try_publish_with_properties(topic, qos, retain, payload, given),
        None => client.try_publish(topic, qos, retain, payload),
    };
    sent.map_err(|error| error.to_string())
}

fn disconnect(client: &AsyncClient, order: &Value) -> Result<(), Refused> {
    if number(order, "code", 0) != 0 || order["properties"].as_object().is_some_and(|given| !given.is_empty()) {
        return Err("the library says DISCONNECT without code and properties".into());
    }
    client.try_disconnect().map_err(|error| error.to_string())
}

fn qos(from: &Value) -> Result<QoS, Refused> {
    match number(from, "qos", 0) {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        2 => Ok(QoS::ExactlyOnce),
        other => Err(format!("there is no QoS {other}")),
    }
}

/// Words of the library's enumerations and their numbers in 5.0 section 2.4.
const CODES: &[(&str, u64)] = &[
    ("Success", 0x00),
    ("NoMatchingSubscribers", 0x10),
    ("NoSubscriptionExisted", 0x11),
    ("Failure", 0x80),
    ("Unspecified", 0x80),
    ("UnspecifiedError", 0x80),
    ("MalformedPacket", 0x81),
    ("ProtocolError", 0x82),
    ("ImplementationSpecific", 0x83),
    ("ImplementationSpecificError", 0x83),
    ("UnsupportedProtocolVersion", 0x84),
    ("ClientIdentifierNotValid", 0x85),
    ("BadUserNamePassword", 0x86),
    ("NotAuthorized", 0x87),
    ("ServerUnavailable", 0x88),
    ("ServerBusy", 0x89),
    ("Banned", 0x8A),
    ("BadAuthenticationMethod", 0x8C),
    ("TopicFilterInvalid", 0x8F),
    ("TopicNameInvalid", 0x90),
    ("PacketIdentifierInUse", 0x91),
    ("PkidInUse", 0x91),
    ("PacketIdentifierNotFound", 0x92),
    ("PacketTooLarge", 0x95),
    ("QuotaExceeded", 0x97),
    ("PayloadFormatInvalid", 0x99),
    ("RetainNotSupported", 0x9A),
    ("QoSNotSupported", 0x9B),
    ("UseAnotherServer", 0x9C),
    ("ServerMoved", 0x9D),
    ("SharedSubscriptionsNotSupported", 0x9E),
    ("ConnectionRateExceeded", 0x9F),
    ("SubscriptionIdNotSupported", 0xA1),
    ("WildcardSubscriptionsNotSupported", 0xA2),
];

fn code(word: impl Debug) -> u64 {
    let word = format!("{word:?}");
    CODES.iter().find(|(name, _)| *name == word).map_or(0x80, |(_, code)| *code)
}

fn connack(packet: ConnAck) -> Answer {
    Answer {
        present: Some(packet.session_present),
        properties: packet.properties.map(properties::of_connack).unwrap_or_default(),
        ..Answer::codes(vec![code(packet.code)])
    }
}

fn refusal(word: ConnectReturnCode) -> u64 {
    code(word)
}

fn suback(packet: SubAck) -> Answer {
    let codes = packet.return_codes.into_iter().map(|each| match each {
        SubscribeReasonCode::Success(qos) => qos as u64,
        refused => code(refused),
    });
    let told = packet.properties.map(|given| properties::reason(given.reason_string, given.user_properties));
    Answer { properties: told.unwrap_or_default(), ..Answer::codes(codes.collect()) }
}

fn unsuback(packet: UnsubAck) -> Answer {
    let told = packet.properties.map(|given| properties::reason(given.reason_string, given.user_properties));
    Answer { properties: told.unwrap_or_default(), ..Answer::codes(packet.reasons.into_iter().map(code).collect()) }
}

fn puback(packet: PubAck) -> Answer {
    let told = packet.properties.map(|given| properties::reason(given.reason_string, given.user_properties));
    Answer { properties: told.unwrap_or_default(), ..Answer::codes(vec![code(packet.reason)]) }
}

fn pubrec(packet: PubRec) -> Answer {
    let told = packet.properties.map(|given| properties::reason(given.reason_string, given.user_properties));
    Answer { properties: told.unwrap_or_default(), ..Answer::codes(vec![code(packet.reason)]) }
}

fn pubcomp(packet: PubComp) -> Answer {
    let told = packet.properties.map(|given| properties::reason(given.reason_string, given.user_properties));
    Answer { properties: told.unwrap_or_default(), ..Answer::codes(vec![code(packet.reason)]) }
}

fn lost_code(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => Some(*reason_code as u64),
        _ => None,
    }
}

fn message(packet: Publish) -> Value {
    json!({
        "event": "message", "topic": String::from_utf8_lossy(&packet.topic), "payload": hex(&packet.payload),
        "qos": packet.qos as u8, "retain": packet.retain, "dup": packet.dup,
        "properties": packet.properties.map(properties::of_publish).unwrap_or_default(),
    })
}
