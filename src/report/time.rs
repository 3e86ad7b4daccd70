//! Times as people read them.

use crate::base::Instant;

pub(super) fn nanos(t: Instant) -> u64 {
    u64::try_from(t.since_start().as_nanos()).unwrap_or(u64::MAX)
}

/// A time or a length of time in the unit that fits: `12.345 s`, `450 ms`, `7 ns`.
pub(super) fn readable(nanos: u64) -> String {
    let (unit, name) = match nanos {
        0 => return "0 s".to_owned(),
        1..=999 => (1, "ns"),
        1_000..=999_999 => (1_000, "µs"),
        1_000_000..=999_999_999 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let thousandths = (nanos % unit) / (unit / 1000).max(1);
    let whole = grouped(nanos / unit);
    let fraction = format!("{thousandths:03}");
    let fraction = fraction.trim_end_matches('0');
    if unit == 1 || fraction.is_empty() { format!("{whole} {name}") } else { format!("{whole}.{fraction} {name}") }
}

/// A number with a comma between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_the_unit_that_fits() {
        let check = |nanos: u64, expected: &str| assert_eq!(readable(nanos), expected);
        check(0, "0 s");
        check(7, "7 ns");
        check(1_500, "1.5 µs");
        check(450_000_000, "450 ms");
        check(12_345_600_000, "12.345 s");
        check(3_600_000_000_000, "3,600 s");
        check(42_000_000_000, "42 s");
    }
}
