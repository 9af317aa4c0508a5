//! The identity of a data set.

use noctule_core::base::digest::sha256_hex;

use crate::datasets::Interactions;

/// Bytes that are hashed at once.
const CHUNK_BYTES: usize = 1 << 20;

/// SHA-256 over users, items (as JSON) and events, as hexadecimal digits: a chain over chunks of at
/// least a mebibyte, each behind the digest of those before it. The same data read from another
/// layout have the same digest.
#[must_use]
pub fn data_digest(data: &Interactions) -> String {
    let mut chain = Chain::default();
    for user in &data.users {
        chain.text(user);
    }
    for item in &data.items {
        // An item is plain data: writing it as JSON cannot fail.
        chain.text(&serde_json::to_string(item).unwrap_or_default());
    }
    for event in &data.events {
        let context = event.context.map_or(-1, i64::from);
        chain.bytes(&event.user.to_le_bytes());
        chain.bytes(&event.item.to_le_bytes());
        chain.bytes(&event.at_ms.unwrap_or(i64::MIN).to_le_bytes());
        chain.bytes(&context.to_le_bytes());
        chain.bytes(&event.weight.to_le_bytes());
    }
    chain.finish()
}

#[derive(Default)]
struct Chain {
    waiting: Vec<u8>,
}

impl Chain {
    fn text(&mut self, text: &str) {
        self.bytes(&(text.len() as u64).to_le_bytes());
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK_BYTES {
            let digest = sha256_hex(&self.waiting);
            self.waiting.clear();
            self.waiting.extend_from_slice(digest.as_bytes());
        }
    }

    fn finish(self) -> String {
        sha256_hex(&self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};

    #[test]
    fn every_part_of_the_data_counts() {
        let event = Interaction { user: 0, item: 0, at_ms: None, context: None, weight: 1.0 };
        let data = Interactions {
            users: vec!["u".into()],
            items: vec![bare_item("a").unwrap()],
            events: vec![event],
            ..Interactions::default()
        };
        let mut digests = vec![data_digest(&data)];
        let mut change = |changed: &dyn Fn(&mut Interactions)| {
            let mut other = data.clone();
            changed(&mut other);
            digests.push(data_digest(&other));
        };
        change(&|data| data.users[0].push('v'));
        change(&|data| data.items[0].title.push('v'));
        change(&|data| data.events[0].at_ms = Some(0));
        change(&|data| data.events[0].context = Some(0));
        change(&|data| data.events[0].weight = 2.0);
        change(&|data| data.events.push(event));
        assert_eq!(data_digest(&data), digests[0]);
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 7);
    }
}
