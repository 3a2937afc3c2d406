//! rumqttc as a shim (docs/shims.md), for 3.1.1 and 5.0. One thread; each connection is a task on it.

#[macro_use]
mod pump;
mod format;
mod link;
mod properties;
mod v311;
mod v5;

use format::{list, number, say, text, Answer, Refused};
use link::{Kind, Link, PATIENCE};
use rumqttc::Transport;
use serde_json::{json, Value};
use std::{
    collections::HashMap,
    fs,
    panic::{catch_unwind, AssertUnwindSafe},
    rc::Rc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    task::{spawn_local, JoinHandle, LocalSet},
};

/// Requests that may wait in the library's channel.
const MOST_REQUESTS: usize = 4096;
/// Bytes of a line.
const LONGEST_LINE: u64 = 1 << 20;

/// A session of either edition, when no connection has it.
enum Session {
    V311(v311::Session),
    V5(v5::Session),
}

/// The connection that there is or was last: its handle on the library, and the task that gives the session back.
struct Connection {
    link: Rc<Link>,
    client: Client,
    key: String,
    task: JoinHandle<Session>,
}

/// The library's handle is the session's, too; this is what orders need of it.
enum Client {
    V311(rumqttc::AsyncClient),
    V5(rumqttc::v5::AsyncClient),
}

#[derive(Default)]
struct Shim {
    sessions: HashMap<String, Session>,
    connection: Option<Connection>,
}

/// Where to connect, in the library's words.
struct Way {
    transport: Transport,
    host: String,
    port: u16,
}

/// The name to ask for in TLS is that of the host, so another one must lead to the same host.
fn transport(order: &Value) -> Result<Way, Refused> {
    let named = text(&order["tls"], "server_name", "");
    let host = if named.is_empty() { text(order, "host", "") } else { named };
    let port = u16::try_from(number(order, "port", 0)).map_err(|error| error.to_string())?;
    let kind = text(order, "transport", "tcp");
    let url = format!("{kind}://{host}:{port}{}", text(order, "path", ""));
    let way = |transport, host: &str| Ok(Way { transport, host: host.into(), port });
    match kind {
        "tcp" => way(Transport::tcp(), host),
        "unix" => way(Transport::unix(), text(order, "path", "")),
        "ws" => way(Transport::ws(), &url),
        "tls" => {
            let (authority, own) = files(order)?;
            way(Transport::tls(authority, own, None), host)
        }
        "wss" => {
            let (authority, own) = files(order)?;
            way(Transport::wss(authority, own, None), &url)
        }
        _ => Err(format!("no transport is called '{kind}'")),
    }
}

type Pem = Vec<u8>;

fn files(order: &Value) -> Result<(Pem, Option<(Pem, Pem)>), Refused> {
    let tls = &order["tls"];
    let read = |member: &str| fs::read(text(tls, member, "")).map_err(|error| format!("{member}: {error}"));
    let own = !text(tls, "certificate", "").is_empty();
    Ok((read("authority")?, if own { Some((read("certificate")?, read("key")?)) } else { None }))
}

impl Shim {
    /// Ends the connection without DISCONNECT, and keeps its session.
    async fn drop_connection(&mut self) {
        if let Some(Connection { link, key, task, .. }) = self.connection.take() {
            link.silence();
            if let Ok(session) = task.await {
                self.sessions.insert(key, session);
            }
        }
    }

    async fn take(&mut self, line: &[u8]) {
        let order: Value = match serde_json::from_slice(line) {
            Ok(order) => order,
            Err(error) => return say(&Answer::failed(error).reply(0)),
        };
        let id = number(&order, "id", 0);
        let refused = match text(&order, "op", "") {
            "connect" => self.connect(id, &order).await,
            "reset" => {
                self.drop_connection().await;
                self.sessions.clear();
                say(&Answer::default().reply(id));
                Ok(())
            }
            op @ ("subscribe" | "unsubscribe" | "publish" | "disconnect") => self.begin(id, op, &order),
            op => Err(format!("no order is called '{op}'")),
        };
        if let Err(error) = refused {
            say(&Answer::failed(error).reply(id));
        }
    }

    async fn connect(&mut self, id: u64, order: &Value) -> Result<(), Refused> {
        for member in ["host", "port", "edition"] {
            if order[member].is_null() {
                return Err(format!("connect lacks {member}"));
            }
        }
        self.drop_connection().await;
        let (edition, name) = (text(order, "edition", ""), text(order, "client_id", ""));
        let key = format!("{edition} {name}");
        // A client without an id has no session to go on with.
        let kept = self.sessions.remove(&key).filter(|_| !name.is_empty());
        // The library asserts what it does not like.
        let made = catch_unwind(AssertUnwindSafe(|| match (edition, kept) {
            ("mqtt-3.1.1", Some(Session::V311(mut session))) => {
                session.set(v311::options(order)?);
                Ok(Session::V311(session))
            }
            ("mqtt-5.0", Some(Session::V5(mut session))) => {
                session.set(v5::options(order)?);
                Ok(Session::V5(session))
            }
            ("mqtt-3.1.1", _) => Ok(Session::V311(v311::Session::new(v311::options(order)?))),
            ("mqtt-5.0", _) => Ok(Session::V5(v5::Session::new(v5::options(order)?))),
            _ => Err(format!("no edition is called '{edition}'")),
        }));
        let session = made.unwrap_or_else(|_| Err("the library asserts otherwise".into()))?;
        let link = Link::new();
        link.expect(id, Kind::Connect, order["timeout"].as_f64().unwrap_or(10.0));
        let theirs = link.clone();
        let (client, task) = match session {
            Session::V311(session) => (
                Client::V311(session.client.clone()),
                spawn_local(async move { Session::V311(v311::pump(session, theirs).await) }),
            ),
            Session::V5(session) => (
                Client::V5(session.client.clone()),
                spawn_local(async move { Session::V5(v5::pump(session, theirs).await) }),
            ),
        };
        self.connection = Some(Connection { link, client, key, task });
        Ok(())
    }

    fn begin(&mut self, id: u64, op: &str, order: &Value) -> Result<(), Refused> {
        let Some(connection) = self.connection.as_ref().filter(|each| each.link.is_open()) else {
            return Err("not connected".into());
        };
        let (link, client) = (&connection.link, &connection.client);
        let kind = match op {
            "subscribe" => Kind::Subscribe,
            "unsubscribe" => Kind::Unsubscribe,
            "publish" => Kind::Publish,
            _ => Kind::Disconnect,
        };
        match kind {
            Kind::Publish if !order["topic"].is_string() => return Err("publish lacks topic".into()),
            Kind::Unsubscribe if list(order, "filters")?.len() > 1 => {
                return Err("the library unsubscribes from one filter at a time".into());
            }
            _ => {}
        }
        let begun = match client {
            Client::V311(client) => v311::begin(client, kind, order),
            Client::V5(client) => v5::begin(client, kind, order),
        };
        begun?;
        if kind == Kind::Disconnect {
            link.leave();
        }
        link.expect(id, kind, PATIENCE);
        Ok(())
    }
}

async fn serve() {
    let features = [
        "qos-1",
        "qos-2",
        "session",
        "in-flight",
        "will",
        "credentials",
        "properties",
        "subscription-options",
        "codes",
        "tls",
        "mutual-tls",
        "websocket",
        "unix",
    ];
    say(&json!({
        "event": "ready", "protocol": "iot-testbed-shim/1", "library": "rumqttc", "version": env!("CARGO_PKG_VERSION"),
        "editions": ["mqtt-3.1.1", "mqtt-5.0"], "features": features,
    }));
    let mut shim = Shim::default();
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input).take(LONGEST_LINE + 2).read_until(b'\n', &mut line).await;
        match read {
            Ok(n) if n > 0 && line.ends_with(b"\n") => {
                if line.len() > 1 {
                    shim.take(&line).await;
                }
            }
            _ => return,
        }
    }
}

fn main() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("no cryptography for TLS");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, serve()),
        Err(error) => eprintln!("{error}"),
    }
    // The library's tasks must not keep the process.
    std::process::exit(0);
}
