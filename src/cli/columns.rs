//! Prints text in columns.

/// The name of a column, and how its cells are aligned.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head<'name> {
    /// Aligned left, for words.
    Left(&'name str),
    /// Aligned right, for numbers.
    Right(&'name str),
}

impl<'name> Head<'name> {
    fn name(self) -> &'name str {
        match self {
            Head::Left(name) | Head::Right(name) => name,
        }
    }
}

/// Columns as wide as their widest cell, separated by two spaces and indented by `indent`. A row may have fewer cells than there
/// are columns. Control characters are escaped, so that no name can move the cursor.
pub(super) fn columns<R: AsRef<[String]>>(indent: usize, heads: &[Head<'_>], rows: &[R]) -> String {
    let names = heads.iter().map(|head| plain(head.name())).collect();
    let cells = rows.iter().map(|row| row.as_ref().iter().map(|cell| plain(cell)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(names).chain(cells).collect();
    let width = |place: usize| rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(heads).zip(&widths).map(|((cell, head), &width)| match head {
            Head::Left(_) => format!("{cell:<width$}"),
            Head::Right(_) => format!("{cell:>width$}"),
        });
        let cells: Vec<String> = cells.collect();
        format!("{}\n", format!("{:indent$}{}", "", cells.join("  ")).trim_end())
    };
    rows.iter().map(line).collect()
}

/// A text with escaped control characters.
pub(super) fn plain(text: &str) -> String {
    let letter = |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::Head::{Left, Right};
    use super::*;

    #[test]
    fn columns_are_aligned_and_move_no_cursor() {
        let rows = [["x\u{1b}[2J".to_owned(), "1".to_owned()], ["<i>".to_owned(), "2".to_owned()]];
        assert_eq!(columns(0, &[Left("a"), Left("b")], &rows), "a           b\nx\\u{1b}[2J  1\n<i>         2\n");
    }

    #[test]
    fn numbers_stand_at_the_right_and_a_row_may_end_early() {
        let rows = [vec!["fc1".to_owned(), "0.25".to_owned(), "12".to_owned()], vec!["fc10".to_owned(), "10.5".to_owned()]];
        let expected = "  layer    MI  pairs\n  fc1    0.25     12\n  fc10   10.5\n";
        assert_eq!(columns(2, &[Left("layer"), Right("MI"), Right("pairs")], &rows), expected);
    }
}
