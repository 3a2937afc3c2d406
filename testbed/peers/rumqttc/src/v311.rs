//! 3.1.1.

use crate::{
    format::{bytes, flag, hex, list, number, text, Answer, Refused},
    link::{Kind, Link, Watch},
    transport, MOST_REQUESTS,
};
use rumqttc::{
    AsyncClient, ConnAck, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, LastWill, MqttOptions,
    Outgoing, PubAck, PubComp, PubRec, Publish, QoS, Request, SubAck, SubscribeFilter, SubscribeReasonCode, UnsubAck,
};
use serde_json::{json, Value};
use std::{rc::Rc, time::Duration};

pump!();

pub fn options(order: &Value) -> Result<MqttOptions, Refused> {
    let way = transport(order)?;
    let mut options = MqttOptions::new(text(order, "client_id", ""), way.host, way.port);
    options.set_transport(way.transport);
    options.set_keep_alive(Duration::from_secs(number(order, "keep_alive", 60)));
    options.set_clean_session(flag(order, "clean", true));
    // Its default of 10 KiB is a limit for applications, not for the protocol.
    options.set_max_packet_size(1 << 28, 1 << 28);
    if order["username"].is_string() || order["password"].is_string() {
        options.set_credentials(text(order, "username", ""), text(order, "password", ""));
    }
    let will = &order["will"];
    if will.is_object() {
        let payload = bytes(will, "payload")?;
        options.set_last_will(LastWill::new(text(will, "topic", ""), payload, qos(will)?, flag(will, "retain", false)));
    }
    Ok(options)
}

impl Session {
    pub fn set(&mut self, options: MqttOptions) {
        self.events.mqtt_options = options;
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
        filters.push(SubscribeFilter::new(text(each, "filter", "").into(), qos(each)?));
    }
    client.try_subscribe_many(filters).map_err(|error| error.to_string())
}

fn unsubscribe(client: &AsyncClient, order: &Value) -> Result<(), Refused> {
    let filter = list(order, "filters")?[0].as_str().ok_or("a filter is no text")?;
    client.try_unsubscribe(filter).map_err(|error| error.to_string())
}

fn publish(client: &AsyncClient, order: &Value) -> Result<(), Refused> {
    let (topic, retain) = (text(order, "topic", ""), flag(order, "retain", false));
    client.try_publish(topic, qos(order)?, retain, bytes(order, "payload")?).map_err(|error| error.to_string())
}

fn disconnect(client: &AsyncClient, _: &Value) -> Result<(), Refused> {
    client.try_disconnect().map_err(|error| error.to_string())
}

fn qos(from: &Value) -> Result<QoS, Refused> {
    let level = number(from, "qos", 0);
    u8::try_from(level).ok().and_then(|level| rumqttc::qos(level).ok()).ok_or(format!("there is no QoS {level}"))
}

fn connack(packet: ConnAck) -> Answer {
    Answer { present: Some(packet.session_present), ..Answer::codes(vec![packet.code as u64]) }
}

fn refusal(code: ConnectReturnCode) -> u64 {
    code as u64
}

fn suback(packet: SubAck) -> Answer {
    let code = |code: &SubscribeReasonCode| match code {
        SubscribeReasonCode::Success(qos) => *qos as u64,
        SubscribeReasonCode::Failure => 0x80,
    };
    Answer::codes(packet.return_codes.iter().map(code).collect())
}

fn unsuback(_: UnsubAck) -> Answer {
    Answer::default()
}

fn puback(_: PubAck) -> Answer {
    Answer::default()
}

fn pubrec(_: PubRec) -> Answer {
    Answer::default()
}

fn pubcomp(_: PubComp) -> Answer {
    Answer::default()
}

fn lost_code(_: &ConnectionError) -> Option<u64> {
    None
}

fn message(packet: Publish) -> Value {
    json!({
        "event": "message", "topic": packet.topic, "payload": hex(&packet.payload), "qos": packet.qos as u8,
        "retain": packet.retain, "dup": packet.dup,
    })
}
