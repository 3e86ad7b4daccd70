//! The checker, held against definitions, mutations, other people's cases, and files that are no histories.
//!
//! Not here: what each rule does; its own file says so.

#[path = "checker/bad_input.rs"]
mod bad_input;
#[path = "checker/cleaners.rs"]
mod cleaners;
#[path = "checker/definitions/mod.rs"]
mod definitions;
#[path = "checker/fixtures.rs"]
mod fixtures;
#[path = "checker/generator.rs"]
mod generator;
#[path = "checker/guide.rs"]
mod guide;
#[path = "checker/metamorphic.rs"]
mod metamorphic;
#[path = "checker/mutations.rs"]
mod mutations;
#[path = "checker/vectors.rs"]
mod vectors;
