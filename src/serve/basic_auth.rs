//! Basic auth with bcrypt hashes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::config::PasswordHash;

/// The hash that is checked if the user is unknown, so that the response time does not reveal which users exist. Its cost is 10.
const NOBODY: &str = "$2b$10$7EqJtq98hPqEX7fNZaFWoOhi5B0a8UxN0q4Qe0p0YQq8eNqPDb0TK";

/// The users of the web configuration.
pub(super) struct Users {
    hashes: BTreeMap<String, PasswordHash>,
    nobody: PasswordHash,
    /// The last correct password of each user. A hash takes a tenth of a second and a scrape comes every few seconds, so hashing is
    /// done only once.
    proven: Mutex<HashMap<String, String>>,
    /// One hash at a time, so that guessing passwords keeps only one thread busy.
    turn: Semaphore,
}

impl Users {
    /// Returns `None` if there are no users; then no password is needed.
    #[expect(clippy::expect_used, reason = "the hash is a constant, and every test with a web configuration parses it")]
    pub(super) fn new(hashes: BTreeMap<String, PasswordHash>) -> Option<Arc<Self>> {
        let nobody = NOBODY.parse().expect("a good hash");
        let users = Self { hashes, nobody, proven: Mutex::default(), turn: Semaphore::new(1) };
        (!users.hashes.is_empty()).then(|| Arc::new(users))
    }

    /// Returns whether the request's user and password are right.
    pub(super) async fn let_in(self: &Arc<Self>, headers: &HeaderMap) -> bool {
        let Some((user, password)) = credentials(headers) else { return false };
        if self.has_proven(&user, &password) {
            return true;
        }
        let Ok(_turn) = self.turn.acquire().await else { return false };
        // An earlier request in the queue may have proven the same password.
        if self.has_proven(&user, &password) {
            return true;
        }
        let users = Arc::clone(self);
        spawn_blocking(move || users.prove(user, password)).await.unwrap_or(false)
    }

    fn has_proven(&self, user: &str, password: &str) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.get(user).is_some_and(|known| crate::state::token::matches(password, known))
    }

    fn prove(&self, user: String, password: String) -> bool {
        let hash = self.hashes.get(&user);
        let right = hash.unwrap_or(&self.nobody).is_of(&password) && hash.is_some();
        if right {
            self.proven.lock().unwrap_or_else(PoisonError::into_inner).insert(user, password);
        }
        right
    }
}

/// User and password of `Authorization: Basic`.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (user, password) =
        String::from_utf8(decoded).ok()?.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))?;
    Some((user, password))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// `secret` at cost 4.
    fn users() -> Arc<Users> {
        let hash = bcrypt::hash("secret", 4).unwrap();
        Users::new(BTreeMap::from([("alice".to_owned(), hash.parse().unwrap())])).unwrap()
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_the_right_password_of_a_known_user_is_let_in_however_often_it_is_tried() {
        let users = users();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        for _ in 0..2 {
            for (header, expected) in [
                (basic("alice:secret"), true),
                (basic("alice:Secret"), false),
                (basic("alice:"), false),
                (basic("bob:secret"), false),
                (basic("alice"), false),
                (basic("alice:secret").replace("Basic", "basic"), true),
                ("Basic %%%".to_owned(), false),
                ("Bearer alice:secret".to_owned(), false),
            ] {
                assert_eq!(runtime.block_on(users.let_in(&headers(&header))), expected, "{header}");
            }
        }
        assert!(!runtime.block_on(users.let_in(&HeaderMap::new())));
    }

    #[test]
    fn where_there_are_no_users_nobody_is_asked() {
        assert!(Users::new(BTreeMap::new()).is_none());
    }
}
