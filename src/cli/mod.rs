//! The command line: what can be said, and what goes back to the shell.
//!
//! Not here: clusters. This is a user of the library like any other.

mod apis;
mod arguments;
mod check;
mod serve;

use arguments::Arguments;
use arguments::Command;
use clap::Parser as _;
use std::process::ExitCode;

/// Does what the arguments ask for; a failure is one line on the error output and the code 1.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.verbose);
    let result = match arguments.command {
        Command::Serve(serve) => serve::run(&serve).map(|()| ExitCode::SUCCESS),
        Command::Apis(apis) => apis::run(&apis).map(|()| ExitCode::SUCCESS),
        Command::Check(check) => check::run(&check),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings, or more of it with each `-v`; never on the standard output, which others may parse.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
}
