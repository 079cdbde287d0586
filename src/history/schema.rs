//! The tables, created by numbered migrations. New migrations are added; existing ones are never changed.
//!
//! By hand: SQLite itself keeps the version (`user_version`), so all that is left is a loop over the files.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{StoreError, statistics};

/// Migration `n` takes a file from schema `n` to schema `n + 1`.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// The newest schema that this program supports.
pub(super) const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// Marks the file's header as belonging to this program: "rote".
const APPLICATION_ID: i32 = 0x726f_7465;

/// Returns the number of a file's schema; 0 for an empty file.
///
/// # Errors
/// If the file belongs to another program or a later release, or cannot be read.
pub(super) fn checked_version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let sql = StoreError::sql(path);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(&sql);
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables = || connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(&sql);
    let is_empty = application == 0 && version == 0 && tables()? == 0;
    if application != APPLICATION_ID && !is_empty {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let found = u32::try_from(version).map_err(|_| StoreError::Foreign { path: path.to_owned() })?;
    if found > SCHEMA {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA });
    }
    Ok(found)
}

/// Migrates a file to the newest schema, in one transaction. If several processes try, only one does it.
///
/// # Errors
/// As [`checked_version`], or if the file cannot be written.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let sql = StoreError::sql(path);
    if checked_version(connection, path)? == SCHEMA && !statistics::lacks_any(connection).map_err(&sql)? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&sql)?;
    // Another process may have been faster.
    let found = checked_version(&transaction, path)? as usize;
    for migration in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(migration).map_err(&sql)?;
    }
    statistics::add_missing(&transaction).map_err(&sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(&sql)?;
    transaction.pragma_update(None, "user_version", SCHEMA).map_err(&sql)?;
    transaction.commit().map_err(&sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "history.sqlite";

    #[test]
    fn every_migration_leads_to_the_next_schema_and_none_is_applied_twice() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(checked_version(&connection, Path::new(PATH)).unwrap(), 0);
        for _ in 0..2 {
            migrate(&mut connection, Path::new(PATH)).unwrap();
            assert_eq!(checked_version(&connection, Path::new(PATH)).unwrap(), SCHEMA);
        }
    }

    #[test]
    fn a_later_schema_and_another_programs_file_are_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new(PATH)).unwrap();
        connection.pragma_update(None, "user_version", SCHEMA + 1).unwrap();
        assert!(matches!(migrate(&mut connection, Path::new(PATH)), Err(StoreError::Newer { .. })));
        let mut other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        assert!(matches!(migrate(&mut other, Path::new(PATH)), Err(StoreError::Foreign { .. })));
    }
}
