//! Managing topics, configurations, groups and offsets.
//!
//! Not here: transactions, until the broker has them.

mod configs;
mod group_description;
mod group_offsets;
mod groups;
mod offsets;
mod topics;

pub use configs::AlterConfig;
pub use configs::ConfigEntry;
pub use configs::ConfigResource;
pub use configs::ConfigSource;
pub use group_description::GroupDescription;
pub use group_description::GroupState;
pub use group_description::GroupType;
pub use group_description::MemberDescription;
pub use group_offsets::GroupOffset;
pub use group_offsets::ResetTo;
pub use groups::GroupFilter;
pub use groups::GroupListing;
pub use groups::MemberToRemove;
pub use offsets::ListedOffset;
pub use offsets::OffsetSpec;
pub(super) use offsets::list_offsets;
pub use topics::ClusterDescription;
pub use topics::CreatedTopic;

use super::error::Error;
use super::error::Result;
use super::routing::Router;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use bytestring::ByteString;
use std::sync::Arc;

/// What manages topics, configurations, groups and offsets. Cheap to clone.
///
/// ```no_run
/// # async fn example(client: rehearsal::client::Client) -> rehearsal::client::Result<()> {
/// use rehearsal::NewTopic;
///
/// let admin = client.admin();
/// let created = admin.create_topic(NewTopic::new("orders").partitions(6).config("retention.ms", "1000")).await?;
/// assert_eq!(created.partitions, Some(6));
/// assert_eq!(admin.list_topics().await?, ["orders"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Admin {
    router: Arc<Router>,
}

/// The results of an operation on several items, each of which may have failed on its own.
#[derive(Clone, Debug)]
#[must_use = "each item may have failed on its own"]
pub struct PerItem<K, T> {
    items: Vec<(K, Result<T>)>,
}

impl<K, T> PerItem<K, T> {
    pub(super) const fn new(items: Vec<(K, Result<T>)>) -> Self {
        Self { items }
    }

    /// All values in the order of the answer, if no item failed.
    ///
    /// # Errors
    /// The first item's that failed.
    pub fn all(self) -> Result<Vec<T>> {
        self.items.into_iter().map(|(_, result)| result).collect()
    }

    /// The items with their results.
    pub fn iter(&self) -> std::slice::Iter<'_, (K, Result<T>)> {
        self.items.iter()
    }

    /// The result for one item, if it was asked for.
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&Result<T>>
    where
        K: PartialEq<Q>,
    {
        self.items.iter().find(|(other, _)| other == key).map(|(_, result)| result)
    }

    fn one(self, api: ApiKey) -> Result<T> {
        let first = self.items.into_iter().next();
        first.map_or_else(|| Err(Error::protocol(api, "it says nothing about what was asked")), |(_, result)| result)
    }
}

impl<K, T> IntoIterator for PerItem<K, T> {
    type Item = (K, Result<T>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, K, T> IntoIterator for &'a PerItem<K, T> {
    type Item = &'a (K, Result<T>);
    type IntoIter = std::slice::Iter<'a, (K, Result<T>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Admin {
    pub(super) const fn new(router: Arc<Router>) -> Self {
        Self { router }
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.router.settings.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

/// A code and a message of a row as a result.
fn check(api: ApiKey, code: i16, message: Option<ByteString>) -> Result<()> {
    ErrorCode::new(code).ok().map_err(|code| Error::broker(code, api).saying(message))
}

/// The first code that says the whole request has to be made again, because the wrong broker was asked.
fn wrong_broker(codes: impl IntoIterator<Item = i16>) -> ErrorCode {
    let wrong = |code: &ErrorCode| *code == ErrorCode::NOT_CONTROLLER;
    codes.into_iter().map(ErrorCode::new).find(wrong).unwrap_or(ErrorCode::NONE)
}
