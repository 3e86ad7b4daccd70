//! Asking the coordinators of groups and transactional ids: finding them, many at once, and finding them anew when
//! they have moved.
//!
//! Not here: what to ask them; and members of a group, who keep to their coordinator.

use super::connection::Connection;
use super::error::Error;
use super::error::Result;
use super::rounds::Rounds;
use super::routing::Lane;
use super::routing::Router;
use super::routing::Target;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use crate::wire::messages::find_coordinator::FindCoordinatorResponse;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

/// The first version that asks for several coordinators at once (KIP-699).
const BATCHED: i16 = 4;

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoordinatorKind {
    /// Groups, by id.
    Group,
}

impl CoordinatorKind {
    const fn on_wire(self) -> i8 {
        match self {
            Self::Group => 0,
        }
    }
}

/// The result for each key.
pub(super) type ByKey<R> = Vec<(String, Result<R>)>;

impl Router {
    /// Asks any broker who coordinates some keys.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed.
    pub(super) async fn find_coordinators(&self, kind: CoordinatorKind, keys: &[String]) -> Result<ByKey<BrokerId>> {
        let connection = self.target(Target::Any).await?;
        let version = connection.version(ApiKey::FindCoordinator, i16::MAX)?;
        let refuse = |code: i16, message| Error::broker(ErrorCode::new(code), ApiKey::FindCoordinator).saying(message);
        let mut found = Vec::with_capacity(keys.len());
        if version >= BATCHED {
            let coordinator_keys = keys.iter().map(|key| key.as_str().into()).collect();
            let key_type = kind.on_wire();
            let request = FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() };
            let response = connection.call(&request, i16::MAX).await?;
            for row in response.coordinators {
                let result = if row.error_code == 0 {
                    Ok(row.node_id.into())
                } else {
                    Err(refuse(row.error_code, row.error_message))
                };
                found.push((row.key.to_string(), result));
            }
            return Ok(found);
        }
        for key in keys {
            let request =
                FindCoordinatorRequest { key: key.as_str().into(), key_type: kind.on_wire(), ..Default::default() };
            let row: FindCoordinatorResponse = connection.call(&request, i16::MAX).await?;
            let result = if row.error_code == 0 {
                Ok(row.node_id.into())
            } else {
                Err(refuse(row.error_code, row.error_message))
            };
            found.push((key.clone(), result));
        }
        Ok(found)
    }

    /// Asks the coordinators of some keys, each for its own, until every key has an answer that counts.
    ///
    /// `ask` gets those of one coordinator. Keys that are answered with a retriable code are asked again, of whoever
    /// coordinates them then.
    pub(super) async fn on_coordinators<T: Clone, R, F: Future<Output = Result<ByKey<R>>>>(
        &self,
        operation: &'static str,
        kind: CoordinatorKind,
        items: Vec<(String, T)>,
        ask: impl Fn(BrokerId, Arc<Connection>, Vec<(String, T)>) -> F,
    ) -> ByKey<R> {
        let mut rounds = Rounds::of(operation, items);
        let deadline = rounds.started() + self.settings.api_timeout;
        let mut failures = 0;
        loop {
            let known = self.metadata();
            let asked = timeout_at(deadline, self.ask_coordinators(kind, rounds.open(), &ask)).await;
            let last = rounds.take(asked.unwrap_or_default());
            if rounds.open().is_empty() {
                return rounds.finish(last);
            }
            let delay = self.retry_delay(failures);
            if Instant::now() + delay >= deadline {
                return rounds.finish(last);
            }
            sleep(delay).await;
            failures += 1;
            // A coordinator may be on a broker that is not known yet, or has another address now.
            let lost = |error: &Error| {
                matches!(error, Error::Connection { .. }) || error.code() == Some(ErrorCode::BROKER_NOT_AVAILABLE)
            };
            if last.values().any(lost) {
                let _ = timeout_at(deadline, self.refresh(&known)).await;
            }
        }
    }

    async fn ask_coordinators<T: Clone, R, F: Future<Output = Result<ByKey<R>>>>(
        &self,
        kind: CoordinatorKind,
        items: &[(String, T)],
        ask: &impl Fn(BrokerId, Arc<Connection>, Vec<(String, T)>) -> F,
    ) -> ByKey<R> {
        let keys: Vec<String> = items.iter().map(|(key, _)| key.clone()).collect();
        let found = match self.find_coordinators(kind, &keys).await {
            Ok(found) => found,
            Err(error) => return keys.into_iter().map(|key| (key, Err(error.clone()))).collect(),
        };
        let mut answers = Vec::new();
        let mut by_broker: BTreeMap<BrokerId, Vec<(String, T)>> = BTreeMap::new();
        for (key, result) in found {
            let Some((_, item)) = items.iter().find(|(other, _)| *other == key) else { continue };
            match result {
                Ok(broker) => by_broker.entry(broker).or_default().push((key, item.clone())),
                Err(error) => answers.push((key, Err(error))),
            }
        }
        for (broker, group) in by_broker {
            let keys: Vec<String> = group.iter().map(|(key, _)| key.clone()).collect();
            let result = match self.broker(Lane::SHARED, broker).await {
                Ok(connection) => ask(broker, connection, group).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(rows) => answers.extend(rows),
                Err(error) => answers.extend(keys.into_iter().map(|key| (key, Err(error.clone())))),
            }
        }
        answers
    }
}
