//! What a test does with a cluster, without a client.

use rehearsal::{Cluster, Error, ErrorCode, NewTopic, Record, SavedCluster};
use std::time::Duration;

#[tokio::test]
async fn seeded_records_go_where_java_would_put_them() {
    let cluster = Cluster::builder().topic("t", 6).start().await.unwrap();
    let places = cluster.seed("t", ["a", "b", "a"].map(|key| Record::new("v").key(key))).unwrap();
    assert_eq!(places[0].0, places[2].0, "one key, one partition");
    assert_eq!((places[0].1.0, places[2].1.0), (0, 1));
    let explicit = cluster.seed("t", [Record::new("v").partition(5)]).unwrap();
    assert_eq!(explicit[0].0.0, 5);
    let round: Vec<i32> =
        cluster.seed("t", (0..6).map(|_| Record::new("v"))).unwrap().iter().map(|place| place.0.0).collect();
    let mut sorted = round.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3, 4, 5], "{round:?}");
}

#[tokio::test]
async fn seeding_is_all_or_nothing() {
    let cluster = Cluster::builder()
        .new_topic(NewTopic::new("t").partitions(2).config("max.message.bytes", "200"))
        .start()
        .await
        .unwrap();
    let check = |records: Vec<Record>, topic: &str, code: ErrorCode, words: &str| {
        match cluster.seed(topic, records) {
            Err(Error::Broker { code: found, message }) => {
                assert_eq!(found, code, "{message}");
                assert!(message.contains(words), "{message}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(cluster.records("t"), []);
    };
    let good = Record::new("good").partition(0);
    check(vec![good.clone()], "u", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there are [t]");
    check(vec![good.clone(), Record::new("x").partition(2)], "t", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "has 2");
    let large = Record::new("x".repeat(300)).partition(1);
    check(vec![good, large], "t", ErrorCode::MESSAGE_TOO_LARGE, "");
}

#[tokio::test]
async fn a_bad_line_of_a_file_is_named_and_nothing_is_written() {
    let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
    let error = cluster.seed_json_lines("t", "{\"n\":1}\n\n{broken\n").unwrap_err().to_string();
    assert!(error.starts_with("text, line 3: "), "{error}");
    assert_eq!(cluster.records("t"), []);
}

#[tokio::test(start_paused = true)]
async fn waiting_in_vain_says_what_was_seen() {
    let cluster = Cluster::in_memory().topic("t", 1).wait_deadline(Duration::from_secs(3)).start().await.unwrap();
    cluster.seed("t", [Record::new("x")]).unwrap();
    let error = cluster.wait_until(|c| c.records("t").len() == 2).await.unwrap_err().to_string();
    assert!(error.contains("within 3s"), "{error}");
    assert!(error.contains("partition 0: offsets 0..1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_change() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let start = tokio::time::Instant::now();
    let change = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.seed("t", [Record::new("x")]).unwrap();
    };
    let (waited, ()) = tokio::join!(cluster.wait_until(|c| c.records("t").len() == 1), change);
    waited.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn clusters_live_side_by_side_and_leave_their_ports_free() {
    let mut clusters = Vec::new();
    for n in 0..20 {
        let cluster = Cluster::builder().brokers(3).topic("t", 1).start().await.unwrap();
        cluster.seed("t", (0..n).map(|_| Record::new("x"))).unwrap();
        clusters.push(cluster);
    }
    for (n, cluster) in clusters.iter().enumerate() {
        assert_eq!(cluster.records("t").len(), n);
    }
    let address = clusters[0].bootstrap_servers().split(',').next().unwrap().to_owned();
    let taken = tokio::net::TcpListener::bind(&address).await.unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    clusters.swap_remove(0).shutdown().await;
    tokio::net::TcpListener::bind(&address).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let cluster = Cluster::start().await.unwrap();
    let port: u16 = cluster.bootstrap_servers().rsplit(':').next().unwrap().parse().unwrap();
    let error = Cluster::builder().port(port).start().await.unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")) && error.contains("choose another port"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_words() {
    let check = async |builder: rehearsal::ClusterBuilder, words: &str| {
        let error = builder.start().await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    check(Cluster::builder().brokers(0), "at least one broker").await;
    check(Cluster::builder().kafka_version("0.7"), "there are 0.11, 1.1").await;
    check(Cluster::builder().broker_config("num.partitions", "many"), "num.partitions").await;
    check(Cluster::builder().topic("no spaces", 1), "INVALID_TOPIC_EXCEPTION").await;
    check(Cluster::builder().new_topic(NewTopic::new("t").partitions(1).replication_factor(2)), "only 1 broker").await;
    check(Cluster::builder().brokers(2).port(65_535), "ports end at 65535").await;
}

#[tokio::test]
async fn a_saved_cluster_starts_as_it_was() {
    let cluster = Cluster::builder().brokers(3).topic("t", 2).start().await.unwrap();
    cluster.seed("t", [Record::new("a").key("k").header("h", "x"), Record::tombstone("k")]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.json");
    cluster.save(&path).unwrap();
    let saved = SavedCluster::load(&path).unwrap();
    let restored = Cluster::builder().restore(saved).start().await.unwrap();
    assert_eq!(restored.records("t"), cluster.records("t"));
    assert_eq!(restored.snapshot().topics, cluster.snapshot().topics);
    assert_eq!(restored.snapshot().cluster_id, cluster.snapshot().cluster_id);
    restored.seed("t", [Record::new("b").key("k")]).unwrap();
    assert_eq!(restored.records("t").len(), 3);
}

#[tokio::test]
async fn a_damaged_file_starts_no_cluster() {
    let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
    cluster.seed("t", [Record::new("a value to be damaged")]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.json");
    cluster.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(SavedCluster::load(&path), Err(Error::Json(_))));
    // "value" in the base64 of the batch.
    let damaged = text.replacen("dmFsdWU", "dmFsdWV", 1);
    let damaged = if damaged == text { text.replacen("AAAA", "AAAB", 3) } else { damaged };
    assert_ne!(damaged, text);
    std::fs::write(&path, damaged).unwrap();
    let error = match SavedCluster::load(&path) {
        Ok(saved) => Cluster::builder().restore(saved).start().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("partition 0"), "{error}");
}
