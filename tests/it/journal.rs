//! The journal of a running cluster: what is in it, choosing from it, writing and reading it.

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Record;
use rehearsal::base::BrokerId;
use rehearsal::client::ProducerRecord;
use rehearsal::journal::Event;
use rehearsal::journal::EventKind;
use rehearsal::journal::Filter;
use rehearsal::journal::Journal;

fn lines(journal: &Journal) -> Vec<String> {
    // Without number and time.
    journal.render().lines().map(|line| line[21..].trim().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_groups_is_noted() {
    let cluster = Cluster::in_memory().brokers(3).topic("t", 1).start().await.unwrap();
    let group = cluster.group("g");
    group.commit("t", 0, 0).unwrap();
    group.commit("t", 0, 0).unwrap();
    let old = group.coordinator().unwrap();
    group.move_coordinator(old.0 % 3 + 1).unwrap();
    group.expire_offsets().unwrap();
    let changes = lines(&cluster.recorded(&Filter::new().kind(EventKind::State)));
    let of_group: Vec<&String> = changes.iter().filter(|line| line.starts_with("group")).collect();
    assert_eq!(of_group, ["group g Empty generation 0 members 0", "group g Dead generation 0 members 0"]);
    let elected = format!("__consumer_offsets-3 leader {}", old.0 % 3 + 1);
    assert!(changes.iter().any(|line| line.starts_with(&elected)), "{changes:?}");
}

#[tokio::test(start_paused = true)]
async fn high_watermarks_are_noted_when_asked_for() {
    let count = async |cluster: rehearsal::ClusterBuilder| {
        let cluster = cluster.brokers(3).topic("t", 1).start().await.unwrap();
        cluster.seed("t", [Record::new("a"), Record::new("b")]).unwrap();
        let recorded = cluster.recorded(&Filter::new());
        let moves = recorded.entries().filter_map(|entry| match &entry.event {
            Event::HighWatermark { high_watermark, .. } => Some(high_watermark.0),
            _ => None,
        });
        moves.collect::<Vec<_>>()
    };
    assert_eq!(count(Cluster::in_memory()).await, [0_i64; 0]);
    assert_eq!(count(Cluster::in_memory().note_high_watermarks()).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn entries_are_chosen_written_and_read() {
    let cluster = Cluster::in_memory().brokers(2).topic("t", 2).start().await.unwrap();
    for name in ["one", "two"] {
        let client = Client::builder().endpoint(cluster.endpoint()).client_id(name).connect().await.unwrap();
        let producer = client.producer().build();
        producer.send(ProducerRecord::new("t").partition(0).value(name)).await.unwrap();
    }
    let check = |filter: Filter, expected: usize| {
        let chosen = cluster.recorded(&filter);
        assert_eq!(chosen.entries().len(), expected, "{filter:?}\n{}", chosen.render());
        let text = chosen.to_json_lines();
        let read = Journal::from_json_lines(&text).unwrap();
        assert_eq!(read.to_json_lines(), text);
    };
    let produce = || Filter::new().api(ApiKey::Produce);
    check(produce(), 4);
    check(produce().kind(EventKind::Request), 2);
    check(produce().kind(EventKind::Response).client("two"), 1);
    check(produce().kind(EventKind::Response).client("three"), 0);
    check(produce().broker(BrokerId(2)), 0);
    check(Filter::new().kind(EventKind::Command), 1);
    check(Filter::new().until(cluster.now()).from(cluster.now()), 0);
    let all = cluster.recorded(&Filter::new());
    assert_eq!(Journal::from_json_lines(&all.to_json_lines()).unwrap().render(), all.render());
    assert_eq!(all.render(), cluster.journal());
}
