//! Asking a group's coordinator, wherever it is.
//!
//! Not here: trying again; who asks knows for how long.

use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::Lane;
use super::super::routing::Router;
use super::super::routing::Target;
use super::super::routing::lock;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::RequestMessage;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use bytestring::ByteString;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

/// Coordinators of groups, not of transactional ids.
const GROUP: i8 = 0;

/// The way to the coordinator of one group.
#[derive(Debug)]
pub(in crate::client) struct Coordinator {
    router: Arc<Router>,
    group_id: ByteString,
    known: Mutex<Option<BrokerId>>,
}

impl Coordinator {
    pub(in crate::client) fn new(router: Arc<Router>, group_id: ByteString) -> Self {
        Self { router, group_id, known: Mutex::default() }
    }

    pub(in crate::client) fn router(&self) -> &Arc<Router> {
        &self.router
    }

    /// Sends a request to the coordinator, once. `patience` is how long it may hold the answer back.
    pub(in crate::client) async fn call<R: RequestMessage>(
        &self,
        lane: Lane,
        request: &R,
        cap: i16,
        patience: Duration,
    ) -> Result<R::Response> {
        let broker = self.find().await?;
        let asked = async {
            let connection = self.router.broker(lane, broker).await?;
            let version = connection.version(R::KEY, cap)?;
            connection.start(request, version, patience)?.get().await
        };
        let result = asked.await;
        if matches!(&result, Err(Error::Connection { .. } | Error::Timeout { .. })) {
            self.forget();
        }
        result
    }

    /// Takes in a code of the coordinator's answer: it may say that it is none.
    pub(in crate::client) fn on_code(&self, code: ErrorCode) {
        if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
            self.forget();
        }
    }

    fn forget(&self) {
        *lock(&self.known) = None;
    }

    async fn find(&self) -> Result<BrokerId> {
        let known = *lock(&self.known);
        if let Some(broker) = known {
            return Ok(broker);
        }
        let request = FindCoordinatorRequest {
            key: self.group_id.clone(),
            key_type: GROUP,
            coordinator_keys: vec![self.group_id.clone()],
            ..Default::default()
        };
        let response = self.router.target(Target::Any).await?.call(&request, i16::MAX).await?;
        let (code, node_id, message) = match response.coordinators.into_iter().next() {
            Some(row) => (row.error_code, row.node_id, row.error_message),
            None => (response.error_code, response.node_id, response.error_message),
        };
        let refused = |code| Error::broker(code, ApiKey::FindCoordinator).saying(message);
        ErrorCode::new(code).ok().map_err(refused)?;
        let broker = BrokerId(node_id);
        let metadata = self.router.metadata();
        if !metadata.brokers.contains_key(&broker) {
            // It has come since the brokers were last asked for.
            self.router.refresh(&metadata).await?;
            if !self.router.metadata().brokers.contains_key(&broker) {
                return Err(Error::broker(ErrorCode::COORDINATOR_NOT_AVAILABLE, ApiKey::FindCoordinator));
            }
        }
        *lock(&self.known) = Some(broker);
        Ok(broker)
    }
}
