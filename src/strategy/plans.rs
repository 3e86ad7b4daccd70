//! Plans of faults, with a value tree of their own: a plan that makes a test fail shrinks to few faults.

use crate::base::Seed;
use crate::base::reduce::Reduction;
use crate::fault::FaultPlan;
use crate::fault::PlanScope;
use proptest::prelude::RngCore as _;
use proptest::strategy::NewTree;
use proptest::strategy::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::fmt;

/// Plans as [`FaultPlan::random`] draws them.
///
/// A failing plan first loses every fault and command that is not needed for the failure, then its parts become weaker
/// (a crash becomes a pause, a closed connection a lost answer), then its numbers rounder.
/// ```
/// use proptest::test_runner::{TestError, TestRunner};
/// use rehearsal::fault::PlanScope;
/// use rehearsal::strategy;
///
/// let scope = PlanScope { topics: vec![("orders".into(), 3)], heal_at_ms: 30_000, ..PlanScope::default() };
/// let found = TestRunner::deterministic().run(&strategy::plans(scope), |plan| {
///     let crashes = plan.commands.iter().filter(|planned| planned.to_string().starts_with("crash"));
///     proptest::prop_assert!(crashes.count() < 2);
///     Ok(())
/// });
/// let Err(TestError::Fail(_, plan)) = found else { panic!("{found:?}") };
/// assert_eq!(plan.len(), 2, "two crashes, and nothing else: {plan:?}");
/// ```
pub fn plans(scope: PlanScope) -> PlanStrategy {
    PlanStrategy { scope }
}

/// What [`plans`] returns.
#[derive(Clone, Debug)]
pub struct PlanStrategy {
    scope: PlanScope,
}

impl Strategy for PlanStrategy {
    type Tree = PlanTree;
    type Value = FaultPlan;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let plan = FaultPlan::random(Seed(runner.rng().next_u64()), &self.scope);
        Ok(PlanTree { failing: plan.clone(), current: plan, reduction: FaultPlan::reduction(), is_asked: false })
    }
}

/// A plan and the search for the smallest one that still fails.
pub struct PlanTree {
    /// The smallest plan of which it is known, or assumed at the start, that it fails.
    failing: FaultPlan,
    current: FaultPlan,
    reduction: Reduction<FaultPlan>,
    /// Whether `current` is a proposal that has no answer yet.
    is_asked: bool,
}

impl PlanTree {
    fn answer(&mut self, fails: bool) {
        if std::mem::take(&mut self.is_asked) {
            self.reduction.answer(fails);
        }
        if fails {
            self.failing = self.current.clone();
        }
    }

    fn propose(&mut self) -> bool {
        let proposal = self.reduction.propose(&self.failing, &());
        self.is_asked = proposal.is_some();
        // In the end the plan that fails is the one that is shown.
        self.current = proposal.map_or_else(|| self.failing.clone(), |proposal| proposal.value);
        self.is_asked
    }
}

impl ValueTree for PlanTree {
    type Value = FaultPlan;

    fn current(&self) -> FaultPlan {
        self.current.clone()
    }

    fn simplify(&mut self) -> bool {
        self.answer(true);
        self.propose()
    }

    fn complicate(&mut self) -> bool {
        self.answer(false);
        self.propose()
    }
}

impl fmt::Debug for PlanTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanTree").field("current", &self.current).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> PlanScope {
        PlanScope { topics: vec![("orders".into(), 3)], groups: vec!["g".into()], processes: 0, heal_at_ms: 30_000 }
    }

    /// Shrinks the first plan that fails, and counts how often the test ran for that.
    fn shrunk(fails: fn(&FaultPlan) -> bool) -> (FaultPlan, usize) {
        let mut runner = TestRunner::deterministic();
        let trees = std::iter::repeat_with(|| plans(scope()).new_tree(&mut runner).unwrap());
        let mut tree = trees.take(1000).find(|tree| fails(&tree.current())).unwrap();
        let mut runs = 0;
        let mut goes_on = tree.simplify();
        while goes_on {
            runs += 1;
            goes_on = if fails(&tree.current()) { tree.simplify() } else { tree.complicate() };
        }
        (tree.current(), runs)
    }

    #[test]
    fn a_failing_plan_shrinks_to_what_makes_it_fail() {
        let (plan, runs) = shrunk(|plan| {
            let mut faults = plan.faults.iter().map(ToString::to_string);
            let mut commands = plan.commands.iter().map(ToString::to_string);
            faults.any(|fault| fault.starts_with("Produce")) && commands.any(|command| command.contains("cut"))
        });
        assert!(plan.faults.len() == 1 && plan.commands.len() == 1, "{plan:?}");
        assert!(runs < 150, "{runs} runs");
    }

    #[test]
    fn what_always_fails_shrinks_to_nothing_and_what_needs_all_of_it_stays() {
        let (plan, runs) = shrunk(|plan| plan.heal_at_ms.is_some());
        assert!(plan.is_empty(), "{plan:?}");
        assert!(runs < 30, "{runs}");
        // The search is over when it says so, however often it is asked.
        let mut runner = TestRunner::deterministic();
        let mut tree = plans(scope()).new_tree(&mut runner).unwrap();
        let whole = tree.current().to_json().unwrap();
        while tree.complicate() {}
        assert_eq!(tree.current().to_json().unwrap(), whole);
        assert!(!tree.complicate());
    }
}
