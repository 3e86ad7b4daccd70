//! Random and damaged messages through three codecs: ours, kafka-wire and kafka-protocol.
//!
//! `differential [--seconds N] [--seed N]`. kafka-wire has to agree with us on what is a message and on how it is
//! written again, but for the exceptions that are explained below. kafka-protocol has known bugs, and aborts on hostile
//! lengths; it sees only what we can read, and where it differs, kafka-wire's word decides.

mod codecs;

use bytes::Bytes;
use codecs::Verdict;
use rehearsal::ApiKey;
use rehearsal::base::Rng;
use rehearsal::base::Seed;
use rehearsal::wire::generate::Generator;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

/// Why we and kafka-wire may differ, from what either says.
const EXPLAINED: &[Explanation] = &[
    Explanation {
        why: "a boolean that is neither 0 nor 1 is true, as in Java; kafka-wire refuses it",
        applies: |ours, theirs| matches!((ours, theirs), (Verdict::Rewritten(_), Verdict::Refused(why)) if why.starts_with("invalid boolean")),
    },
    Explanation {
        why: "tagged fields may come in any order and twice, as Java reads them; kafka-wire refuses that",
        applies: |ours, theirs| matches!((ours, theirs), (Verdict::Rewritten(_), Verdict::Refused(why)) if why.starts_with("tagged field ")),
    },
];

/// Refusing is one verdict, whatever the words.
fn agree(ours: &Verdict, theirs: &Verdict) -> bool {
    matches!((ours, theirs), (Verdict::Refused(_), Verdict::Refused(_))) || ours == theirs
}

struct Explanation {
    why: &'static str,
    applies: fn(ours: &Verdict, theirs: &Verdict) -> bool,
}

#[derive(Default)]
struct Report {
    inputs: u64,
    agreed: u64,
    read: u64,
    explained: BTreeMap<&'static str, u64>,
    unexplained: BTreeMap<String, (u64, String)>,
    /// Where kafka-protocol differs from us and kafka-wire agrees with us.
    outvoted: BTreeSet<String>,
    /// What no other codec has.
    alone: BTreeSet<String>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut time, mut seed) = (Duration::from_secs(60), 1);
    while let Some(name) = arguments.next() {
        let value: u64 = arguments.next().and_then(|value| value.parse().ok()).expect("a number after the option");
        match name.as_str() {
            "--seconds" => time = Duration::from_secs(value),
            "--seed" => seed = value,
            _ => panic!("usage: differential [--seconds N] [--seed N]"),
        }
    }
    // kafka-protocol's panics are counted, not shown.
    std::panic::set_hook(Box::new(|_| {}));
    let mut generator = Generator::new(Seed(seed).stream("differential"));
    let mut report = Report::default();
    let start = Instant::now();
    while start.elapsed() < time {
        for api in ApiKey::ALL.iter().copied() {
            for version in api.versions().iter() {
                for request in [true, false] {
                    let facts = if request { api.request_facts() } else { api.response_facts() };
                    let valid = generator.body(facts, version);
                    report.compare(api, request, version, &valid, true);
                    for _ in 0..3 {
                        let mut damaged = valid.to_vec();
                        damage(&mut damaged, generator.rng());
                        report.compare(api, request, version, &damaged.into(), false);
                    }
                }
            }
        }
    }
    report.print(seed);
    ExitCode::from(u8::from(!report.unexplained.is_empty()))
}

impl Report {
    fn compare(&mut self, api: ApiKey, request: bool, version: i16, bytes: &Bytes, valid: bool) {
        self.inputs += 1;
        let kind = if request { "request" } else { "response" };
        let name = format!("{api} {kind} v{version}");
        let ours = codecs::ours(api, request, version, bytes);
        if valid && ours != Verdict::Rewritten(bytes.clone()) {
            self.differ(format!("{name}: our own round trip"), bytes);
        }
        let theirs = codecs::kafka_wire(api, request, version, bytes);
        match (&ours, &theirs) {
            (_, Verdict::Unsupported) => self.ask_kafka_protocol(name, api, request, version, bytes, ours, None),
            (ours_says, theirs) if agree(ours_says, theirs) => {
                self.agreed += 1;
                self.ask_kafka_protocol(name, api, request, version, bytes, ours, Some(()));
            }
            (ours, theirs) => match EXPLAINED.iter().find(|explanation| (explanation.applies)(ours, theirs)) {
                Some(explanation) => *self.explained.entry(explanation.why).or_default() += 1,
                None => self.differ(format!("{name}: we say {ours:?}, kafka-wire {theirs:?}"), bytes),
            },
        }
    }

    /// Hears the third codec on what we can read; `seconded` when kafka-wire has said the same as we.
    #[allow(clippy::too_many_arguments, reason = "the place of an input has five parts")]
    fn ask_kafka_protocol(
        &mut self,
        name: String,
        api: ApiKey,
        request: bool,
        version: i16,
        bytes: &Bytes,
        ours: Verdict,
        seconded: Option<()>,
    ) {
        let Verdict::Rewritten(ours) = ours else { return };
        self.read += 1;
        match codecs::kafka_protocol(api, request, version, bytes) {
            Verdict::Unsupported if seconded.is_none() => {
                self.alone.insert(name);
            }
            Verdict::Unsupported => {}
            Verdict::Rewritten(theirs) if theirs == ours => {}
            _ if seconded.is_some() => {
                self.outvoted.insert(name);
            }
            theirs => match EXPLAINED.iter().find(|e| (e.applies)(&Verdict::Rewritten(ours.clone()), &theirs)) {
                Some(explanation) => *self.explained.entry(explanation.why).or_default() += 1,
                None => self.differ(format!("{name}: kafka-protocol alone to ask, and it says {theirs:?}"), bytes),
            },
        }
    }

    fn differ(&mut self, what: String, bytes: &Bytes) {
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let entry = self.unexplained.entry(what).or_insert((0, hex.clone()));
        entry.0 += 1;
        if hex.len() < entry.1.len() {
            entry.1 = hex;
        }
    }

    fn print(&self, seed: u64) {
        println!(
            "seed {seed}: {} inputs, {} read by us, {} on which kafka-wire agrees",
            self.inputs, self.read, self.agreed
        );
        for (why, count) in &self.explained {
            println!("explained {count} times: {why}");
        }
        println!("kafka-protocol differs from kafka-wire and us in {:?}", self.outvoted);
        println!("no other codec has {} old message versions (fixtures/frames covers them)", self.alone.len());
        for (what, (count, hex)) in &self.unexplained {
            println!("NOT EXPLAINED, {count} times: {what}\n    {hex}");
        }
    }
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(2) {
        let at = below(rng, bytes.len().max(1));
        let byte = match rng.below(3) {
            0 => rng.next_u64().to_le_bytes()[0],
            _ => [0, 1, 2, 0x0f, 0x7f, 0x80, 0xfe, 0xff][below(rng, 8)],
        };
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), byte),
            2 if at < bytes.len() => {
                bytes.remove(at);
            }
            3 => {
                for b in bytes.iter_mut().skip(at).take(4) {
                    *b = byte;
                }
            }
            _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = byte),
        }
    }
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(bound).unwrap())).unwrap()
}
