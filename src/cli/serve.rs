//! `rehearsal serve`: start, fill, say where, serve, stop.

use super::arguments::SeedFile;
use super::arguments::Serve;
use super::arguments::new_topics;
use rehearsal::Cluster;
use rehearsal::NewTopic;
use rehearsal::SavedCluster;
use rehearsal::broker::ClusterSnapshot;
use rehearsal::broker::TopicSnapshot;
use serde_json::json;
use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::path::Path;

/// Serves a cluster until SIGINT or SIGTERM.
pub(super) fn run(serve: &Serve) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let interrupted = interrupted()?;
        let cluster = start(serve).await?;
        announce(serve, &cluster)?;
        interrupted.await;
        if let Some(path) = &serve.save_on_exit {
            cluster.save(path)?;
        }
        cluster.shutdown().await;
        Ok(())
    })
}

async fn start(serve: &Serve) -> Result<Cluster, Box<dyn Error>> {
    let mut builder = Cluster::builder()
        .brokers(serve.brokers)
        .host(&serve.host)
        .port(serve.port)
        .racks(&serve.racks)
        .seed(serve.seed);
    for config in &serve.broker_configs {
        builder = builder.broker_config(&config.name, &config.value);
    }
    if let Some(version) = &serve.kafka_version {
        builder = builder.kafka_version(version);
    }
    if let Some(path) = &serve.restore {
        builder = builder.restore(saved(path)?);
    }
    for topic in new_topics(&serve.topics, &serve.topic_configs)? {
        builder = builder.new_topic(topic);
    }
    let cluster = builder.start().await?;
    for SeedFile { path, topic } in &serve.seed_files {
        if !cluster.topic(topic).exists() {
            // As if a client had made it: with `num.partitions`.
            cluster.create_topic(NewTopic::new(topic))?;
        }
        cluster.seed_file(topic, path)?;
    }
    Ok(cluster)
}

fn saved(path: &Path) -> Result<SavedCluster, String> {
    SavedCluster::load(path).map_err(|error| format!("cannot restore a cluster from {}: {error}", path.display()))
}

/// Says that the cluster is there, and where. Whoever reads the first line can connect.
fn announce(serve: &Serve, cluster: &Cluster) -> std::io::Result<()> {
    let snapshot = cluster.snapshot();
    let mut out = std::io::stdout().lock();
    if serve.json {
        writeln!(out, "{}", as_json(serve, cluster, &snapshot))?;
    } else {
        let version =
            serve.kafka_version.as_deref().map_or_else(String::new, |version| format!(" as of Kafka {version}"));
        let brokers = Counted(snapshot.brokers.len(), "broker");
        writeln!(out, "A cluster of {brokers}{version} is ready:\n\n    {}\n", cluster.bootstrap_servers())?;
        write!(out, "{}", Topics(&snapshot.topics))?;
        writeln!(out, "Press Ctrl-C to stop it.")?;
    }
    out.flush()
}

fn as_json(serve: &Serve, cluster: &Cluster, snapshot: &ClusterSnapshot) -> serde_json::Value {
    let topics: Vec<_> = snapshot
        .topics
        .iter()
        .map(|topic| {
            json!({
                "name": topic.name.as_str(),
                "partitions": topic.partitions.len(),
                "replication_factor": replication_factor(topic),
                "records": records(topic),
            })
        })
        .collect();
    let brokers: Vec<_> = snapshot
        .brokers
        .iter()
        .map(|broker| json!({ "id": broker.id.0, "host": broker.host, "port": broker.port, "rack": broker.rack }))
        .collect();
    json!({
        "bootstrap_servers": cluster.bootstrap_servers(),
        "brokers": brokers,
        "cluster_id": snapshot.cluster_id,
        "kafka_version": serve.kafka_version.as_deref().unwrap_or("latest"),
        "pid": std::process::id(),
        "topics": topics,
    })
}

fn replication_factor(topic: &TopicSnapshot) -> usize {
    topic.partitions.first().map_or(0, |partition| partition.replicas.len())
}

/// How many offsets there are to read, which is the number of records until something is compacted.
fn records(topic: &TopicSnapshot) -> i64 {
    topic.partitions.iter().map(|partition| partition.high_watermark.0 - partition.log_start_offset.0).sum()
}

/// The topics as a table; nothing when there are none.
struct Topics<'a>(&'a [TopicSnapshot]);

impl fmt::Display for Topics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(longest) = self.0.iter().map(|topic| topic.name.as_str().len()).max() else { return Ok(()) };
        let width = longest.max("topic".len());
        writeln!(f, "    {:width$}  partitions  replicas  records", "topic")?;
        for topic in self.0 {
            let (name, partitions) = (topic.name.as_str(), topic.partitions.len());
            writeln!(
                f,
                "    {name:width$}  {partitions:>10}  {:>8}  {:>7}",
                replication_factor(topic),
                records(topic)
            )?;
        }
        writeln!(f)
    }
}

/// `1 broker`, `3 brokers`.
struct Counted(usize, &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// A future that is ready when somebody wants the program to end. The signals count from now on.
#[cfg(unix)]
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::SignalKind;
    use tokio::signal::unix::signal;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // An error means that there is no console to press Ctrl-C in; then only killing ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
