//! A request as faults look at it.

use super::rows::Row;
use super::rows::rows;
use super::target::World;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::batch::BatchHeader;
use crate::wire::codec::Records;
use crate::wire::json;
use bytes::Bytes;
use serde_json::Value;
use std::cell::OnceCell;

/// A request, where it came and from whom. What is expensive to know is found out when a rule asks for it.
pub(crate) struct Subject<'a> {
    pub(crate) request: &'a Request,
    pub(crate) api_version: i16,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) principal: &'a str,
    pub(crate) connection: ConnectionId,
    pub(crate) broker: BrokerId,
    pub(crate) body: &'a Bytes,
    pub(crate) world: &'a dyn World,
    pub(crate) known: Known,
}

/// What has been found out so far.
#[derive(Default)]
pub(crate) struct Known {
    json: OnceCell<Value>,
    rows: OnceCell<Vec<Row>>,
    producer_ids: OnceCell<Vec<i64>>,
}

impl Subject<'_> {
    pub(crate) fn api(&self) -> ApiKey {
        self.request.api_key()
    }

    /// Whether the request will be answered at all.
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self.request, Request::Produce(produce) if produce.acks == 0)
    }

    /// The body by field name, without records.
    pub(super) fn json(&self) -> &Value {
        self.known.json.get_or_init(|| {
            json::summary(self.api().request_facts(), self.body.clone(), self.api_version).unwrap_or_default()
        })
    }

    /// What the request is about; with a fetch session, also what that session reads.
    pub(crate) fn rows(&self) -> &[Row] {
        self.known.rows.get_or_init(|| {
            let names = |id| self.world.topic_name(id);
            let mut found = rows(self.api().request_facts().body, &mut self.json().clone(), &names);
            if let Request::Fetch(fetch) = self.request {
                if fetch.session_epoch > 0 {
                    let members = self.world.session_partitions(self.broker, fetch.session_id);
                    found.extend(members.into_iter().map(|(topic, partition)| Row {
                        topic: Some(topic),
                        partition: Some(partition),
                        ..Row::default()
                    }));
                }
            }
            found
        })
    }

    /// The producers in it: named by the request, or by the batches that it carries.
    pub(super) fn producer_ids(&self) -> &[i64] {
        self.known.producer_ids.get_or_init(|| {
            let mut found = Vec::new();
            if let Request::Produce(produce) = self.request {
                let partitions = produce.topic_data.iter().flat_map(|topic| &topic.partition_data);
                let batches = partitions.filter_map(|partition| first_batch(partition.records.as_ref()?));
                found.extend(batches.map(|batch| batch.producer_id.0));
            } else {
                collect(self.json(), &mut found);
            }
            found
        })
    }
}

fn first_batch(records: &Records) -> Option<BatchHeader> {
    BatchHeader::read(records.slices().first()?).ok()
}

fn collect(value: &Value, found: &mut Vec<i64>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("producer_id").and_then(Value::as_i64));
            fields.values().for_each(|value| collect(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}
