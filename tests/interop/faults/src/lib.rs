//! What the binaries have in common.

pub mod recording;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rehearsal::Cluster;

/// How librdkafka is set up where it is to notice faults soon and to say nothing of them.
pub fn settings(cluster: &Cluster) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("socket.timeout.ms", "1500")
        .set("request.timeout.ms", "1500")
        .set("message.timeout.ms", "20000")
        .set("retry.backoff.ms", "20")
        .set("retry.backoff.max.ms", "50")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "50")
        .set("topic.metadata.refresh.fast.interval.ms", "50")
        .set("linger.ms", "0")
        .set("check.crcs", "true")
        .set_log_level(RDKafkaLogLevel::Emerg);
    settings
}
