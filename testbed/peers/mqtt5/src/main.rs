//! The broker of the crate mqtt5 on the loopback address: mqtt5-broker PORT [WEBSOCKET_PORT], or mqtt5-broker version.
//!
//! Whoever names no Authentication Method is let in; with SCRAM-SHA-256 the user "tester" has to know "secret".

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::broker::config::WebSocketConfig;
use mqtt5::broker::{
    AuthProvider, AuthResult, BrokerConfig, EnhancedAuthResult, MqttBroker, ScramCredentialStore, ScramCredentials,
    ScramSha256AuthProvider,
};
use mqtt5::packet::connect::ConnectPacket;

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The one user.
struct Tester(ScramCredentials);

impl ScramCredentialStore for Tester {
    fn get_credentials(&self, username: &str) -> Option<ScramCredentials> {
        (username == "tester").then(|| self.0.clone())
    }
}

/// The crate's own SCRAM, beside which anybody may come without a method.
struct Open(ScramSha256AuthProvider<Tester>);

impl AuthProvider for Open {
    fn authenticate<'a>(&'a self, _: &'a ConnectPacket, _: SocketAddr) -> Later<'a, mqtt5::error::Result<AuthResult>> {
        Box::pin(async { Ok(AuthResult::success()) })
    }

    fn authorize_publish<'a>(&'a self, _: &str, _: Option<&'a str>, _: &'a str) -> Later<'a, bool> {
        Box::pin(async { true })
    }

    fn authorize_subscribe<'a>(&'a self, _: &str, _: Option<&'a str>, _: &'a str) -> Later<'a, bool> {
        Box::pin(async { true })
    }

    fn supports_enhanced_auth(&self) -> bool {
        true
    }

    fn authenticate_enhanced<'a>(
        &'a self,
        method: &'a str,
        data: Option<&'a [u8]>,
        client: &'a str,
    ) -> Later<'a, mqtt5::error::Result<EnhancedAuthResult>> {
        self.0.authenticate_enhanced(method, data, client)
    }

    fn reauthenticate<'a>(
        &'a self,
        method: &'a str,
        data: Option<&'a [u8]>,
        client: &'a str,
        user: Option<&'a str>,
    ) -> Later<'a, mqtt5::error::Result<EnhancedAuthResult>> {
        self.0.reauthenticate(method, data, client, user)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).ok_or("usage: mqtt5-broker PORT [WEBSOCKET_PORT]")?;
    if argument == "version" {
        // This package carries the version of the crate it wraps.
        println!("{}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let mut config = BrokerConfig {
        bind_addresses: vec![format!("127.0.0.1:{argument}").parse()?],
        ..Default::default()
    };
    // Its default, 2^28, is one more than some clients can hold, which then refuse the CONNACK.
    config.max_packet_size = (1 << 28) - 1;
    config.auth_config.allow_anonymous = true;
    config.storage_config.enable_persistence = false;
    if let Some(port) = std::env::args().nth(2) {
        let address: SocketAddr = format!("127.0.0.1:{port}").parse()?;
        config.websocket_config = Some(WebSocketConfig::new().with_bind_address(address));
    }
    let known = Arc::new(Tester(ScramCredentials::from_password("secret")?));
    let provider = Arc::new(Open(ScramSha256AuthProvider::new(known)));
    MqttBroker::with_config(config).await?.with_auth_provider(provider).run().await?;
    Ok(())
}
