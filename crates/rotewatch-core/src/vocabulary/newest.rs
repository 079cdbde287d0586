//! A bounded memory of the newest keys, to recognise repetitions.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// The newest `MOST` keys, each with a value. The oldest key is forgotten first.
#[derive(Clone, Debug)]
pub struct Newest<const MOST: usize, K, V = ()> {
    /// Each key's position in the order, and its value.
    known: HashMap<K, (u64, V)>,
    in_order: BTreeMap<u64, K>,
    noted: u64,
}

impl<const MOST: usize, K, V> Default for Newest<MOST, K, V> {
    fn default() -> Self {
        Newest { known: HashMap::new(), in_order: BTreeMap::new(), noted: 0 }
    }
}

impl<const MOST: usize, K: Clone + Eq + Hash, V> Newest<MOST, K, V> {
    /// Remembers a key. Returns whether it is new. A known key keeps its position in the order and gets the new value.
    pub fn note(&mut self, key: K, value: V) -> bool {
        if let Some((_, known)) = self.known.get_mut(&key) {
            *known = value;
            return false;
        }
        self.known.insert(key.clone(), (self.noted, value));
        self.in_order.insert(self.noted, key);
        self.noted += 1;
        if self.known.len() > MOST
            && let Some((_, oldest)) = self.in_order.pop_first()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Returns the value of a key that is still remembered.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key).map(|(_, value)| value)
    }

    /// Returns whether a key is still remembered.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.known.contains_key(key)
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: &K) {
        if let Some((place, _)) = self.known.remove(key) {
            self.in_order.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once() {
        let mut newest: Newest<3, &str> = Newest::default();
        assert!(newest.note("a", ()));
        assert!(!newest.note("a", ()));
        assert!(newest.contains(&"a") && !newest.contains(&"b"));
    }

    #[test]
    fn the_key_that_was_noted_first_is_forgotten_first() {
        let mut newest: Newest<3, u32, char> = Newest::default();
        for (key, value) in [(5, 'a'), (1, 'b'), (9, 'c'), (5, 'd'), (2, 'e')] {
            newest.note(key, value);
        }
        assert_eq!(newest.get(&5), None, "noted again, it kept its place");
        assert_eq!([1, 9, 2].map(|key| newest.get(&key).copied()), [Some('b'), Some('c'), Some('e')]);
        newest.note(1, 'f');
        assert_eq!(newest.get(&1), Some(&'f'));
    }

    #[test]
    fn a_key_that_is_forgotten_leaves_its_room_to_another() {
        let mut newest: Newest<2, u32> = Newest::default();
        newest.note(1, ());
        newest.note(2, ());
        newest.forget(&2);
        newest.forget(&7);
        newest.note(3, ());
        assert!(newest.contains(&1) && newest.contains(&3));
        assert!(newest.note(2, ()), "it is new again");
        assert!(!newest.contains(&1));
    }

    #[test]
    fn no_more_than_that_is_held() {
        let mut newest: Newest<4, u32> = Newest::default();
        for key in 0..100 {
            newest.note(key, ());
            newest.note(key / 2, ());
        }
        assert_eq!((newest.known.len(), newest.in_order.len()), (4, 4));
    }
}
