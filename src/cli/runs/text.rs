//! Columns and times for people.

/// Columns as wide as their widest cell, two spaces between. Control characters are written as escapes: a name moves no cursor.
pub(super) fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> =
        std::iter::once(head.map(str::to_owned)).chain(rows.iter().map(|row| row.each_ref().map(|cell| plain(cell)))).collect();
    let widths: [usize; N] =
        std::array::from_fn(|place| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or_default());
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A text whose control characters are written as escapes.
pub(super) fn plain(text: &str) -> String {
    let letter = |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() };
    text.chars().map(letter).collect()
}

/// A number with three digits behind the point, or a dash.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

/// Seconds since 1970 as a date and a time of day, UTC.
///
/// # Source
/// Hinnant, "chrono-compatible low-level date algorithms": days are counted in eras of 400 years that begin in March.
pub(super) fn time(unix_seconds: f64) -> String {
    let seconds = unix_seconds as i64;
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let since_march = days + 719_468;
    let (era, of_era) = (since_march.div_euclid(146_097), since_march.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in
            [(0.0, "1970-01-01 00:00:00Z"), (951_782_400.9, "2000-02-29 00:00:00Z"), (4_107_542_399.0, "2100-02-28 23:59:59Z")]
        {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn columns_are_aligned_and_move_no_cursor() {
        let table = columns(["a", "b"], &[["x\u{1b}[2J".to_owned(), "1".to_owned()], ["<i>".to_owned(), "2".to_owned()]]);
        assert_eq!(table, "a           b\nx\\u{1b}[2J  1\n<i>         2\n");
    }
}
