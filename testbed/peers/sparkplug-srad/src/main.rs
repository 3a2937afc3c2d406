//! srad as an edge node with one device: sparkplug-srad HOST PORT NODE, or sparkplug-srad version.

use std::time::Duration;

use async_trait::async_trait;
use srad::client_rumqtt as rumqtt;
use srad::eon::simple_manager::{SimpleManagerMetric, SimpleMetricBuilder, SimpleMetricManager};
use srad::eon::{
    BirthInitializer, BirthMetricDetails, DeviceHandle, EoNBuilder, MessageMetrics, MetricManager, NodeHandle,
    NodeMetricManager,
};
use srad::types::{Template, TemplateMetadata};
use tokio::signal::unix::{signal, SignalKind};

#[derive(Template, Default, Clone)]
struct Point {
    x: f64,
    y: f64,
}

impl TemplateMetadata for Point {
    fn template_name() -> &'static str {
        "Point"
    }
}

/// The node's metrics, and beside them an instance of a template.
#[derive(Clone)]
struct Metrics(SimpleMetricManager<NodeHandle>);

impl MetricManager for Metrics {
    fn initialise_birth(&self, birth: &mut BirthInitializer) {
        self.0.initialise_birth(birth);
        let details = BirthMetricDetails::new_template_metric("Arm", Point::default());
        birth.register_template_metric(details).expect("a name that is free");
    }
}

#[async_trait]
impl NodeMetricManager for Metrics {
    fn init(&self, handle: &NodeHandle) {
        self.0.init(handle);
    }

    async fn on_ncmd(&self, node: NodeHandle, metrics: MessageMetrics) {
        self.0.on_ncmd(node, metrics).await;
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
    let [host, port, name] = &words[..] else {
        return Err("usage: sparkplug-srad HOST PORT NODE".into());
    };
    let options = rumqtt::MqttOptions::new(name, host, port.parse()?);
    let (events, client) = rumqtt::EventLoop::new(options, 64);
    let node = Metrics(SimpleMetricManager::new());
    let (eon, handle) = EoNBuilder::new(events, client)
        .with_group_id("plant")
        .with_node_id(name)
        .with_metric_manager(node.clone())
        .with_rebirth_cmd_cooldown(Duration::ZERO)
        .register_template::<Point>()
        .build()?;

    let valve_metrics = SimpleMetricManager::new();
    let valve = handle.register_device("valve", valve_metrics.clone()).expect("a name that is free");
    valve_metrics.register_metric(SimpleMetricBuilder::new("Opening", 2_i32).with_cmd_handler(
        |manager: SimpleMetricManager<DeviceHandle>, metric: SimpleManagerMetric<i32, DeviceHandle>, value| async move {
            _ = manager.publish_metric(metric.update(|held| *held = value.unwrap_or(0))).await;
        },
    ));
    node.0.register_metric(SimpleMetricBuilder::new("Setpoint", 1_i32).with_cmd_handler(
        |manager: SimpleMetricManager<NodeHandle>, metric: SimpleManagerMetric<i32, NodeHandle>, value| async move {
            _ = manager.publish_metric(metric.update(|held| *held = value.unwrap_or(0))).await;
        },
    ));
    let lost = valve.clone();
    node.0.register_metric(SimpleMetricBuilder::new("Lose device", false).with_cmd_handler(
        move |manager: SimpleMetricManager<NodeHandle>, metric: SimpleManagerMetric<bool, NodeHandle>, value| {
            let valve = lost.clone();
            async move {
                if value == Some(true) {
                    valve.disable();
                } else {
                    valve.enable();
                }
                _ = manager.publish_metric(metric.update(|held| *held = value == Some(true))).await;
            }
        },
    ));
    valve.enable();

    let mut ended = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        ended.recv().await;
        handle.cancel().await;
    });
    eon.run().await;
    Ok(())
}
