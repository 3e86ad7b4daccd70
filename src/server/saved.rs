//! A cluster in a file.

use super::error::Error;
use super::error::Result;
use crate::broker::SavedState;
use std::path::Path;

/// Everything that a cluster keeps over a restart: topics, configuration, logs, ids and the time.
///
/// It is JSON, with record batches in base64, so that a test's data can be kept beside the test.
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::{Cluster, Record, SavedCluster};
/// let cluster = Cluster::builder().topic("orders", 1).start().await?;
/// cluster.seed("orders", [Record::new("two books")])?;
/// let folder = tempfile::tempdir().unwrap();
/// cluster.save(folder.path().join("cluster.json"))?;
/// drop(cluster);
///
/// let saved = SavedCluster::load(folder.path().join("cluster.json"))?;
/// let cluster = Cluster::builder().restore(saved).start().await?;
/// assert_eq!(cluster.topic("orders").records()[0].text(), "two books");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SavedCluster(pub(super) SavedState);

impl SavedCluster {
    /// Reads what [`Cluster::save`](super::Cluster::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::Json`] when it is not a saved cluster. Whether its logs
    /// are whole is found out when a cluster starts from it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|source| io_error(path, source))?;
        Ok(Self(serde_json::from_slice(&text)?))
    }

    /// Writes the file beside its place first, so that a failure in the middle leaves an older file as it was.
    pub(super) fn store(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(&self.0)?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(".part");
        let draft = Path::new(&draft);
        std::fs::write(draft, text).map_err(|source| io_error(draft, source))?;
        std::fs::rename(draft, path).map_err(|source| io_error(path, source))
    }
}

fn io_error(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}
