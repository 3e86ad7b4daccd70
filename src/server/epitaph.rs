//! The last words of a cluster whose test fails: which faults it had, and how often each fired.
//!
//! This is the one place in the library that prints: a test that fails has nobody else to show it, and the harness
//! keeps what is printed with the failure and throws it away otherwise.

use super::faults::listed;
use super::shell::Shell;

/// Prints the faults of a cluster that is dropped because a test panics.
pub(super) fn print_if_panicking(shell: &Shell) {
    if !is_failing() {
        return;
    }
    let reports = shell.look_unless_poisoned(|engine| engine.fault_reports()).unwrap_or_default();
    if !reports.is_empty() {
        eprintln!("faults of the cluster:\n{}", listed(&reports));
    }
}

/// Whether the test is panicking already, so that a second panic would only hide why.
pub(super) fn is_failing() -> bool {
    std::thread::panicking()
}
