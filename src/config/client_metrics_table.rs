//! Client metrics configs, by name: which client tells what, and how often.
//!
//! Not here: what a row means; `definition` says that. Source: the definitions of Apache Kafka 4.2.1.

use crate::config::definition::ConfigType;
use crate::config::definition::Definition;
use crate::config::definition::Valid;

pub(super) const CLIENT_METRICS: &[Definition] = &[
    Definition::new("interval.ms", ConfigType::Int, Some("300000"), Valid::Any)
        .doc("Sets how often matching clients push their metrics."),
    Definition::new("match", ConfigType::List, Some(""), Valid::List { empty: true })
        .doc("Picks clients by `name=pattern` pairs on their id, software, version and address; empty picks all."),
    Definition::new("metrics", ConfigType::List, Some(""), Valid::List { empty: true })
        .doc("Lists the prefixes of the metrics that clients push; empty pushes none."),
];
