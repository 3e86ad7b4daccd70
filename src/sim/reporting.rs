//! A run as a report: what `report` makes of its history, with what only the run knows.

use super::run::Ending;
use super::run::Run;
use super::workload::Kind as WorkloadKind;
use crate::base::Seed;
use crate::report::Document;
use std::io;
use std::path::Path;
use std::path::PathBuf;

impl Run {
    /// This run as a report, to which more can be added before it is written.
    pub fn document(&self) -> Document<'_> {
        let Seed(seed) = self.seed;
        let plan = self.plan();
        let mut document = Document::new(&self.history, &self.report)
            .title("A simulated run")
            .fact("seed", format!("{seed:#x}"))
            .fact("virtual time", format!("{:.3} s", self.elapsed.as_secs_f64()))
            .fact("brokers", self.snapshot.brokers.len())
            .fact("processes", self.endings.len())
            .fact("planned faults", plan.faults.len() + plan.commands.len())
            .fact("trace", self.trace_hash_text());
        for (index, ending) in self.endings.iter().enumerate() {
            document = match ending {
                Ending::Finished => document,
                Ending::Failed(why) => document.note(format!("Process {index} failed: {why}")),
                Ending::Running => document.note(format!("Process {index} had not ended when the time was up.")),
                Ending::Crashed => document.note(format!("Process {index} crashed, and nobody started it again.")),
            };
        }
        for unmet in &self.unmet {
            document = document.note(format!("Not well again in time: {unmet}"));
        }
        let faults = plan.faults.iter().map(ToString::to_string);
        let commands = plan.commands.iter().map(ToString::to_string);
        let heal = plan.heal_at_ms.map(|ms| format!("heal everything at {ms} ms"));
        document.plan(faults.chain(commands).chain(heal))
    }

    /// This run as one page of HTML: see [`Document::html`].
    pub fn html(&self) -> String {
        self.document().html()
    }

    /// Writes the report with all that belongs to it, and gives back where the page is.
    ///
    /// In `dir`, which is made if it is missing: `report.html`, `report.txt`, `report.mmd` (a Mermaid diagram),
    /// `history.jsonl` and `run.json`, which `rehearsal replay` runs again.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write_report(&self, dir: impl AsRef<Path>) -> io::Result<PathBuf> {
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir)?;
        let file = self.file();
        let mut document = self
            .document()
            .file("as text", "report.txt")
            .file("as a diagram", "report.mmd")
            .file("history", "history.jsonl");
        // What matches by code cannot be written.
        if let Ok(json) = file.to_json() {
            std::fs::write(dir.join("run.json"), json)?;
            document = document.file("run", "run.json");
            // An application of one's own is not in the file.
            if file.workload.kind != WorkloadKind::App {
                document = document.replay("rehearsal replay run.json");
            }
        }
        std::fs::write(dir.join("report.txt"), document.text())?;
        std::fs::write(dir.join("report.mmd"), document.mermaid())?;
        std::fs::write(dir.join("history.jsonl"), self.history.to_json_lines())?;
        let page = dir.join("report.html");
        std::fs::write(&page, document.html())?;
        Ok(page)
    }
}
