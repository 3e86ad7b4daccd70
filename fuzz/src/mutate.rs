//! Changes to inputs: the kinds of damage that find bugs in readers of lengths and counts.

use rehearsal::base::Rng;

/// Inputs stay below this, so that many fit into a second.
const LENGTH_MAX: usize = 1 << 16;

/// Changes `input` in one place, often in two, seldom in many; `other` lends bytes.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    once(input, other, rng);
    while rng.below(3) == 0 {
        once(input, other, rng);
    }
    input.truncate(LENGTH_MAX);
}

fn once(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let at = below(rng, input.len() + 1);
    match rng.below(12) {
        0 => overwrite(input, at, &[interesting_byte(rng)]),
        1 => overwrite(input, at, &[byte(rng)]),
        2 => {
            if let Some(b) = input.get_mut(at) {
                *b ^= 1 << rng.below(8);
            }
        }
        3 => {
            let value = interesting(rng);
            let width = [1, 2, 4, 8][below(rng, 4)];
            overwrite(input, at, &value.to_be_bytes()[8 - width..]);
        }
        // A small step in a length or a count of one byte.
        4 => {
            if let Some(b) = input.get_mut(at) {
                *b = b.wrapping_add_signed([-2, -1, 1, 2][below(rng, 4)]);
            }
        }
        5 => insert(input, at, &[interesting_byte(rng)]),
        6 => insert(input, at, &[[0xff; 4].as_slice(), &[0x0f]].concat()[..=below(rng, 5).min(4)]),
        7 => {
            let end = at + below(rng, 16).min(input.len() - at);
            input.drain(at..end);
        }
        8 => input.truncate(at),
        9 => {
            let from = below(rng, input.len() + 1);
            let piece = input[from..from + below(rng, 64).min(input.len() - from)].to_vec();
            insert(input, at, &piece);
        }
        10 => {
            let from = below(rng, other.len() + 1);
            let piece = &other[from..from + below(rng, 64).min(other.len() - from)];
            insert(input, at, piece);
        }
        // Many times the same: what arrays of small elements are made of.
        _ => {
            let times = 1 << rng.below(12);
            let piece = vec![interesting_byte(rng); times];
            insert(input, at, &piece);
        }
    }
}

pub(crate) fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(bound).unwrap())).unwrap()
}

fn byte(rng: &mut Rng) -> u8 {
    rng.next_u64().to_le_bytes()[0]
}

fn interesting_byte(rng: &mut Rng) -> u8 {
    [0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff][below(rng, 9)]
}

fn interesting(rng: &mut Rng) -> u64 {
    let bits = [7, 8, 15, 16, 31, 32, 63][below(rng, 7)];
    (1u64 << bits).wrapping_add(rng.below(5)).wrapping_sub(2)
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in input[at..].iter_mut().zip(bytes) {
        *to = *from;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}
