//! Taking typed values out of a source by name, for the typed views.
//!
//! Not here: which names; each view says that.

use crate::config::definition::Value;

/// A source of values by name. What is absent reads as zero, false or empty: every row that a view reads has a default.
pub(super) struct Values<'a>(pub(super) &'a mut dyn FnMut(&'static str) -> Option<Value>);

impl Values<'_> {
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        matches!((self.0)(name), Some(Value::Boolean(true)))
    }

    pub(super) fn long(&mut self, name: &'static str) -> i64 {
        (self.0)(name).and_then(|value| value.whole()).unwrap_or(0)
    }

    pub(super) fn int(&mut self, name: &'static str) -> i32 {
        i32::try_from(self.long(name)).unwrap_or(i32::MAX)
    }

    /// A size or a count; a negative one is zero.
    pub(super) fn size(&mut self, name: &'static str) -> usize {
        usize::try_from(self.long(name)).unwrap_or(0)
    }

    pub(super) fn double(&mut self, name: &'static str) -> f64 {
        if let Some(Value::Double(value)) = (self.0)(name) { value } else { 0.0 }
    }

    pub(super) fn text(&mut self, name: &'static str) -> String {
        self.optional_text(name).unwrap_or_default()
    }

    pub(super) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        if let Some(Value::Text(text)) = (self.0)(name) { Some(text) } else { None }
    }

    pub(super) fn list(&mut self, name: &'static str) -> Vec<String> {
        if let Some(Value::List(elements)) = (self.0)(name) { elements } else { Vec::new() }
    }
}
