//! What a test expects of its clients, and what it is told when that does not come.

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Error;
use rehearsal::ErrorCode;
use rehearsal::Expected;
use rehearsal::client::ProducerRecord;
use rehearsal::server::Expectation;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

async fn start() -> Cluster {
    Cluster::in_memory().topic("orders", 2).topic("shipments", 1).start().await.unwrap()
}

async fn produce(cluster: &Cluster, client_id: &str, topic: &str, partition: i32) {
    let client = Client::builder().endpoint(cluster.endpoint()).client_id(client_id).connect().await.unwrap();
    let producer = client.producer().build();
    producer.send(ProducerRecord::new(topic).partition(partition).value("x")).await.unwrap();
}

fn unmet(expectation: Expectation) -> String {
    match expectation.verify() {
        Err(Error::Unmet(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_what_they_are() {
    let cluster = start().await;
    produce(&cluster, "early", "orders", 0).await;
    let all: Vec<(Expectation, u64)> = vec![
        (cluster.expect(ApiKey::Produce), 3),
        (cluster.expect(ApiKey::Produce).to_topic("orders"), 2),
        (cluster.expect(ApiKey::Produce).to_partition("orders", 1), 1),
        (cluster.expect(ApiKey::Produce).from_client("app"), 2),
        (cluster.expect(ApiKey::Produce).from_client("app").to_topic("orders"), 1),
        (cluster.expect(ApiKey::Produce).to_broker(1).answered_with(ErrorCode::NONE), 3),
        (cluster.expect(ApiKey::Produce).to_broker(2), 0),
        (cluster.expect(ApiKey::Produce).answered_with(ErrorCode::MESSAGE_TOO_LARGE), 0),
        (cluster.expect(ApiKey::Produce).in_version(13), 3),
        (cluster.expect(ApiKey::Produce).with_field("acks", -1), 3),
        (cluster.expect(ApiKey::Produce).with_field("topic_data.partition_data.index", 1), 1),
        (cluster.expect(ApiKey::Produce).such_that(|request| request.client_id().len() == 3), 2),
        (cluster.expect(ApiKey::InitProducerId).of_transactional_id("t"), 0),
    ];
    produce(&cluster, "app", "orders", 0).await;
    produce(&cluster, "app", "shipments", 0).await;
    produce(&cluster, "other", "orders", 1).await;
    for (expectation, expected) in all {
        assert_eq!(expectation.count(), expected, "{expectation}");
        expectation.times(expected).verify().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn counts_have_bounds() {
    let cluster = start().await;
    let new = || cluster.expect(ApiKey::Produce);
    let all: Vec<(Expectation, bool)> = vec![
        (new(), true),
        (new().times(2), true),
        (new().times(1), false),
        (new().times(3), false),
        (new().at_least(2), true),
        (new().at_least(3), false),
        (new().at_most(2), true),
        (new().at_most(1), false),
        (new().never(), false),
        (cluster.expect(ApiKey::Fetch).never(), true),
        (cluster.expect(ApiKey::Fetch).at_most(1), true),
        (cluster.expect(ApiKey::Fetch), false),
    ];
    for n in 0..2 {
        produce(&cluster, "app", "orders", n).await;
    }
    for (expectation, expected) in all {
        let text = expectation.to_string();
        assert_eq!(expectation.is_met(), expected, "{text}");
        assert_eq!(expectation.verify().is_ok(), expected, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_kept_whatever_comes_between() {
    let cluster = start().await;
    let produce_to = |topic: &str| Expected::of(ApiKey::Produce).to_topic(topic);
    let right = cluster.expect_in_order([produce_to("orders"), produce_to("shipments")]);
    let wrong = cluster.expect_in_order([produce_to("shipments"), produce_to("orders")]);
    produce(&cluster, "app", "orders", 0).await;
    produce(&cluster, "app", "shipments", 0).await;
    right.times(1).verify().unwrap();
    let message = unmet(wrong);
    let head = "expected [Produce, topic shipments], then [Produce, topic orders] at least once; it came 0 times";
    assert!(message.starts_with(head), "{message}");
    assert!(message.contains("what did not come next: Produce, topic orders\n"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_came_and_what_came_nearest() {
    let cluster = start().await;
    let new = || cluster.expect(ApiKey::Produce).to_topic("orders").from_client("app");
    let (two, group, fetch) =
        (new().times(2), cluster.expect(ApiKey::JoinGroup), cluster.expect(ApiKey::Fetch).never());
    produce(&cluster, "app", "orders", 0).await;
    produce(&cluster, "other", "shipments", 0).await;
    produce(&cluster, "other", "orders", 1).await;

    let message = unmet(two);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "expected [Produce, topic orders, client app] 2 times; it came once");
    assert_eq!(lines[1], "what came:");
    assert!(lines[2].contains(r#"Produce v13 from "app" to broker 1: NONE {"acks":-1,"#), "{message}");
    assert_eq!(lines[3], "nearest miss: not client app but other");
    assert!(lines[4].contains(r#"from "other""#) && lines.len() == 5, "{message}");

    let message = unmet(group);
    assert!(message.contains("no other JoinGroup came; there came 3 Produce, "), "{message}");
    fetch.verify().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_verified_unless_the_test_fails_already() {
    let cluster = start().await;
    let expectation = cluster.expect(ApiKey::Produce);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(expectation))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("expected [Produce] at least once; it came 0 times\n"), "{message}");
    assert!(message.contains("there came nothing"), "{message}");

    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _expectation = cluster.expect(ApiKey::Produce);
        panic!("something else");
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"something else"));
}

#[tokio::test(start_paused = true)]
async fn what_is_expected_can_be_waited_for() {
    let cluster = start().await;
    let expectation = cluster.expect(ApiKey::Produce).from_client("app");
    let (waited, ()) =
        tokio::join!(cluster.wait_until(|_| expectation.is_met()), produce(&cluster, "app", "orders", 0));
    waited.unwrap();
}
