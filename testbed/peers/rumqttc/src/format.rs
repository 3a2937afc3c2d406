//! What is said: members of an order, and an answer.

use serde_json::{json, Map, Value};

/// Why an order is refused or failed.
pub type Refused = String;

pub fn text<'a>(from: &'a Value, member: &str, otherwise: &'a str) -> &'a str {
    from[member].as_str().unwrap_or(otherwise)
}

pub fn number(from: &Value, member: &str, otherwise: u64) -> u64 {
    from[member].as_u64().unwrap_or(otherwise)
}

pub fn flag(from: &Value, member: &str, otherwise: bool) -> bool {
    from[member].as_bool().unwrap_or(otherwise)
}

pub fn bytes(from: &Value, member: &str) -> Result<Vec<u8>, Refused> {
    let hex = text(from, member, "");
    if hex.len() % 2 != 0 || !hex.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Err(format!("{member} is not hexadecimal"));
    }
    Ok((0..hex.len()).step_by(2).filter_map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect())
}

pub fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn list<'a>(from: &'a Value, member: &str) -> Result<&'a Vec<Value>, Refused> {
    from[member].as_array().filter(|list| !list.is_empty()).ok_or_else(|| format!("{member} is no list, or empty"))
}

/// What came, in the words of a reply.
#[derive(Default)]
pub struct Answer {
    pub codes: Vec<u64>,
    pub present: Option<bool>,
    pub properties: Map<String, Value>,
    pub error: Option<String>,
}

impl Answer {
    pub fn codes(codes: Vec<u64>) -> Self {
        Answer { codes, ..Answer::default() }
    }

    pub fn failed(error: impl ToString) -> Self {
        Answer { error: Some(error.to_string()), ..Answer::default() }
    }

    /// Not ok for an error, and for a code that refuses.
    pub fn ok(&self) -> bool {
        self.error.is_none() && self.codes.iter().all(|code| *code < 0x80)
    }

    pub fn reply(self, id: u64) -> Value {
        let mut reply = json!({"id": id, "ok": self.ok()});
        if !self.codes.is_empty() {
            reply["codes"] = json!(self.codes);
        }
        if let Some(present) = self.present {
            reply["session_present"] = json!(present);
        }
        if !self.properties.is_empty() {
            reply["properties"] = Value::Object(self.properties);
        }
        if let Some(error) = self.error {
            reply["error"] = json!(error);
        }
        reply
    }
}

/// Writes one line.
pub fn say(what: &Value) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{what}").and_then(|_| out.flush()).is_err() {
        std::process::exit(1);
    }
}
