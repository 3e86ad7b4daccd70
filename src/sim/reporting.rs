//! A run as a report: what `report` makes of its history, with what only the run knows.

use super::file::RunFile;
use super::run::Ending;
use super::run::Run;
use super::shrink::Shrunk;
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
            .fact("trace", self.trace_hash_text());
        if !plan.is_empty() {
            document = document.fact("planned faults", plan.len());
        }
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
        write_files(self.document(), self, &self.file(), dir.as_ref())
    }
}

impl Shrunk {
    /// The smallest run as a report: how large it was at first, and what is different in the nearest run that passes.
    pub fn document(&self) -> Document<'_> {
        let size = |file: &RunFile| (file.faults.len(), super::shrink::records(file));
        let ((faults, records), (fewer_faults, fewer_records)) = (size(&self.original), size(&self.file));
        let made =
            format!("{faults} faults to {fewer_faults}, {records} records to {fewer_records}, in {} runs", self.runs);
        let document = self.run.document().title("A simulated run, made smaller").fact("made smaller", made);
        match &self.contrast {
            Some(contrast) => document.contrast(&contrast.what),
            None => document,
        }
    }

    /// Does what [`Run::write_report`] does, for the smallest run; `original.json` is the run as it was at first.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write_report(&self, dir: impl AsRef<Path>) -> io::Result<PathBuf> {
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir)?;
        let mut document = self.document();
        if let Ok(json) = self.original.to_json() {
            std::fs::write(dir.join("original.json"), json)?;
            document = document.file("run as it was at first", "original.json");
        }
        write_files(document, &self.run, &self.file, dir)
    }
}

fn write_files(document: Document<'_>, run: &Run, file: &RunFile, dir: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let document =
        document.file("as text", "report.txt").file("as a diagram", "report.mmd").file("history", "history.jsonl");
    // What matches by code cannot be written, and an application of one's own is not in the file.
    let document = match file.to_json() {
        Ok(json) => {
            std::fs::write(dir.join("run.json"), json)?;
            let document = document.file("run", "run.json");
            let is_own = file.workload.kind == WorkloadKind::App;
            if is_own { document } else { document.replay("rehearsal replay run.json") }
        }
        Err(_) => document,
    };
    std::fs::write(dir.join("report.txt"), document.text())?;
    std::fs::write(dir.join("report.mmd"), document.mermaid())?;
    std::fs::write(dir.join("history.jsonl"), run.history.to_json_lines())?;
    let page = dir.join("report.html");
    std::fs::write(&page, document.html())?;
    Ok(page)
}
