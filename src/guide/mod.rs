//! Long reads, one chapter per question.
//!
//! Not here: what a function does; its own documentation says so.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("determinism.md")]
pub mod determinism {}

#[doc = include_str!("differences.md")]
pub mod differences {}

#[doc = include_str!("exactly_once.md")]
pub mod exactly_once {}

#[doc = include_str!("faults.md")]
pub mod faults {}

#[doc = include_str!("gallery.md")]
pub mod gallery {}

#[doc = include_str!("groups.md")]
pub mod groups {}

#[doc = include_str!("invariants.md")]
pub mod invariants {}

#[cfg(feature = "sim")]
#[doc = include_str!("reports.md")]
pub mod reports {}

#[cfg(feature = "sim")]
#[doc = include_str!("simulation.md")]
pub mod simulation {}

#[doc = include_str!("other_languages.md")]
pub mod other_languages {}
