//! Topics that were deleted and created anew under their names: each is another topic, with offsets of its own, and so
//! histories call the second one of a name `orders#2`.
//!
//! Not here: what happened to any of them.

use crate::base::Uuid;
use crate::journal::Detail;
use crate::journal::Event;
use crate::journal::Journal;
use std::collections::BTreeMap;

/// What topics are called, as far as is known of them.
#[derive(Debug, Default)]
pub(crate) struct Incarnations {
    names: BTreeMap<Uuid, String>,
    /// How many topics had this name, and the last one's id.
    current: BTreeMap<String, (u32, Uuid)>,
}

impl Incarnations {
    /// What topics are called at the end of a journal.
    pub(crate) fn last(journal: &Journal) -> Self {
        let mut incarnations = Self::default();
        journal.entries().for_each(|entry| {
            incarnations.see(&entry.event);
        });
        incarnations
    }

    /// Takes in an entry of the journal. Says the name that is another topic's from now on, if there is one.
    pub(super) fn see(&mut self, entry: &Event) -> Option<String> {
        match entry {
            Event::Detail(Detail::Created { topic, topic_id, .. }) => {
                self.learn(topic.as_str(), *topic_id).then(|| topic.to_string())
            }
            _ => None,
        }
    }

    /// A topic of this name has this id. Says whether another one had the name before.
    pub(super) fn learn(&mut self, name: &str, id: Uuid) -> bool {
        if id.is_zero() || self.names.contains_key(&id) {
            return false;
        }
        let (count, last) = self.current.entry(name.to_owned()).or_default();
        *count += 1;
        *last = id;
        let is_another = *count > 1;
        self.names.insert(id, if is_another { format!("{name}#{count}") } else { name.to_owned() });
        is_another
    }

    /// What the topic that has this name now is called.
    pub(crate) fn of_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.current.get(name).and_then(|(_, id)| self.names.get(id)).map_or(name, |name| name)
    }

    /// What a partition of this name is called now: `orders#2-0` of `orders-0`.
    #[cfg(feature = "sim")]
    pub(super) fn of_partition(&self, partition: &str) -> String {
        match partition.rsplit_once('-') {
            Some((topic, index)) => format!("{}-{index}", self.of_name(topic)),
            None => partition.to_owned(),
        }
    }

    /// What the topic with this id is called.
    pub(super) fn of_id(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// Whether this is the topic that has its name now.
    pub(super) fn is_current(&self, id: Uuid) -> bool {
        self.current.values().any(|(_, current)| *current == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_is_created_anew_is_called_otherwise() {
        let id = |n: u8| Uuid([n; 16]);
        let mut topics = Incarnations::default();
        assert!(!topics.learn("t", id(1)));
        assert!(!topics.learn("u", id(2)));
        assert!(!topics.learn("t", id(1)), "it is known already");
        assert_eq!((topics.of_name("t"), topics.of_name("never seen")), ("t", "never seen"));
        assert!(topics.learn("t", id(3)));
        assert_eq!((topics.of_name("t"), topics.of_name("u")), ("t#2", "u"));
        assert_eq!((topics.of_id(id(1)), topics.of_id(id(3)), topics.of_id(id(9))), (Some("t"), Some("t#2"), None));
        assert_eq!((topics.is_current(id(1)), topics.is_current(id(3))), (false, true));
    }
}
