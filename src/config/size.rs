//! Sizes as people write them: `268435456`, `256MiB`, `1.5 GB`.

/// The units, tried from the largest when a size is shown. Only one that divides the size exactly is used, so that the text
/// parses back to the same size.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Parses a number of bytes; `None` if the text is not a size.
pub(super) fn parse(text: &str) -> Option<u64> {
    let split = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = if unit.is_empty() { 1 } else { UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1 };
    let number = number.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Nine decimal places are more than anyone needs, and keep the product within 128 bits.
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let scaled = u128::from(whole.parse::<u64>().ok()?) * scale + fraction.parse::<u128>().ok()?;
    let bytes = scaled.checked_mul(u128::from(factor))?;
    // A fraction of a byte is a mistake.
    (bytes % scale == 0).then(|| u64::try_from(bytes / scale).ok())?
}

/// The size in the largest unit that divides it exactly.
pub(super) fn show(bytes: u64) -> String {
    let fits = |&&(_, factor): &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(factor);
    let (unit, factor) = UNITS.iter().find(fits).copied().unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("268435456", 256 << 20),
            ("256MiB", 256 << 20),
            ("256 mib", 256 << 20),
            ("1.5GiB", 3 << 29),
            ("2GB", 2_000_000_000),
            ("0", 0),
            ("7B", 7),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "12 bananas", "-1", "1e9", "0.5B", "1..5MB", ".5MB", "99999999999TiB", "1.0000000000MB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for bytes in [0, 1, 1000, 1024, 1_000_000, 256 << 20, (256 << 20) + 1, u64::MAX] {
            assert_eq!(parse(&show(bytes)), Some(bytes));
        }
        assert_eq!(show(256 << 20), "256MiB");
    }
}
