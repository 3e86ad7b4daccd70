//! `rehearsal`: a Kafka cluster as a program, for tests in any language.
//!
//! Not here: anything that a test in Rust would need; that is the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
