//! A request with its answer, as a test wants to look at it.

use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::journal::Event;
use crate::journal::Journal;
use crate::journal::RequestEntry;
use crate::journal::first_error;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::Response;
use crate::wire::codec::Decoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A request that came to a broker, and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it came.
    pub at: Instant,
    /// When it was answered; `None` while it waits, and for `acks=0`.
    pub answered_at: Option<Instant>,
    sequence: u64,
    request: RequestEntry,
    response: Option<Arc<Response>>,
}

impl Exchange {
    /// All requests that the journal keeps, oldest first.
    pub(super) fn all(journal: &Journal) -> Vec<Self> {
        let mut exchanges: BTreeMap<u64, Self> = BTreeMap::new();
        for entry in journal.entries() {
            match &entry.event {
                Event::Request(request) => {
                    let request = request.clone();
                    let sequence = entry.sequence;
                    let exchange = Self { at: entry.at, answered_at: None, sequence, request, response: None };
                    exchanges.insert(sequence, exchange);
                }
                Event::Response { request, response } => {
                    if let Some(exchange) = exchanges.get_mut(request) {
                        exchange.answered_at = Some(entry.at);
                        exchange.response = Some(Arc::clone(response));
                    }
                }
                _ => {}
            }
        }
        exchanges.into_values().collect()
    }

    /// The number of the request's entry in the journal.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The API.
    pub fn api(&self) -> ApiKey {
        self.request.api
    }

    /// The version of the API.
    pub fn version(&self) -> i16 {
        self.request.header.api_version
    }

    /// The name that the client gave itself; empty when it gave none.
    pub fn client_id(&self) -> &str {
        self.request.header.client_id.as_deref().unwrap_or_default()
    }

    /// The connection on which it came.
    pub fn connection(&self) -> ConnectionId {
        self.request.connection
    }

    /// The broker that was asked.
    pub fn broker(&self) -> BrokerId {
        self.request.broker
    }

    /// The request's body as JSON by field name; of records it tells the numbers only.
    pub fn body(&self) -> Value {
        self.request.body_json()
    }

    /// The request as a value; `None` for one in a version that cannot be read.
    pub fn request(&self) -> Option<Request> {
        let mut decoder = Decoder::new(self.request.body.clone(), false);
        Request::decode_prefix(&mut decoder, self.api(), self.version()).ok()
    }

    /// The answer's body as JSON by field name, if there is an answer.
    pub fn answer(&self) -> Option<Value> {
        self.response.as_ref().map(|response| self.request.answer_json(response))
    }

    /// The answer as a value, if there is one.
    pub fn response(&self) -> Option<&Response> {
        self.response.as_deref()
    }

    /// The first error code in the answer; [`ErrorCode::NONE`] when all went well or nothing was answered.
    pub fn error_code(&self) -> ErrorCode {
        self.answer().map_or(ErrorCode::NONE, |answer| first_error(&answer))
    }
}

/// What of a request is the same in every run of the same test.
impl serde::Serialize for Exchange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Exchange", 6)?;
        fields.serialize_field("api", &self.api())?;
        fields.serialize_field("version", &self.version())?;
        fields.serialize_field("broker", &self.broker())?;
        fields.serialize_field("client_id", self.client_id())?;
        fields.serialize_field("body", &self.body())?;
        fields.serialize_field("error_code", &self.error_code().to_string())?;
        fields.end()
    }
}
