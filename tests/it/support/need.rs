//! What some tests need and not every machine has. A test that lacks it says so, and fails where nothing may be skipped.

/// The thing, or nothing where the test is to be skipped.
///
/// # Panics
/// Where `ROTEWATCH_REQUIRE_ALL=1` is set and the thing is missing.
pub fn or_skip<T>(found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        assert!(std::env::var_os("ROTEWATCH_REQUIRE_ALL").is_none_or(|value| value != "1"), "{what}: not here, and required");
        eprintln!("SKIPPED: {what}");
    }
    found
}
