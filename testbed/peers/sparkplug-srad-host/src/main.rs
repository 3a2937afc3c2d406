//! srad as a host application: sparkplug-srad-host HOST PORT ID, or sparkplug-srad-host version.
//!
//! It asks for rebirths, and controls: when the metric `Trigger` of a node or a device changes, it writes the same number
//! to its metric `Target`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use srad::app::generic_app::{ApplicationBuilder, MetricStore, RebirthConfig, StateUpdateError};
use srad::app::{
    AppClient, MetricBirthDetails, MetricDetails, NodeIdentifier, PublishMetric, PublishTopic, SubscriptionConfig,
};
use srad::client_rumqtt as rumqtt;
use srad::types::MetricId;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::mpsc;

/// What is to be written: where, which metric, and the number.
type Write = (PublishTopic, MetricId, i32);

struct Store {
    node: Arc<NodeIdentifier>,
    device: Option<String>,
    /// The metrics of the last birth.
    metrics: HashMap<MetricId, String>,
    writes: mpsc::UnboundedSender<Write>,
}

impl Store {
    fn new(node: &Arc<NodeIdentifier>, device: Option<String>, writes: &mpsc::UnboundedSender<Write>) -> Self {
        Self { node: node.clone(), device, metrics: HashMap::new(), writes: writes.clone() }
    }

    fn topic(&self) -> PublishTopic {
        match &self.device {
            Some(device) => PublishTopic::new_device_cmd(&self.node.group, &self.node.node, device),
            None => PublishTopic::new_node_cmd(&self.node.group, &self.node.node),
        }
    }
}

impl MetricStore for Store {
    fn set_stale(&mut self) {}

    fn update_from_birth(&mut self, details: Vec<(MetricBirthDetails, MetricDetails)>) -> Result<(), StateUpdateError> {
        self.metrics = details.iter().map(|(birth, _)| (birth.get_metric_id(), birth.name.clone())).collect();
        Ok(())
    }

    fn update_from_data(&mut self, details: Vec<(MetricId, MetricDetails)>) -> Result<(), StateUpdateError> {
        for (id, data) in details {
            let name = self.metrics.get(&id).ok_or(StateUpdateError::UnknownMetric)?;
            if name != "Trigger" {
                continue;
            }
            let number = data.value.and_then(|value| i32::try_from(value).ok()).ok_or(StateUpdateError::InvalidValue)?;
            if let Some((target, _)) = self.metrics.iter().find(|(_, name)| *name == "Target") {
                _ = self.writes.send((self.topic(), target.clone(), number));
            }
        }
        Ok(())
    }
}

async fn write_all(client: AppClient, mut writes: mpsc::UnboundedReceiver<Write>) {
    while let Some((topic, id, number)) = writes.recv().await {
        _ = client.publish_metrics(topic, vec![PublishMetric::new(id, number)]).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "version") {
        // This package carries the version of the crate it wraps.
        println!("{}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let [host, port, id] = &words[..] else {
        return Err("usage: sparkplug-srad-host HOST PORT ID".into());
    };
    let options = rumqtt::MqttOptions::new(id, host, port.parse()?);
    let (events, client) = rumqtt::EventLoop::new(options, 64);
    let (writes, read) = mpsc::unbounded_channel();
    let rebirths = RebirthConfig {
        rebirth_cooldown: Duration::ZERO,
        reorder_timeout: Some(Duration::from_secs(1)),
        ..RebirthConfig::default()
    };
    let (application, client) = ApplicationBuilder::new(id, events, client, SubscriptionConfig::AllGroups)
        .with_rebirth_config(rebirths)
        .on_node_created(move |node| {
            let (id, writes) = (node.id().clone(), writes.clone());
            node.register_metric_store(Store::new(&id, None, &writes));
            node.on_device_created(move |device| {
                device.register_metric_store(Store::new(&id, Some(device.name().to_string()), &writes));
            });
        })
        .build();
    tokio::spawn(write_all(client.clone(), read));

    let mut ended = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        ended.recv().await;
        client.cancel().await;
    });
    application.run().await;
    Ok(())
}
