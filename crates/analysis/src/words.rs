//! Numbers as people read them.

use staunch_evidence::Counts;
use staunch_model::UNTIMED_MICROS;

use crate::intake::Arms;

/// A measured share: `6.3 %`, `0.04 %`, `0 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 99.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.095 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.2} %")
    }
}

/// A configured share, exactly: `1 %`, `0.25 %`.
pub(crate) fn exact_percent(share: f64) -> String {
    format!("{} %", trimmed(100.0 * share))
}

pub(crate) fn exact_points(share: f64) -> String {
    format!("{} percentage points", trimmed(100.0 * share))
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `canary 6.3 % (6 of 95)`
pub(crate) fn arm(name: &str, counts: Counts) -> String {
    match counts.rate() {
        Some(rate) => format!("{name} {} ({} of {})", percent(rate), counts.failures(), counts.attempts()),
        None => format!("{name} without requests"),
    }
}

/// `canary 6.3 % (6 of 95), stable 0.4 % (7 of 1805)`
pub(crate) fn both(counts: Arms<Counts>) -> String {
    format!("{}, {}", arm("canary", counts.canary), arm("stable", counts.stable))
}

/// `840 µs`, `12 ms`, `3.2 s`; a request that failed counts as slower than any, and has no time to tell.
pub(crate) fn micros(micros: f64) -> String {
    if micros >= UNTIMED_MICROS {
        "a failure".to_owned()
    } else if micros < 999.5 {
        format!("{micros:.0} µs")
    } else if micros < 9_950.0 {
        format!("{:.1} ms", micros / 1e3)
    } else if micros < 999_500.0 {
        format!("{:.0} ms", micros / 1e3)
    } else {
        format!("{:.1} s", micros / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.063_16), "6.3 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.000_4), "0.04 %");
        assert_eq!(exact_percent(0.01), "1 %");
        assert_eq!(exact_percent(0.0025), "0.25 %");
        assert_eq!(micros(840.4), "840 µs");
        assert_eq!(micros(1_234.0), "1.2 ms");
        assert_eq!(micros(512_000.0), "512 ms");
        assert_eq!(micros(3_200_000.0), "3.2 s");
        assert_eq!(arm("canary", Counts::new(95, 6)), "canary 6.3 % (6 of 95)");
    }
}
