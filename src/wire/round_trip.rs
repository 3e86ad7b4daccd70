//! Every message at every version: what is read is written again, as bytes and as JSON; damage is an error, no panic.

use crate::base::Rng;
use crate::base::Seed;
use crate::wire::api_key::ApiKey;
use crate::wire::codec::Decoder;
use crate::wire::codec::Encoder;
use crate::wire::codec::Message;
use crate::wire::generate::Generator;
use crate::wire::json::from_json;
use crate::wire::json::summary;
use crate::wire::json::to_json;
use crate::wire::messages::Request;
use crate::wire::messages::Response;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::group_records::GroupMetadataKey;
use crate::wire::messages::group_records::GroupMetadataValue;
use crate::wire::messages::group_records::OffsetCommitKey;
use crate::wire::messages::group_records::OffsetCommitValue;
use crate::wire::schema::MessageFacts;
use bytes::Bytes;

/// Reads bytes as a typed message and writes them again; `None` when they are no such message.
type Rewrite<'a> = &'a dyn Fn(Bytes, i16) -> Option<Bytes>;

fn rewrite_request(api: ApiKey) -> impl Fn(Bytes, i16) -> Option<Bytes> {
    move |bytes, version| {
        let request = Request::decode(&mut Decoder::new(bytes, false), api, version).ok()?;
        let mut encoder = Encoder::new(false);
        request.encode(&mut encoder, version).expect("what was read can be written");
        Some(encoder.into_bytes())
    }
}

fn rewrite_response(api: ApiKey) -> impl Fn(Bytes, i16) -> Option<Bytes> {
    move |bytes, version| {
        let response = Response::decode(&mut Decoder::new(bytes, false), api, version).ok()?;
        let mut encoder = Encoder::new(false);
        response.encode(&mut encoder, version).expect("what was read can be written");
        Some(encoder.into_bytes())
    }
}

fn rewrite<M: Message>(bytes: Bytes, version: i16) -> Option<Bytes> {
    let message = M::from_bytes(bytes, version).ok()?;
    Some(message.to_bytes(version).expect("what was read can be written"))
}

/// Calls `check` with the table and the typed reader of every message at every version.
fn for_every_version(mut check: impl FnMut(&MessageFacts, Rewrite<'_>, i16)) {
    for api in ApiKey::ALL.iter().copied() {
        for version in api.versions().iter() {
            check(api.request_facts(), &rewrite_request(api), version);
            check(api.response_facts(), &rewrite_response(api), version);
        }
    }
    for version in ConsumerProtocolSubscription::FACTS.versions.iter() {
        check(&ConsumerProtocolSubscription::FACTS, &rewrite::<ConsumerProtocolSubscription>, version);
        check(&ConsumerProtocolAssignment::FACTS, &rewrite::<ConsumerProtocolAssignment>, version);
    }
    for version in OffsetCommitValue::FACTS.versions.iter() {
        check(&OffsetCommitValue::FACTS, &rewrite::<OffsetCommitValue>, version);
        check(&GroupMetadataValue::FACTS, &rewrite::<GroupMetadataValue>, version);
    }
    check(&OffsetCommitKey::FACTS, &rewrite::<OffsetCommitKey>, 1);
    check(&GroupMetadataKey::FACTS, &rewrite::<GroupMetadataKey>, 2);
}

#[test]
fn what_is_read_is_written_again() {
    let mut generator = Generator::new(Seed(2).stream("round trip"));
    for_every_version(|facts, rewrite, version| {
        for _ in 0..20 {
            let bytes = generator.body(facts, version);
            let name = facts.body.name;
            assert_eq!(rewrite(bytes.clone(), version), Some(bytes.clone()), "{name} {version}");
            let json = to_json(facts, bytes.clone(), version).unwrap();
            assert_eq!(from_json(facts, &json, version).as_ref(), Ok(&bytes), "{name} {version}: {json}");
        }
    });
}

#[test]
fn every_part_of_a_message_but_none_of_it_less_is_needed() {
    let mut generator = Generator::new(Seed(3).stream("truncation")).elements(6);
    for_every_version(|facts, rewrite, version| {
        let bytes = generator.body(facts, version);
        let name = facts.body.name;
        for end in 0..bytes.len() {
            assert_eq!(rewrite(bytes.slice(..end), version), None, "{name} {version} {end}");
        }
        let longer = Bytes::from([&bytes[..], &[0]].concat());
        assert_eq!(rewrite(longer, version), None, "{name} {version}");
    });
}

#[test]
fn damaged_messages_are_read_alike_by_both_readers() {
    let mut generator = Generator::new(Seed(4).stream("damage"));
    let (mut accepted, mut refused) = (0, 0);
    for_every_version(|facts, rewrite, version| {
        for _ in 0..20 {
            let mut bytes = generator.body(facts, version).to_vec();
            damage(&mut bytes, generator.rng());
            let bytes = Bytes::from(bytes);
            let name = facts.body.name;
            let json = to_json(facts, bytes.clone(), version);
            let _ = summary(facts, bytes.clone(), version);
            match rewrite(bytes.clone(), version) {
                None => {
                    refused += 1;
                    assert!(json.is_err(), "{name} {version} {bytes:?}");
                }
                // The bytes may change once, when what was damaged is written as it should be; after that no more.
                Some(written) => {
                    accepted += 1;
                    assert_eq!(rewrite(written.clone(), version), Some(written.clone()), "{name} {version} {bytes:?}");
                    assert!(json.is_ok(), "{name} {version} {bytes:?}");
                }
            }
        }
    });
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let at = usize::try_from(rng.below(u64::try_from(bytes.len()).unwrap().max(1))).unwrap();
        let byte = [0, 1, 0x7f, 0x80, 0xff, rng.next_u64().to_le_bytes()[0]][usize::try_from(rng.below(6)).unwrap()];
        match rng.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), byte),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = byte),
        }
    }
}

#[test]
fn defaults_come_back() {
    fn check<M: Message + PartialEq + std::fmt::Debug>() {
        for version in M::FACTS.versions.iter() {
            if let Ok(bytes) = M::default().to_bytes(version) {
                assert_eq!(M::from_bytes(bytes, version).as_ref(), Ok(&M::default()), "{version}");
            }
        }
    }
    check::<ConsumerProtocolAssignment>();
    check::<ConsumerProtocolSubscription>();
    // The rest through JSON: an empty object is the default, and so is what it is read as.
    for_every_version(|facts, rewrite, version| {
        let bytes = from_json(facts, &serde_json::json!({}), version).unwrap();
        assert_eq!(rewrite(bytes.clone(), version), Some(bytes), "{} {version}", facts.body.name);
    });
}
