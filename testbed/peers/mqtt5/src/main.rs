//! The broker of the crate mqtt5 on the loopback address: mqtt5-broker PORT, or mqtt5-broker version.

use std::error::Error;

use mqtt5::broker::{BrokerConfig, MqttBroker};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).ok_or("usage: mqtt5-broker PORT")?;
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
    MqttBroker::with_config(config).await?.run().await?;
    Ok(())
}
