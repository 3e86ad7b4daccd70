//! Connections, metadata and administration against a scripted peer.

use super::fake::Act;
use super::fake::Fake;
use super::*;
use crate::base::ErrorCode;
use crate::config::NewTopic;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::messages::create_topics::CreatableTopicResult;
use crate::wire::messages::create_topics::CreateTopicsResponse;
use crate::wire::messages::metadata::MetadataRequest;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn an_old_broker_is_asked_in_a_version_it_knows() {
    async fn check(max: i16, expected: &[i16]) {
        let fake = Fake::start(1, &[]).await;
        fake.state.lock().unwrap().versions.insert(ApiKey::ApiVersions, Some((0, max)));
        fake.client().await;
        let state = fake.state.lock().unwrap();
        let asked = state.asked.iter().filter(|(_, api, _)| *api == ApiKey::ApiVersions);
        assert_eq!(asked.map(|(_, _, version)| *version).collect::<Vec<_>>(), expected);
    }
    check(4, &[4]).await;
    check(3, &[4, 3]).await;
    check(0, &[4, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn requests_are_pipelined_and_answers_find_their_questions() {
    let fake = Fake::start(1, &[("a", 1), ("b", 2), ("c", 3)]).await;
    let client = fake.client().await;
    let started = Instant::now();
    fake.script(|_, _, _| Act::Delay(Duration::from_millis(10)));
    let ask = async |name: &str| {
        let row =
            crate::wire::messages::metadata::MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![row]), ..Default::default() };
        let response = client.call(Target::Any, &request).await.unwrap();
        (response.topics[0].name.as_deref().unwrap().to_owned(), response.topics[0].partitions.len())
    };
    let (a, b, c) = tokio::join!(ask("a"), ask("b"), ask("c"));
    assert_eq!([a, b, c], [("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)]);
    // The fake answers one after the other, as a broker does.
    assert_eq!(started.elapsed(), Duration::from_millis(30));
    assert_eq!(fake.count(ApiKey::ApiVersions), 1, "one connection is enough");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_with_its_deadline() {
    let fake = Fake::start(1, &[]).await;
    let client = fake.builder().request_timeout(Duration::from_secs(3)).connect().await.unwrap();
    fake.script(|_, _, request| match request {
        Request::Metadata(_) => Act::Ignore,
        _ => Act::Serve,
    });
    let started = Instant::now();
    let request = MetadataRequest::default();
    let (one, other) = tokio::join!(client.call(Target::Any, &request), client.call(Target::Any, &request));
    assert_eq!(one.unwrap_err().to_string(), "Metadata did not finish within 3s");
    assert!(other.unwrap_err().is_retriable());
    assert_eq!(started.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_opened_again() {
    let fake = Fake::start(1, &[]).await;
    let client = fake.client().await;
    fake.script({
        let mut once = Some(Act::Break);
        move |_, _, _| once.take().unwrap_or(Act::Serve)
    });
    let error = client.call(Target::Any, &MetadataRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::Connection { sent: true, .. }), "{error:?}");
    assert_eq!(client.admin().list_topics().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn without_a_broker_connecting_gives_up_in_time_and_says_why() {
    let client = Client::builder()
        .transport(crate::net::Transport::Memory(crate::net::memory::Network::new()))
        .bootstrap_servers("nobody:1, nobody:2")
        .api_timeout(Duration::from_secs(5));
    let started = Instant::now();
    let error = client.connect().await.unwrap_err().to_string();
    assert!(error.contains("last: the connection to nobody:") && error.ends_with("connection refused"), "{error}");
    assert!(started.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn topics_are_created_by_the_controller_even_if_it_moves() {
    let fake = Fake::start(3, &[("old", 1)]).await;
    let client = fake.client().await;
    fake.script({
        let mut refusals = 2;
        move |_, _, request| match request {
            Request::CreateTopics(_) if refusals > 0 => {
                refusals -= 1;
                let code = ErrorCode::NOT_CONTROLLER.code();
                let row = CreatableTopicResult { error_code: code, ..Default::default() };
                Act::Answer(CreateTopicsResponse { topics: vec![row], ..Default::default() }.into())
            }
            _ => Act::Serve,
        }
    });
    let results =
        client.admin().create_topics([NewTopic::new("new").partitions(2), NewTopic::new("old")]).await.unwrap();
    assert_eq!(results.get("new").unwrap().as_ref().unwrap().partitions, Some(2));
    let error = results.get("old").unwrap().as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    assert_eq!(client.admin().list_topics().await.unwrap(), ["new", "old"]);
    let state = fake.state.lock().unwrap();
    assert!(state.asked.iter().all(|(broker, api, _)| *api != ApiKey::CreateTopics || *broker == 3));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_asked_of_each_leader() {
    let fake = Fake::start(2, &[("t", 4)]).await;
    fake.state.lock().unwrap().topics.get_mut("t").unwrap()[3].end = 7;
    let client = fake.client().await;
    let specs = (0..4).map(|index| (TopicPartition::new("t", index).unwrap(), OffsetSpec::Latest));
    let results = client.admin().list_offsets(specs).await;
    assert_eq!(results.iter().count(), 4);
    let last = results.get(&TopicPartition::new("t", 3).unwrap()).unwrap().as_ref().unwrap();
    assert_eq!(last.unwrap().offset.0, 7);
    assert_eq!(fake.count(ApiKey::ListOffsets), 2);

    let missing = TopicPartition::new("t", 9).unwrap();
    let client = fake.builder().api_timeout(Duration::from_secs(2)).connect().await.unwrap();
    let error = client.admin().list_offsets([(missing, OffsetSpec::Latest)]).await.all().unwrap_err();
    let error = error.to_string();
    assert!(error.ends_with("last: Metadata for t-9 was answered with UNKNOWN_TOPIC_OR_PARTITION"), "{error}");
}
