//! How much memory peers can make a cluster take. In a process of its own, whose resident memory is looked at.
//!
//! The bounds are several times what is needed on Linux today; elsewhere nothing is measured.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "it/peer.rs"]
mod peer;

use peer::Peer;
use rehearsal::Cluster;
use rehearsal::net::Stream;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::compression::Compression;
use rehearsal::wire::messages as m;
use rehearsal::wire::{Request, Response};
use std::fs;
use std::process::Command;

const MIB: usize = 1 << 20;

fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// The memory that is resident now.
fn resident() -> usize {
    status("VmRSS")
}

/// Says how much `used` is, and that it is not more than `bound`.
fn check(what: &str, used: usize, bound: usize) {
    println!("{what}: {} KiB of at most {}", used / 1024, bound / 1024);
    assert!(used <= bound, "{what}: {used} bytes, more than {bound}");
}

/// Forgets the peak so far.
fn forget_peak() -> usize {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    resident()
}

fn peak_since(before: usize) -> usize {
    status("VmHWM").saturating_sub(before)
}

/// Runs a test of this file alone in a process: what others have freed would hide what this one takes.
fn alone(name: &str, run: impl Future<Output = ()>) {
    const ALONE: &str = "REHEARSAL_MEMORY_TEST";
    if std::env::var_os(ALONE).is_some() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run);
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args([name, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{said}");
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            alone(stringify!($name), measured::$name());
        })*
    };
}

tests! {
    idle_connections_in_memory
    idle_connections_over_tcp
    frames_that_never_come
    bombs
    a_long_journal
    kept_requests
    a_thousand_clusters
}

fn metadata() -> Request {
    Request::Metadata(m::metadata::MetadataRequest { topics: None, ..Default::default() })
}

async fn settle(cluster: &Cluster, connections: usize) {
    cluster
        .wait_until(|c| c.journal().lines().filter(|line| line.contains(" from ")).count() >= connections)
        .await
        .unwrap();
}

mod measured {
    use super::*;

    pub(super) async fn idle_connections_in_memory() {
        let cluster = Cluster::in_memory().start().await.unwrap();
        let endpoint = cluster.endpoint();
        let before = resident();
        let mut idle: Vec<Stream> = Vec::new();
        for _ in 0..10_000 {
            idle.push(endpoint.transport().dial(&endpoint.addresses()[0]).await.unwrap());
        }
        settle(&cluster, 10_000).await;
        check("one of 10,000 idle connections in memory", resident().saturating_sub(before) / 10_000, 8 * 1024);
        let mut last = Peer::connect(&cluster).await;
        assert!(matches!(last.ask(9, metadata()).await, Response::Metadata(_)), "who comes last is served");
        drop(idle);
        cluster.shutdown().await;
    }

    pub(super) async fn idle_connections_over_tcp() {
        let limits = fs::read_to_string("/proc/self/limits").unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let files = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
        // Both ends are ours.
        let count = 10_000.min(files.saturating_sub(200) / 2);
        let cluster = Cluster::start().await.unwrap();
        let before = resident();
        let mut idle = Vec::new();
        for _ in 0..count {
            let mut peer = Peer::connect(&cluster).await;
            peer.send(9, metadata()).await;
            assert!(peer.receive().await.is_some());
            idle.push(peer);
        }
        let what = format!("one of {count} connections over TCP that asked once");
        check(&what, resident().saturating_sub(before) / count, 12 * 1024);
        drop(idle);
        cluster.shutdown().await;
    }

    /// A hundred megabytes are announced, ten bytes come.
    pub(super) async fn frames_that_never_come() {
        let cluster = Cluster::in_memory().start().await.unwrap();
        let before = forget_peak();
        let mut slow = Vec::new();
        for _ in 0..200 {
            let mut peer = Peer::connect(&cluster).await;
            peer.write(&100_000_000i32.to_be_bytes()).await;
            peer.write(&[0; 10]).await;
            slow.push(peer);
        }
        settle(&cluster, 200).await;
        assert!(matches!(Peer::connect(&cluster).await.ask(9, metadata()).await, Response::Metadata(_)));
        check("200 frames of 100 MB that never come", peak_since(before), 16 * MIB);
        cluster.shutdown().await;
    }

    pub(super) async fn bombs() {
        let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
        let mut builder = BatchBuilder::new().compression(Compression::Gzip);
        builder.append(cluster.timestamp(), Some(b"k"), Some(&vec![0; 24 * MIB]), &[]);
        let records = builder.build().unwrap().to_bytes();
        assert!(records.len() < 110 * 1024, "{}", records.len());
        let before = forget_peak();
        let row = m::produce::PartitionProduceData { index: 0, records: Some(records.into()), ..Default::default() };
        let topic = m::produce::TopicProduceData { name: "t".into(), partition_data: vec![row], ..Default::default() };
        let request = m::produce::ProduceRequest { acks: 1, topic_data: vec![topic], ..Default::default() };
        let mut peer = Peer::connect(&cluster).await;
        for _ in 0..20 {
            let Response::Produce(response) = peer.ask(9, Request::Produce(request.clone())).await else { panic!() };
            assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        }
        assert_eq!((cluster.records("t").len(), cluster.topic("t").unreadable().len()), (0, 20));
        check("20 bombs of 100 KiB that are looked at", peak_since(before), 64 * MIB);
        cluster.shutdown().await;
    }

    pub(super) async fn a_long_journal() {
        let limits = rehearsal::journal::JournalLimits { bytes_max: 8 * MIB, ..Default::default() };
        let cluster = Cluster::in_memory().journal(limits).topic("t", 1_000).start().await.unwrap();
        let mut peer = Peer::connect(&cluster).await;
        let before = forget_peak();
        // Each answer is small as bytes and large as a value; each request is small and would fit into its buffer often.
        for _ in 0..200 {
            peer.ask(9, metadata()).await;
        }
        check("a journal of 200 answers with 1,000 partitions, bounded to 8 MiB", peak_since(before), 24 * MIB);
        assert!(cluster.requests().len() < 200);
        cluster.shutdown().await;
    }

    /// Each comes alone into a buffer for more, which a journal or a log must not keep alive with it.
    pub(super) async fn kept_requests() {
        let cluster = Cluster::in_memory().start().await.unwrap();
        let mut peer = Peer::connect(&cluster).await;
        let before = forget_peak();
        for _ in 0..20_000 {
            peer.ask(9, metadata()).await;
        }
        assert_eq!(cluster.requests().len(), 20_000);
        check("a journal of 20,000 small requests and answers", peak_since(before), 32 * MIB);
        cluster.shutdown().await;
    }

    pub(super) async fn a_thousand_clusters() {
        let round = async |count: usize| {
            for n in 0..count {
                let cluster = Cluster::builder().brokers(3).topic("t", 3).start().await.unwrap();
                let mut peer = Peer::connect(&cluster).await;
                peer.ask(9, metadata()).await;
                if n % 2 == 0 {
                    cluster.shutdown().await;
                }
            }
            tokio::task::yield_now().await;
        };
        round(50).await;
        let files = || fs::read_dir("/proc/self/fd").unwrap().count();
        let (before, open) = (resident(), files());
        round(950).await;
        check("a thousand clusters one after the other", resident().saturating_sub(before), 8 * MIB);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(files() <= open, "{} files are open, {open} before", files());
    }
}
