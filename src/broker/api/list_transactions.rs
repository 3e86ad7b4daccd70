//! `ListTransactions` (key 66): list the transactional ids that a broker coordinates.
//!
//! * Needs `DESCRIBE` on each transactional id; others are left out.
//! * Errors: `COORDINATOR_LOAD_IN_PROGRESS`, `INVALID_REGULAR_EXPRESSION`.
//! * Filters: states by their names (unknown ones are told), producer ids, since version 1 transactions that are open for
//!   longer than so many milliseconds, since version 2 a pattern of the id.
//! * Differs: patterns have no back-references and no look-around, which Java has.
//! * Source: KIP-664, KIP-994, KIP-1152, <https://kafka.apache.org/protocol#The_Messages_ListTransactions>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::TransactionState as Standing;
use crate::wire::messages::list_transactions::ListTransactionsRequest;
use crate::wire::messages::list_transactions::ListTransactionsResponse;
use crate::wire::messages::list_transactions::TransactionState;
use regex_lite::Regex;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: ListTransactionsRequest,
) -> Outcome<ListTransactionsResponse> {
    if state.is_loading_transactions(ctx.broker) {
        return Outcome::Reply(refuse(&request, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    }
    let pattern = match request.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty()) {
        None => None,
        Some(pattern) => match compile(pattern) {
            Some(regex) => Some(regex),
            None => return Outcome::Reply(refuse(&request, ErrorCode::INVALID_REGULAR_EXPRESSION)),
        },
    };
    let (mut states, mut unknown_state_filters) = (Vec::new(), Vec::new());
    for name in &request.state_filters {
        match Standing::from_name(name) {
            Some(state) => states.push(state),
            None => unknown_state_filters.push(name.clone()),
        }
    }
    let of_broker = state.transaction_coordinators().filter(|(broker, _)| *broker == ctx.broker);
    let listed = of_broker.flat_map(|(_, coordinator)| coordinator.transactions()).filter(|(id, metadata)| {
        let current = &metadata.current;
        let open_ms = ctx.timestamp.0.saturating_sub(current.start_timestamp.0);
        let of_producer =
            request.producer_id_filters.is_empty() || request.producer_id_filters.contains(&current.producer_id.0);
        let of_state = request.state_filters.is_empty() || states.contains(&current.state);
        let of_pattern = pattern.as_ref().is_none_or(|pattern| pattern.is_match(id));
        let of_age = request.duration_filter < 0 || open_ms > request.duration_filter;
        of_producer && of_state && of_age && of_pattern
    });
    let rows = listed.map(|(id, metadata)| TransactionState {
        transactional_id: id.into(),
        producer_id: metadata.current.producer_id.0,
        transaction_state: metadata.current.state.name().into(),
        ..TransactionState::default()
    });
    let transaction_states = rows.collect();
    Outcome::Reply(ListTransactionsResponse {
        unknown_state_filters,
        transaction_states,
        ..ListTransactionsResponse::default()
    })
}

/// A pattern of a whole id; `None` when it is none, or too large to be tried.
fn compile(pattern: &str) -> Option<Regex> {
    // Also by itself, so that it cannot close the group around it.
    Regex::new(pattern).ok()?;
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &ListTransactionsRequest, code: ErrorCode) -> ListTransactionsResponse {
    ListTransactionsResponse { error_code: code.code(), ..ListTransactionsResponse::default() }
}
