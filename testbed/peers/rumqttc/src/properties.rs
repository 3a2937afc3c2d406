//! Properties between the standard's names and the library's structures.

use crate::format::{bytes, hex, Refused};
use rumqttc::v5::mqttbytes::v5::{
    ConnAckProperties, ConnectProperties, LastWillProperties, PublishProperties, SubscribeProperties,
    UnsubscribeProperties,
};
use serde_json::{json, Map, Value};

type Told = Map<String, Value>;

/// The properties of an order; None when there are none, an error when one has no place among `room`.
fn given<'a>(order: &'a Value, room: &[&str]) -> Result<Option<&'a Value>, Refused> {
    let Some(all) = order["properties"].as_object().filter(|all| !all.is_empty()) else { return Ok(None) };
    match all.keys().find(|name| !room.contains(&name.as_str())) {
        Some(name) => Err(format!("the library takes no {name} here")),
        None => Ok(Some(&order["properties"])),
    }
}

fn number<T: TryFrom<u64>>(from: &Value, name: &str) -> Result<Option<T>, Refused> {
    if from[name].is_null() {
        return Ok(None);
    }
    let value = from[name].as_u64().and_then(|value| T::try_from(value).ok());
    value.map(Some).ok_or(format!("{name} is no number that it can be"))
}

fn text(from: &Value, name: &str) -> Option<String> {
    from[name].as_str().map(String::from)
}

fn data(from: &Value, name: &str) -> Result<Option<Vec<u8>>, Refused> {
    if from[name].is_null() {
        return Ok(None);
    }
    bytes(from, name).map(Some)
}

fn user(from: &Value) -> Vec<(String, String)> {
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_string(), pair[1].as_str()?.to_string()));
    from["user_property"].as_array().into_iter().flatten().filter_map(pair).collect()
}

pub fn connect(order: &Value) -> Result<Option<ConnectProperties>, Refused> {
    let room = [
        "session_expiry_interval",
        "receive_maximum",
        "maximum_packet_size",
        "topic_alias_maximum",
        "user_property",
        "request_response_information",
        "request_problem_information",
        "authentication_method",
        "authentication_data",
    ];
    let Some(from) = given(order, &room)? else { return Ok(None) };
    let mut all = ConnectProperties::new();
    all.session_expiry_interval = number(from, "session_expiry_interval")?;
    all.receive_maximum = number(from, "receive_maximum")?;
    all.max_packet_size = number(from, "maximum_packet_size")?;
    all.topic_alias_max = number(from, "topic_alias_maximum")?;
    all.request_response_info = number(from, "request_response_information")?;
    all.request_problem_info = number(from, "request_problem_information")?;
    all.user_properties = user(from);
    all.authentication_method = text(from, "authentication_method");
    all.authentication_data = data(from, "authentication_data")?.map(Into::into);
    Ok(Some(all))
}

pub fn will(order: &Value) -> Result<Option<LastWillProperties>, Refused> {
    let room = [
        "will_delay_interval",
        "payload_format_indicator",
        "message_expiry_interval",
        "content_type",
        "response_topic",
        "correlation_data",
        "user_property",
    ];
    let Some(from) = given(order, &room)? else { return Ok(None) };
    Ok(Some(LastWillProperties {
        delay_interval: number(from, "will_delay_interval")?,
        payload_format_indicator: number(from, "payload_format_indicator")?,
        message_expiry_interval: number(from, "message_expiry_interval")?,
        content_type: text(from, "content_type"),
        response_topic: text(from, "response_topic"),
        correlation_data: data(from, "correlation_data")?.map(Into::into),
        user_properties: user(from),
    }))
}

pub fn publish(order: &Value) -> Result<Option<PublishProperties>, Refused> {
    let room = [
        "payload_format_indicator",
        "message_expiry_interval",
        "topic_alias",
        "response_topic",
        "correlation_data",
        "content_type",
        "user_property",
    ];
    let Some(from) = given(order, &room)? else { return Ok(None) };
    Ok(Some(PublishProperties {
        payload_format_indicator: number(from, "payload_format_indicator")?,
        message_expiry_interval: number(from, "message_expiry_interval")?,
        topic_alias: number(from, "topic_alias")?,
        response_topic: text(from, "response_topic"),
        correlation_data: data(from, "correlation_data")?.map(Into::into),
        user_properties: user(from),
        subscription_identifiers: Vec::new(),
        content_type: text(from, "content_type"),
    }))
}

pub fn subscribe(order: &Value) -> Result<Option<SubscribeProperties>, Refused> {
    let Some(from) = given(order, &["subscription_identifier", "user_property"])? else { return Ok(None) };
    Ok(Some(SubscribeProperties { id: number(from, "subscription_identifier")?, user_properties: user(from) }))
}

pub fn unsubscribe(order: &Value) -> Result<Option<UnsubscribeProperties>, Refused> {
    let Some(from) = given(order, &["user_property"])? else { return Ok(None) };
    Ok(Some(UnsubscribeProperties { user_properties: user(from) }))
}

/// Those that are there.
fn told<const N: usize>(all: [(&str, Option<Value>); N], user: Vec<(String, String)>) -> Told {
    let mut told: Told = all.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect();
    if !user.is_empty() {
        told.insert("user_property".into(), json!(user));
    }
    told
}

pub fn reason(text: Option<String>, user: Vec<(String, String)>) -> Told {
    told([("reason_string", text.map(Value::from))], user)
}

pub fn of_connack(all: ConnAckProperties) -> Told {
    let values = [
        ("session_expiry_interval", all.session_expiry_interval.map(Value::from)),
        ("receive_maximum", all.receive_max.map(Value::from)),
        ("maximum_qos", all.max_qos.map(Value::from)),
        ("retain_available", all.retain_available.map(Value::from)),
        ("maximum_packet_size", all.max_packet_size.map(Value::from)),
        ("assigned_client_identifier", all.assigned_client_identifier.map(Value::from)),
        ("topic_alias_maximum", all.topic_alias_max.map(Value::from)),
        ("reason_string", all.reason_string.map(Value::from)),
        ("wildcard_subscription_available", all.wildcard_subscription_available.map(Value::from)),
        ("subscription_identifier_available", all.subscription_identifiers_available.map(Value::from)),
        ("shared_subscription_available", all.shared_subscription_available.map(Value::from)),
        ("server_keep_alive", all.server_keep_alive.map(Value::from)),
        ("response_information", all.response_information.map(Value::from)),
        ("server_reference", all.server_reference.map(Value::from)),
        ("authentication_method", all.authentication_method.map(Value::from)),
        ("authentication_data", all.authentication_data.map(|data| hex(&data).into())),
    ];
    told(values, all.user_properties)
}

pub fn of_publish(all: PublishProperties) -> Told {
    let identifiers = all.subscription_identifiers;
    let values = [
        ("payload_format_indicator", all.payload_format_indicator.map(Value::from)),
        ("message_expiry_interval", all.message_expiry_interval.map(Value::from)),
        ("topic_alias", all.topic_alias.map(Value::from)),
        ("response_topic", all.response_topic.map(Value::from)),
        ("correlation_data", all.correlation_data.map(|data| hex(&data).into())),
        ("content_type", all.content_type.map(Value::from)),
        ("subscription_identifier", (!identifiers.is_empty()).then(|| json!(identifiers))),
    ];
    told(values, all.user_properties)
}
