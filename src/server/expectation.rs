//! Expectations: which requests a test says will come, how many, and what is wrong when they do not.
//!
//! Not here: making anything happen; that is a client's, and where it must not work, a fault's.

use super::cluster::Cluster;
use super::epitaph::is_failing;
use super::error::Error;
use super::error::Result;
use super::exchange::Exchange;
use super::expected::Expected;
use super::expected::Seen;
use super::shell::Shell;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// How many requests a message shows before it only counts.
const SHOWN: usize = 20;

impl Cluster {
    /// Expects requests of an API from now on: at least one, unless the [`Expectation`] is told otherwise.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use rehearsal::client::ProducerRecord;
    /// use rehearsal::{ApiKey, Client, Cluster};
    ///
    /// let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
    /// let produced = cluster.expect(ApiKey::Produce).to_topic("orders").from_client("app").times(2);
    /// let never = cluster.expect(ApiKey::CreateTopics).never();
    ///
    /// let client = Client::builder().endpoint(&cluster).client_id("app").connect().await?;
    /// let producer = client.producer().build();
    /// producer.send(ProducerRecord::new("orders").value("two books")).await?;
    /// producer.send(ProducerRecord::new("orders").value("a map")).await?;
    ///
    /// produced.verify()?;
    /// drop(never); // verifies, too
    /// # Ok(()) }
    /// ```
    pub fn expect(&self, api: ApiKey) -> Expectation {
        self.expectation(vec![Expected::of(api)])
    }

    /// Expects requests in this order from now on; others may come between them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use rehearsal::client::ProducerRecord;
    /// use rehearsal::{ApiKey, Client, Cluster, Expected};
    ///
    /// let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
    /// let idempotent = cluster.expect_in_order([
    ///     Expected::of(ApiKey::InitProducerId),
    ///     Expected::of(ApiKey::Produce).to_partition("orders", 0),
    /// ]);
    /// let producer = Client::connect(&cluster).await?.producer().build();
    /// producer.send(ProducerRecord::new("orders").value("two books")).await?;
    /// idempotent.verify()?;
    /// # Ok(()) }
    /// ```
    pub fn expect_in_order(&self, steps: impl IntoIterator<Item = Expected>) -> Expectation {
        self.expectation(steps.into_iter().collect())
    }

    fn expectation(&self, steps: Vec<Expected>) -> Expectation {
        let from = self.shell().look(|engine, _| engine.journal().recorded());
        Expectation { shell: self.shared_shell(), steps, count: Count { min: 1, max: u64::MAX }, from, is_done: false }
    }
}

/// Requests that are expected from the moment at which it was made.
///
/// Verified by [`Expectation::verify`], or else when it is dropped: then what is not as expected panics, unless the test
/// is panicking already. Made by [`Cluster::expect`] and [`Cluster::expect_in_order`].
#[must_use = "an expectation that is dropped at once expects what has happened already"]
pub struct Expectation {
    shell: Arc<Shell>,
    /// One, or those that have to come one after the other.
    steps: Vec<Expected>,
    count: Count,
    /// The journal's number of the first entry that counts.
    from: u64,
    is_done: bool,
}

#[derive(Clone, Copy)]
struct Count {
    min: u64,
    max: u64,
}

impl Expectation {
    fn describe(mut self, change: impl FnOnce(Expected) -> Expected) -> Self {
        if let Some(last) = self.steps.pop() {
            self.steps.push(change(last));
        }
        self
    }

    /// As [`Expected::to_topic`].
    pub fn to_topic(self, topic: impl Into<String>) -> Self {
        self.describe(|expected| expected.to_topic(topic))
    }

    /// As [`Expected::to_partition`].
    pub fn to_partition(self, topic: impl Into<String>, partition: i32) -> Self {
        self.describe(|expected| expected.to_partition(topic, partition))
    }

    /// As [`Expected::of_group`].
    pub fn of_group(self, group: impl Into<String>) -> Self {
        self.describe(|expected| expected.of_group(group))
    }

    /// As [`Expected::of_transactional_id`].
    pub fn of_transactional_id(self, id: impl Into<String>) -> Self {
        self.describe(|expected| expected.of_transactional_id(id))
    }

    /// As [`Expected::from_client`].
    pub fn from_client(self, client_id: impl Into<String>) -> Self {
        self.describe(|expected| expected.from_client(client_id))
    }

    /// As [`Expected::to_broker`].
    pub fn to_broker(self, broker: i32) -> Self {
        self.describe(|expected| expected.to_broker(broker))
    }

    /// As [`Expected::in_version`].
    pub fn in_version(self, version: i16) -> Self {
        self.describe(|expected| expected.in_version(version))
    }

    /// As [`Expected::answered_with`].
    pub fn answered_with(self, code: ErrorCode) -> Self {
        self.describe(|expected| expected.answered_with(code))
    }

    /// As [`Expected::with_field`].
    pub fn with_field(self, path: impl Into<String>, value: impl Into<Value>) -> Self {
        self.describe(|expected| expected.with_field(path, value))
    }

    /// As [`Expected::such_that`].
    pub fn such_that(self, predicate: impl Fn(&Exchange) -> bool + Send + Sync + 'static) -> Self {
        self.describe(|expected| expected.such_that(predicate))
    }

    /// Exactly so many; in order, the whole sequence so often.
    pub fn times(mut self, count: u64) -> Self {
        self.count = Count { min: count, max: count };
        self
    }

    /// So many or more.
    pub fn at_least(mut self, count: u64) -> Self {
        self.count = Count { min: count, max: u64::MAX };
        self
    }

    /// So many or fewer, none included.
    pub fn at_most(mut self, count: u64) -> Self {
        self.count = Count { min: 0, max: count };
        self
    }

    /// None.
    pub fn never(self) -> Self {
        self.times(0)
    }

    /// How many have come; in order, how often the whole sequence.
    pub fn count(&self) -> u64 {
        self.shell.look(|engine, _| self.seen(engine)).count(self)
    }

    /// Whether, by now, everything is as expected. To wait for it:
    /// `cluster.wait_until(|_| expectation.is_met()).await`.
    pub fn is_met(&self) -> bool {
        (self.count.min..=self.count.max).contains(&self.count())
    }

    /// Ends the expectation.
    ///
    /// # Errors
    /// [`Error::Unmet`], which says what was expected, what came, and what came nearest to it.
    pub fn verify(mut self) -> Result<()> {
        self.is_done = true;
        self.unmet().map_or(Ok(()), |message| Err(Error::Unmet(message)))
    }

    fn unmet(&self) -> Option<String> {
        let seen = self.shell.look_unless_poisoned(|engine| self.seen(engine))?;
        let count = seen.count(self);
        (!(self.count.min..=self.count.max).contains(&count)).then(|| seen.message(self, count))
    }

    fn seen(&self, engine: &crate::broker::Engine) -> AllSeen {
        let journal = engine.journal();
        let exchanges = Exchange::all(journal).into_iter().filter(|exchange| exchange.sequence() >= self.from);
        let names = |id| engine.topic_name(id);
        let requests = exchanges.map(|exchange| Seen::new(exchange, &names)).collect();
        AllSeen { requests, lost: journal.dropped().saturating_sub(self.from) }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        if self.is_done || is_failing() {
            return;
        }
        if let Some(message) = self.unmet() {
            panic!("{message}");
        }
    }
}

/// What has come since an expectation was made.
struct AllSeen {
    requests: Vec<Seen>,
    /// How many entries the journal has dropped of that time.
    lost: u64,
}

impl AllSeen {
    fn count(&self, expectation: &Expectation) -> u64 {
        let (mut whole, mut step) = (0, 0);
        for seen in &self.requests {
            if expectation.steps.get(step).is_some_and(|expected| expected.fits(seen)) {
                step += 1;
                if step == expectation.steps.len() {
                    (whole, step) = (whole + 1, 0);
                }
            }
        }
        whole
    }

    /// The step that did not come after the last whole sequence, and from which request on it was waited for.
    fn missing<'a>(&self, expectation: &'a Expectation) -> Option<(&'a Expected, usize)> {
        let (mut step, mut from) = (0, 0);
        for (at, seen) in self.requests.iter().enumerate() {
            if expectation.steps.get(step).is_some_and(|expected| expected.fits(seen)) {
                (step, from) = ((step + 1) % expectation.steps.len(), at + 1);
            }
        }
        Some((expectation.steps.get(step)?, from))
    }

    fn message(&self, expectation: &Expectation, count: u64) -> String {
        let mut text = format!("expected {expectation}; it came {}\n", times(count));
        let is_any = |seen: &&Seen| expectation.steps.iter().any(|step| step.fits(seen));
        let fitting: Vec<&Seen> = self.requests.iter().filter(is_any).collect();
        if !fitting.is_empty() {
            text.push_str("what came:\n");
        }
        for seen in fitting.iter().take(SHOWN) {
            writeln!(text, "  {}", line(&seen.exchange)).expect(INFALLIBLE);
        }
        if let Some(more) = fitting.len().checked_sub(SHOWN + 1) {
            writeln!(text, "  and {} more", more + 1).expect(INFALLIBLE);
        }
        if count < expectation.count.min {
            if let Some((expected, from)) = self.missing(expectation) {
                self.nearest(&mut text, expected, from, expectation.steps.len() > 1);
            }
        }
        if self.lost > 0 {
            let lost = self.lost;
            writeln!(text, "the journal has dropped {lost} entries of that time: raise its limits").expect(INFALLIBLE);
        }
        text
    }

    /// Says which request came nearest to the expected one.
    fn nearest(&self, text: &mut String, expected: &Expected, from: usize, in_order: bool) {
        if in_order {
            writeln!(text, "what did not come next: {expected}").expect(INFALLIBLE);
        }
        let later = self.requests.get(from..).unwrap_or_default();
        let others = later.iter().filter(|seen| seen.exchange.api() == expected.api() && !expected.fits(seen));
        let nearest = others.map(|seen| (expected.misses(seen), seen)).min_by_key(|(misses, _)| misses.len());
        if let Some((misses, seen)) = nearest {
            let (misses, line) = (misses.join("; "), line(&seen.exchange));
            writeln!(text, "nearest miss: {misses}\n  {line}").expect(INFALLIBLE);
            return;
        }
        let mut counts: BTreeMap<ApiKey, usize> = BTreeMap::new();
        later.iter().for_each(|seen| *counts.entry(seen.exchange.api()).or_default() += 1);
        let counts: Vec<String> = counts.iter().map(|(api, count)| format!("{count} {api}")).collect();
        let came = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        writeln!(text, "no other {} came; there came {came}", expected.api()).expect(INFALLIBLE);
    }
}

const INFALLIBLE: &str = "writing to a String cannot fail";

fn line(exchange: &Exchange) -> String {
    let answer = match exchange.answered_at {
        Some(_) => exchange.error_code().to_string(),
        None => "no answer".to_owned(),
    };
    format!(
        "{:>6} {:>12.6}s {} v{} from {:?} to broker {}: {answer} {}",
        exchange.sequence(),
        exchange.at.since_start().as_secs_f64(),
        exchange.api(),
        exchange.version(),
        exchange.client_id(),
        exchange.broker(),
        exchange.body()
    )
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            let then = if at == 0 { "" } else { ", then " };
            write!(f, "{then}[{step}]")?;
        }
        match self.count {
            Count { max: 0, .. } => f.write_str(" never"),
            Count { min, max } if min == max => write!(f, " {}", times(min)),
            Count { min: 0, max } => write!(f, " at most {}", times(max)),
            Count { min, .. } => write!(f, " at least {}", times(min)),
        }
    }
}

impl fmt::Debug for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expectation({self})")
    }
}
