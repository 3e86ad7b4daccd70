//! Runs that failed once, kept as files and replayed by a test.
//!
//! Not here: how they became small (`shrink`).

use super::Error;
use super::Run;
use super::RunFile;
use std::path::Path;
use std::path::PathBuf;

/// Replays every run (`*.json`) of a directory, and holds it against what its file expects: what was found, with which
/// verdict, and, in the same version of this crate, the hash of its trace. Returns how many there were.
///
/// [`regressions!`](crate::regressions) makes a test of it.
///
/// # Panics
/// When a run is not what its file expects, naming all of them; or when there are none, since a test that looks into the
/// wrong directory must not pass.
#[track_caller]
pub fn replay_all(directory: impl AsRef<Path>, run: impl Fn(&RunFile) -> Result<Run, Error>) -> usize {
    let directory = directory.as_ref();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no run is kept in {}", directory.display());
    let wrong: Vec<String> = paths.iter().filter_map(|path| replay(path, &run).err()).collect();
    assert!(wrong.is_empty(), "{} of {} runs are not as they were:\n{}", wrong.len(), paths.len(), wrong.join("\n"));
    paths.len()
}

/// What is wrong with one run, in words.
fn replay(path: &Path, run: &impl Fn(&RunFile) -> Result<Run, Error>) -> Result<(), String> {
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let file = RunFile::read(path).map_err(|error| if error.line > 0 { named(&error) } else { error.to_string() })?;
    let run = run(&file).map_err(|error| named(&error))?;
    let wrong = file.mismatches(&run);
    if wrong.is_empty() { Ok(()) } else { Err(named(&format_args!("{}\n{run}", wrong.join("; ")))) }
}

/// Makes a test that replays all runs that are kept in a directory, given relative to the crate's root; one of an
/// application of its own also says how a run of it is made from a file.
///
/// ```
/// mod kept {
///     rehearsal::regressions!("fixtures/regressions");
/// }
///
/// mod of_billing {
///     # fn billing() -> rehearsal::sim::Simulation { rehearsal::sim::Simulation::new(0) }
///     rehearsal::regressions!("tests/regressions", |file| file.apply(billing()).run());
/// }
/// ```
///
/// Files are written by [`Shrunk::write_to`](crate::sim::Shrunk::write_to). When a change of one's own was meant to change
/// what happens in them, they are shrunk again, or removed.
#[macro_export]
macro_rules! regressions {
    ($directory:literal) => {
        $crate::regressions!($directory, $crate::sim::RunFile::run);
    };
    ($directory:literal, $run:expr) => {
        #[test]
        fn every_run_that_is_kept_is_as_it_was() {
            let run: fn(&$crate::sim::RunFile) -> ::std::result::Result<$crate::sim::Run, $crate::sim::Error> = $run;
            $crate::sim::replay_all(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $directory), run);
        }
    };
}
