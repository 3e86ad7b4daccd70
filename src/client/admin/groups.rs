//! Groups: which there are, who is in them, and ending them.
//!
//! Not here: what they have committed (`group_offsets`).

use super::super::connection::Connection;
use super::super::coordinators::ByKey;
use super::super::coordinators::CoordinatorKind;
use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::Lane;
use super::super::routing::Router;
use super::Admin;
use super::PerItem;
use super::check;
use super::group_description::GroupDescription;
use super::group_description::GroupState;
use super::group_description::GroupType;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::delete_groups::DeleteGroupsRequest;
use crate::wire::messages::describe_groups::DescribeGroupsRequest;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::list_groups::ListGroupsRequest;
use std::sync::Arc;

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group's id.
    pub group_id: String,
    /// `consumer` for consumers; empty for a group that only commits.
    pub protocol_type: String,
    /// Where it stands; `Unknown` before Kafka 2.6.
    pub state: GroupState,
    /// By which protocol its members join; `Unknown` before Kafka 3.8.
    pub group_type: GroupType,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
}

/// Which groups are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    states: Vec<GroupState>,
    types: Vec<GroupType>,
}

/// A member to be taken out of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberToRemove {
    /// The member with this id.
    Id(String),
    /// The static member of this name (`group.instance.id`).
    InstanceId(String),
}

impl GroupFilter {
    /// Adds a state; groups in any of those that were added are wanted.
    #[must_use]
    pub fn state(mut self, state: GroupState) -> Self {
        self.states.push(state);
        self
    }

    /// Adds a type; groups of any of those that were added are wanted.
    #[must_use]
    pub fn group_type(mut self, group_type: GroupType) -> Self {
        self.types.push(group_type);
        self
    }
}

impl Admin {
    /// Lists all groups, by id.
    ///
    /// # Errors
    /// [`Error`] when one of the brokers could not be asked.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        self.list_groups_by(&GroupFilter::default()).await
    }

    /// Lists the groups that a filter wants, by id.
    ///
    /// # Errors
    /// As [`Admin::list_groups`]; [`Error::UnsupportedVersion`] when a broker cannot filter so (states since Kafka 2.6,
    /// types since 3.8).
    pub async fn list_groups_by(&self, filter: &GroupFilter) -> Result<Vec<GroupListing>> {
        let router = &self.router;
        let deadline = tokio::time::Instant::now() + router.settings.api_timeout;
        let mut listed = Vec::new();
        let brokers = self.describe_cluster().await?.brokers;
        for broker in brokers {
            let groups = router.until(deadline, "ListGroups", |known| async move {
                let result = list(router, broker.id, filter).await;
                if matches!(&result, Err(error) if error.code().is_none() && error.is_retriable()) {
                    router.refresh(&known).await?;
                }
                result
            });
            listed.extend(groups.await?);
        }
        listed.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        // A coordinator that moves may be seen at both brokers.
        listed.dedup_by(|a, b| a.group_id == b.group_id);
        Ok(listed)
    }

    /// Describes groups of any type with their members.
    ///
    /// One that does not exist has the error `GROUP_ID_NOT_FOUND`, whatever the broker's version.
    pub async fn describe_groups<S: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = S>,
    ) -> PerItem<String, GroupDescription> {
        let items: Vec<(String, ())> = ids.into_iter().map(|id| (id.into(), ())).collect();
        let ask = |broker, connection, items| describe_consumer_groups(broker, connection, items);
        let found = self.router.on_coordinators("ConsumerGroupDescribe", CoordinatorKind::Group, items, ask).await;
        let (mut done, mut classic) = (Vec::new(), Vec::new());
        for (id, result) in found {
            match result {
                Ok(Some(group)) => done.push((id, Ok(group))),
                Ok(None) => classic.push((id, ())),
                Err(error) => done.push((id, Err(error))),
            }
        }
        if !classic.is_empty() {
            let ask = |broker, connection, items| describe_classic_groups(broker, connection, items);
            done.extend(self.router.on_coordinators("DescribeGroups", CoordinatorKind::Group, classic, ask).await);
        }
        PerItem::new(done)
    }

    /// Describes one group.
    ///
    /// # Errors
    /// [`Error::Broker`] with `GROUP_ID_NOT_FOUND` when there is none.
    pub async fn describe_group(&self, id: &str) -> Result<GroupDescription> {
        self.describe_groups([id]).await.one(ApiKey::DescribeGroups)
    }

    /// Deletes groups that nobody is in, with their offsets.
    ///
    /// A group with members has the error `NON_EMPTY_GROUP`, one that does not exist `GROUP_ID_NOT_FOUND`.
    pub async fn delete_groups<S: Into<String>>(&self, ids: impl IntoIterator<Item = S>) -> PerItem<String, ()> {
        let items = ids.into_iter().map(|id| (id.into(), ())).collect();
        let ask = |_: BrokerId, connection: Arc<Connection>, items: Vec<(String, ())>| async move {
            let groups_names = items.iter().map(|(id, ())| id.as_str().into()).collect();
            let request = DeleteGroupsRequest { groups_names, ..Default::default() };
            let response = connection.call(&request, i16::MAX).await?;
            let row = |row: crate::wire::messages::delete_groups::DeletableGroupResult| {
                (row.group_id.to_string(), check(ApiKey::DeleteGroups, row.error_code, None))
            };
            Ok(response.results.into_iter().map(row).collect())
        };
        PerItem::new(self.router.on_coordinators("DeleteGroups", CoordinatorKind::Group, items, ask).await)
    }

    /// Takes members out of a group; the others rebalance at once.
    ///
    /// Members are named in the answer by their id or their instance id, as they were in the question.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed. One member's may be `UNKNOWN_MEMBER_ID`.
    pub async fn remove_members(
        &self,
        group: &str,
        members: impl IntoIterator<Item = MemberToRemove>,
    ) -> Result<PerItem<String, ()>> {
        let identity = |member: MemberToRemove| match member {
            MemberToRemove::Id(id) => MemberIdentity { member_id: id.into(), ..Default::default() },
            MemberToRemove::InstanceId(name) => {
                MemberIdentity { group_instance_id: Some(name.into()), ..Default::default() }
            }
        };
        let members: Vec<MemberIdentity> = members.into_iter().map(identity).collect();
        let ask = |_: BrokerId, connection: Arc<Connection>, items: Vec<(String, Vec<MemberIdentity>)>| async move {
            let mut answers = Vec::new();
            for (group, members) in items {
                // Before version 3 a member could only leave itself.
                if connection.version(ApiKey::LeaveGroup, i16::MAX)? < 3 {
                    return Err(Error::UnsupportedVersion { api: ApiKey::LeaveGroup, broker: Some((0, 2)) });
                }
                let request = LeaveGroupRequest { group_id: group.as_str().into(), members, ..Default::default() };
                let response = connection.call(&request, i16::MAX).await?;
                answers.push((group, check(ApiKey::LeaveGroup, response.error_code, None).map(|()| response.members)));
            }
            Ok(answers)
        };
        let items = vec![(group.to_owned(), members)];
        let answers = self.router.on_coordinators("LeaveGroup", CoordinatorKind::Group, items, ask).await;
        let rows = PerItem::new(answers).one(ApiKey::LeaveGroup)?;
        let row = |row: crate::wire::messages::leave_group::MemberResponse| {
            let name = row.group_instance_id.filter(|_| row.member_id.is_empty()).unwrap_or(row.member_id);
            (name.to_string(), check(ApiKey::LeaveGroup, row.error_code, None))
        };
        Ok(PerItem::new(rows.into_iter().map(row).collect()))
    }

    /// Takes all members out of a group.
    ///
    /// # Errors
    /// As [`Admin::describe_group`] and [`Admin::remove_members`].
    pub async fn remove_all_members(&self, group: &str) -> Result<PerItem<String, ()>> {
        let members = self.describe_group(group).await?.members;
        let named = members.into_iter().map(|member| match member.group_instance_id {
            Some(name) => MemberToRemove::InstanceId(name),
            None => MemberToRemove::Id(member.member_id),
        });
        self.remove_members(group, named.collect::<Vec<_>>()).await
    }
}

async fn list(router: &Router, broker: BrokerId, filter: &GroupFilter) -> Result<Vec<GroupListing>> {
    let api = ApiKey::ListGroups;
    let connection = router.broker(Lane::SHARED, broker).await?;
    let version = connection.version(api, i16::MAX)?;
    let needed = if !filter.types.is_empty() {
        5
    } else if !filter.states.is_empty() {
        4
    } else {
        0
    };
    if version < needed {
        return Err(Error::UnsupportedVersion { api, broker: Some((api.versions().min, version)) });
    }
    let request = ListGroupsRequest {
        states_filter: filter.states.iter().map(|state| state.name().into()).collect(),
        types_filter: filter.types.iter().map(|kind| kind.name().into()).collect(),
        ..Default::default()
    };
    let response = connection.call(&request, i16::MAX).await?;
    check(api, response.error_code, None)?;
    let row = |row: crate::wire::messages::list_groups::ListedGroup| GroupListing {
        group_id: row.group_id.to_string(),
        protocol_type: row.protocol_type.to_string(),
        state: GroupState::of(&row.group_state),
        group_type: GroupType::of(&row.group_type),
        coordinator: broker,
    };
    Ok(response.groups.into_iter().map(row).collect())
}

/// Describes those that are of the new protocol; `None` for the others.
async fn describe_consumer_groups(
    coordinator: BrokerId,
    connection: Arc<Connection>,
    items: Vec<(String, ())>,
) -> Result<ByKey<Option<GroupDescription>>> {
    let api = ApiKey::ConsumerGroupDescribe;
    if !connection.has(api) {
        return Ok(items.into_iter().map(|(id, ())| (id, Ok(None))).collect());
    }
    let group_ids = items.iter().map(|(id, ())| id.as_str().into()).collect();
    let request = ConsumerGroupDescribeRequest { group_ids, ..Default::default() };
    let response = connection.call(&request, i16::MAX).await?;
    let answers = response.groups.into_iter().map(|row| {
        let result = match ErrorCode::new(row.error_code) {
            // Another type, or a broker on which the new protocol is off.
            ErrorCode::GROUP_ID_NOT_FOUND | ErrorCode::UNSUPPORTED_VERSION => Ok(None),
            ErrorCode::NONE => Ok(Some(GroupDescription::of_consumer(coordinator, &row))),
            code => Err(Error::broker(code, api).saying(row.error_message.clone())),
        };
        (row.group_id.to_string(), result)
    });
    Ok(answers.collect())
}

/// Describes classic groups.
async fn describe_classic_groups(
    coordinator: BrokerId,
    connection: Arc<Connection>,
    items: Vec<(String, ())>,
) -> Result<ByKey<GroupDescription>> {
    let api = ApiKey::DescribeGroups;
    let groups = items.iter().map(|(id, ())| id.as_str().into()).collect();
    let response = connection.call(&DescribeGroupsRequest { groups, ..Default::default() }, i16::MAX).await?;
    let answers = response.groups.into_iter().map(|row| {
        let described = match ErrorCode::new(row.error_code) {
            // Before version 6 that is how a group is described which does not exist.
            ErrorCode::NONE if &*row.group_state == "Dead" => Err(Error::broker(ErrorCode::GROUP_ID_NOT_FOUND, api)),
            ErrorCode::NONE => Ok(GroupDescription::of_classic(coordinator, &row)),
            code => Err(Error::broker(code, api).saying(row.error_message.clone())),
        };
        (row.group_id.to_string(), described)
    });
    Ok(answers.collect())
}
