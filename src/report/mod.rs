//! Reports that people show to each other: what went wrong in a run, drawn, told step by step, and as plain text.
//!
//! Not here: judging (`check` does), running (`sim` does), and files: a report is text, whoever asks for it writes it.
//!
//! ```text
//!  History + Report ──> story ──────> picture ──> svg ──┐
//!                       (witness and  (lanes,           ├──> html, text, mermaid
//!                        its causes)   marks)           │
//!                   └─> strips, settings, metrics ──────┘
//! ```

mod axis;
mod cause;
mod cluster;
mod describe;
mod document;
mod embed;
mod escape;
mod html;
mod mermaid;
mod metrics;
mod picture;
mod settings;
mod story;
mod strips;
mod svg;
mod text;
mod time;

pub use document::Document;
