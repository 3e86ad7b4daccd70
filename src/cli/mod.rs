//! The command line: what can be said, and what goes back to the shell.
//!
//! Not here: clusters. This is a user of the library like any other.

mod apis;
mod arguments;
mod check;
mod progress;
mod replay;
mod serve;
mod sim;

use arguments::Arguments;
use arguments::Command;
use clap::Parser as _;
use std::process::ExitCode;

/// Does what the arguments ask for; a failure is one line on the error output and the code 1.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What clients complain of in a simulated world is what was done to them.
    let is_simulated = matches!(arguments.command, Command::Sim(_) | Command::Replay(_));
    log_to_stderr(arguments.verbose, is_simulated);
    let result = match arguments.command {
        Command::Serve(serve) => serve::run(&serve).map(|()| ExitCode::SUCCESS),
        Command::Apis(apis) => apis::run(&apis).map(|()| ExitCode::SUCCESS),
        Command::Check(check) => check::run(&check),
        Command::Sim(sim) => sim::run(&sim),
        Command::Replay(replay) => replay::run(&replay),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings, or errors only, or more of it with each `-v`; never on the standard output, which others may parse.
fn log_to_stderr(verbose: u8, is_quiet: bool) {
    let level = match verbose {
        0 if is_quiet => tracing::Level::ERROR,
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
}
