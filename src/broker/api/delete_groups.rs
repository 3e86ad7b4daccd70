//! `DeleteGroups` (key 42): delete groups that nobody is in, with their offsets.
//!
//! * Needs `DELETE` on each group.
//! * Errors per group, in Kafka's order: `NOT_COORDINATOR`, `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
//! * A group that is given twice has one row.
//! * Source: KIP-229, `GroupCoordinatorShard.deleteGroups`,
//!   <https://kafka.apache.org/protocol#The_Messages_DeleteGroups>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::delete_groups::DeletableGroupResult;
use crate::wire::messages::delete_groups::DeleteGroupsRequest;
use crate::wire::messages::delete_groups::DeleteGroupsResponse;
use indexmap::IndexSet;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: DeleteGroupsRequest,
) -> Outcome<DeleteGroupsResponse> {
    let names: IndexSet<_> = request.groups_names.into_iter().collect();
    let results = names.into_iter().map(|group_id| {
        let result = delete(state, ctx, &group_id);
        let error_code = ErrorCode::of(&result).code();
        DeletableGroupResult { group_id, error_code, ..DeletableGroupResult::default() }
    });
    let results = results.collect();
    Outcome::Reply(DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DeleteGroupsRequest, code: ErrorCode) -> DeleteGroupsResponse {
    let rows = request.groups_names.iter().map(|group| DeletableGroupResult {
        group_id: group.clone(),
        error_code: code.code(),
        ..DeletableGroupResult::default()
    });
    DeleteGroupsResponse { results: rows.collect(), ..DeleteGroupsResponse::default() }
}

fn delete(state: &mut State, ctx: &RequestContext, group: &str) -> Result<(), ErrorCode> {
    let (coordinator, _) = state.group_coordinator(ctx, group)?;
    let records = coordinator.delete_group(group)?;
    state.write_group_records(ctx.now, group, &records)
}
