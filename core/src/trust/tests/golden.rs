//! A repository that python-tuf 7.0.1 wrote (`tests/python/trust_interop.py write`).

use crate::trust::{Role, TrustedSet, Update};

const NOW_MS: i64 = 1_790_000_000_000;

fn file(path: &str) -> Option<&'static [u8]> {
    match path {
        "metadata/2.root.json" => Some(include_bytes!("../golden/2.root.json")),
        "metadata/timestamp.json" => Some(include_bytes!("../golden/timestamp.json")),
        "metadata/4.snapshot.json" => Some(include_bytes!("../golden/4.snapshot.json")),
        "metadata/3.targets.json" => Some(include_bytes!("../golden/3.targets.json")),
        _ => None,
    }
}

#[test]
fn a_repository_of_python_tuf_is_accepted() {
    let stored = TrustedSet::from_root(include_bytes!("../golden/1.root.json")).unwrap();
    let mut update = Update::begin(stored, NOW_MS);
    while let Some(wanted) = update.wanted() {
        match file(&wanted.path) {
            Some(bytes) => update.accept(bytes).unwrap(),
            None => update.missing().unwrap(),
        }
    }
    let set = update.finish().unwrap();
    assert_eq!(set.version(Role::Root), Some(2));
    let chosen = set.current(NOW_MS).unwrap().choose("town", "x").unwrap();
    assert_eq!((chosen.version, chosen.length), (8, 22));
}
