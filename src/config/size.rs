//! Sizes in bytes: "32MiB" to a number and back.

/// Units, largest first. Bare letters such as "M" are left out: they mean both 10^6 and 2^20.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads "32MiB", "10 MB", "512B" or "1024"; `None` for anything else and for more than `u64`.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim_start();
    let factor = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Writes a size in the largest binary unit that needs no fraction.
pub fn format_size(bytes: u64) -> String {
    let exact = |unit: &&(&str, u64)| unit.0.ends_with("iB") && bytes.is_multiple_of(unit.1);
    match UNITS.iter().filter(exact).find(|_| bytes > 0) {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::format_size;
    use super::parse_size;
    use proptest::prelude::*;

    #[test]
    fn reads() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("1024", Some(1024)),
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("64kib", Some(65_536)),
            ("10 MB", Some(10_000_000)),
            ("2KB", Some(2_000)),
            (" 32MiB ", Some(33_554_432)),
            ("1GiB", Some(1_073_741_824)),
            ("1GB", Some(1_000_000_000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("17179869184GiB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("32M", None),
            ("MiB", None),
            ("", None),
            ("1 MiB x", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn writes() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1_000, "1000B"),
            (1_024, "1KiB"),
            (1_536, "1536B"),
            (33_554_432, "32MiB"),
            (1 << 30, "1GiB"),
        ] {
            assert_eq!(format_size(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: u64) {
            prop_assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
        }
    }
}
