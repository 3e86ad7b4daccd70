//! Transactional producers of three clients, each against the other's fencing: `tests/interop/fencing.py` runs it.
//!
//! The other clients are processes that are told line by line what to do.

use rehearsal::Cluster;
use rehearsal::NewTopic;
use rehearsal::client::Client;
use rehearsal::client::IsolationLevel;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use rehearsal::client::TransactionError;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::timeout;

const CLIENTS: [&str; 3] = ["rehearsal", "librdkafka", "java"];

/// A producer of some client.
enum Peer {
    Own(mpsc::UnboundedSender<(String, oneshot::Sender<String>)>),
    Process(Child, Option<(ChildStdin, BufReader<ChildStdout>)>),
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Self::Process(child, _) = self {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Peer {
    fn start(client: &str, bootstrap_servers: &str, topic: &str, id: &str) -> Self {
        if client == "rehearsal" {
            let (orders, incoming) = mpsc::unbounded_channel();
            tokio::spawn(obey(incoming, bootstrap_servers.to_owned(), topic.to_owned(), id.to_owned()));
            return Self::Own(orders);
        }
        let variable = format!("FENCING_{}", client.to_uppercase());
        let command = std::env::var(&variable).unwrap_or_else(|_| panic!("{variable} says how to start {client}"));
        let mut words = command.lines();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args([bootstrap_servers, topic, id]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::Process(child, Some((input, BufReader::new(output))))
    }

    /// What it says to an order: `ok`, or what kind of error.
    async fn order(&mut self, order: &str) -> String {
        let answer = async {
            match self {
                Self::Own(orders) => {
                    let (reply, answer) = oneshot::channel();
                    orders.send((order.to_owned(), reply)).unwrap();
                    answer.await.unwrap()
                }
                Self::Process(_, pipes) => {
                    let (mut input, mut output) = pipes.take().expect("it answers one order after the other");
                    let order = order.to_owned();
                    let exchange = tokio::task::spawn_blocking(move || {
                        writeln!(input, "{order}").unwrap();
                        let mut line = String::new();
                        output.read_line(&mut line).unwrap();
                        (line.trim().to_owned(), (input, output))
                    });
                    let (line, back) = exchange.await.unwrap();
                    *pipes = Some(back);
                    line
                }
            }
        };
        timeout(Duration::from_secs(60), answer).await.unwrap_or_else(|_| "no answer".to_owned())
    }

    async fn must(&mut self, orders: &[&str]) {
        for order in orders {
            assert_eq!(self.order(order).await, "ok", "{order}");
        }
    }
}

/// Our own producer as the others are: it does what it is told. A transaction is told in one go.
async fn obey(
    mut orders: mpsc::UnboundedReceiver<(String, oneshot::Sender<String>)>,
    bootstrap_servers: String,
    topic: String,
    id: String,
) {
    let said = |result: Result<(), TransactionError>| match result {
        Ok(()) => "ok".to_owned(),
        Err(error @ TransactionError::Fatal(_)) => format!("fatal {error}"),
        Err(error @ TransactionError::Abortable(_)) => format!("abortable {error}"),
        Err(error) => format!("other {error}"),
    };
    let client = Client::connect(bootstrap_servers.as_str()).await.unwrap();
    let Some((_, reply)) = orders.recv().await else { return };
    let mut producer = match client.producer().transactional(id).init().await {
        Ok(producer) => producer,
        Err(error) => return reply.send(said(Err(error))).unwrap(),
    };
    reply.send("ok".to_owned()).unwrap();
    while let Some((_, reply)) = orders.recv().await {
        let transaction = match producer.begin().await {
            Ok(transaction) => transaction,
            Err(error) => {
                reply.send(said(Err(error))).unwrap();
                continue;
            }
        };
        reply.send("ok".to_owned()).unwrap();
        loop {
            let Some((order, reply)) = orders.recv().await else { return };
            if order == "commit" {
                reply.send(said(transaction.commit().await)).unwrap();
                break;
            }
            let value = order.strip_prefix("send ").unwrap().to_owned();
            let sent = match transaction.enqueue(ProducerRecord::new(&*topic).partition(0).value(value)).await {
                Ok(delivery) => delivery.await.map(drop).map_err(TransactionError::from),
                Err(error) => Err(error),
            };
            reply.send(said(sent)).unwrap();
        }
    }
}

async fn committed(client: &Client, topic: &str) -> Vec<String> {
    let mut consumer = client.consumer().isolation_level(IsolationLevel::ReadCommitted).build();
    consumer.assign_topic(topic, StartFrom::Earliest).await.unwrap();
    let mut values = Vec::new();
    while let Ok(record) = timeout(Duration::from_secs(1), consumer.recv()).await {
        values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
    }
    values
}

async fn each_fences_each(bootstrap_servers: &str) {
    let client = Client::connect(bootstrap_servers).await.unwrap();
    for older in CLIENTS {
        for newer in CLIENTS {
            let topic = format!("fencing-{older}-{newer}-{}", std::process::id());
            client.admin().create_topic(NewTopic::new(topic.as_str())).await.unwrap();
            let mut zombie = Peer::start(older, bootstrap_servers, &topic, &topic);
            zombie.must(&["init", "begin", "send whole", "commit", "begin", "send void"]).await;
            let mut live = Peer::start(newer, bootstrap_servers, &topic, &topic);
            live.must(&["init", "begin", "send live", "commit", "begin", "send open"]).await;
            let said = zombie.order("commit").await;
            assert!(said.starts_with("fatal"), "{older} fenced by {newer}: {said}");
            let again = zombie.order("begin").await;
            assert_ne!(again, "ok", "{older} fenced by {newer}");
            // What the zombie tries does not touch the transaction of the one that is alive.
            live.must(&["commit"]).await;
            assert_eq!(committed(&client, &topic).await, ["whole", "live", "open"], "{older} fenced by {newer}");
            println!("{older} fenced by {newer}: {said}; then {again}");
        }
    }
}

#[tokio::test]
#[ignore = "needs librdkafka's and Kafka's own client: `tests/interop/fencing.py` prepares them and runs this"]
async fn producers_of_three_clients_fence_each_other() {
    if let Ok(bootstrap_servers) = std::env::var("KAFKA_BOOTSTRAP") {
        return each_fences_each(&bootstrap_servers).await;
    }
    for level in [1, 2] {
        let cluster = Cluster::builder().brokers(3).transaction_version(level).start().await.unwrap();
        each_fences_each(&cluster.bootstrap_servers()).await;
    }
}
