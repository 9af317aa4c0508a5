use rusqlite::params;

use super::*;
use crate::store::{Store, meta, pseudonyms};

const EVENTS: u64 = 3_000;
/// Bytes of a page.
const PAGE: usize = 4_096;

/// A profile with events, closed, so that all of it is in one file.
fn profile(directory: &Path) {
    let store = Store::open(directory).unwrap();
    store
        .write("test", |transaction| {
            meta::put_number(transaction, "a", 7)?;
            pseudonyms::add(transaction, uuid::Uuid::from_u128(1), 0)?;
            let sql = "INSERT INTO events (sequence, id, at_ms, kind, item, stamp) \
                       VALUES (?1, ?2, 5, 'like', ?3, 1)";
            for sequence in 1..=EVENTS {
                let item = format!("item-{sequence}");
                transaction.execute(sql, params![sequence, [7_u8; 16], item]).unwrap();
            }
            Ok(())
        })
        .unwrap();
    store.set_mark(EVENTS);
    store.maintain().unwrap();
}

fn spoil(directory: &Path, page: usize) {
    let path = directory.join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[page * PAGE..(page + 1) * PAGE].fill(0xA5);
    fs::write(&path, bytes).unwrap();
}

/// A page in the middle of the events, of which it holds some dozens.
fn page_of_events(directory: &Path) -> usize {
    let bytes = fs::read(directory.join(FILE)).unwrap();
    let item = b"item-1500";
    bytes.windows(item.len()).position(|window| window == item).unwrap() / PAGE
}

/// Events that can be read, and how many are said to be lost.
fn events(store: &Store) -> Result<(u64, u64)> {
    store.read(|connection| {
        let two = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let sql = "SELECT (SELECT count(*) FROM events WHERE length(item) > 0), lost FROM recorder";
        connection.query_row(sql, [], two).map_err(Error::storage("test"))
    })
}

/// A profile with a damaged page, that was noticed.
fn spoiled(directory: &Path) -> Store {
    profile(directory);
    spoil(directory, page_of_events(directory));
    let store = Store::open(directory).unwrap();
    assert!(events(&store).is_err_and(|error| error.is_database_damage()));
    store
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_damaged_page_costs_what_is_on_it_and_the_rest_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    drop(spoiled(scratch.path()));
    let store = Store::open(scratch.path()).unwrap();
    assert!(store.take_rescued().is_some_and(|text| text.contains("rows were kept")));
    let (kept, lost) = events(&store).unwrap();
    assert_eq!(kept + lost, EVENTS);
    assert!((1..200).contains(&lost), "{lost}");
    assert_eq!(store.read(|c| meta::number(c, "a")).unwrap(), 7);
    assert_eq!(store.check().unwrap(), [] as [String; 0]);
    drop(store);
    assert_eq!(names(scratch.path()), ["noctule.lock", FILE]);
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!((store.take_rescued(), events(&store).unwrap()), (None, (kept, lost)));
}

#[test]
fn a_rescue_that_was_killed_is_done_again_from_what_was_set_aside() {
    let scratch = tempfile::tempdir().unwrap();
    drop(spoiled(scratch.path()));
    set_aside(scratch.path()).unwrap();
    let lock = File::options().read(true).write(true).open(scratch.path().join("noctule.lock"));
    let lock = lock.unwrap();
    // The new database is half there, or there and not yet said to be, or not there at all.
    let states: [&dyn Fn(); 3] = [
        &|| fs::write(scratch.path().join(FILE), "half").unwrap(),
        &|| drop(rebuild(scratch.path(), EVENTS).unwrap()),
        &|| fs::remove_file(scratch.path().join(FILE)).unwrap(),
    ];
    let damaged: Vec<_> = names(&scratch.path().join(DAMAGED));
    for reach in states {
        reach();
        let (connection, told) = connect_or_rescue(scratch.path(), &lock).unwrap();
        assert!(told.is_some_and(|told| told.contains("rows were kept")));
        drop(connection);
        assert_eq!(names(scratch.path()), ["noctule.lock", FILE]);
        set_aside(scratch.path()).unwrap();
        assert_eq!(names(&scratch.path().join(DAMAGED)), damaged);
    }
}

#[test]
fn a_copy_that_was_killed_leaves_the_files_as_they_were() {
    let scratch = tempfile::tempdir().unwrap();
    profile(scratch.path());
    fs::create_dir(scratch.path().join(UNFINISHED)).unwrap();
    fs::write(scratch.path().join(UNFINISHED).join(FILE), "half").unwrap();
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!((store.take_rescued(), events(&store).unwrap()), (None, (EVENTS, 0)));
}

#[test]
fn a_header_that_is_gone_costs_nothing_and_a_first_page_that_is_gone_everything() {
    let scratch = tempfile::tempdir().unwrap();
    profile(scratch.path());
    let path = scratch.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..16].fill(0);
    fs::write(&path, &bytes).unwrap();
    let store = Store::open(scratch.path()).unwrap();
    assert!(store.take_rescued().is_some());
    assert_eq!(events(&store).unwrap(), (EVENTS, 0));
    drop(store);
    spoil(scratch.path(), 0);
    let store = Store::open(scratch.path()).unwrap();
    assert!(store.take_rescued().is_some());
    assert_eq!(events(&store).unwrap().0, 0);
    // Whoever opens the profile counts what the mark tells.
    assert_eq!(store.mark(), EVENTS);
}

#[test]
fn where_it_cannot_be_told_what_may_leave_no_event_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    profile(scratch.path());
    let page: usize = Connection::open(scratch.path().join(FILE))
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'withheld'", [], |row| {
            row.get(0)
        })
        .unwrap();
    spoil(scratch.path(), page - 1);
    let store = Store::open(scratch.path()).unwrap();
    assert!(!store.check().unwrap().is_empty(), "damage is found");
    drop(store);
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!(events(&store).unwrap(), (0, EVENTS));
    let last = store.read(|connection| {
        let sql = "SELECT last_sequence FROM recorder";
        connection.query_row(sql, [], |row| row.get::<_, u64>(0)).map_err(Error::storage("test"))
    });
    assert_eq!(last.unwrap(), EVENTS);
}

#[test]
fn a_database_that_is_whole_is_no_longer_under_suspicion() {
    let scratch = tempfile::tempdir().unwrap();
    profile(scratch.path());
    let path = scratch.path().join("noctule.lock");
    let lock = File::options().read(true).write(true).open(path).unwrap();
    mark::suspect(&lock, true);
    let store = Store::open(scratch.path()).unwrap();
    assert!(!mark::is_suspect(&lock));
    assert_eq!((store.take_rescued(), events(&store).unwrap()), (None, (EVENTS, 0)));
}

#[test]
fn a_number_beyond_all_that_were_used_is_not_gone_on_from() {
    let scratch = tempfile::tempdir().unwrap();
    profile(scratch.path());
    let connection = Connection::open(scratch.path().join(FILE)).unwrap();
    let sql = "INSERT INTO events (sequence, id, at_ms, kind, item, stamp) \
               VALUES (?1, ?2, 5, 'like', 'item-x', 1)";
    connection.execute(sql, params![i64::MAX - 1, [7_u8; 16]]).unwrap();
    connection.execute("UPDATE recorder SET last_sequence = ?1", [i64::MAX - 1]).unwrap();
    connection.close().unwrap();
    spoil(scratch.path(), page_of_events(scratch.path()));
    let store = Store::open(scratch.path()).unwrap();
    assert!(events(&store).is_err_and(|error| error.is_database_damage()));
    drop(store);
    let store = Store::open(scratch.path()).unwrap();
    let (kept, lost) = events(&store).unwrap();
    assert!(kept < EVENTS && lost < 200, "{kept} kept, {lost} lost");
    let last = store.read(|connection| {
        let sql = "SELECT last_sequence FROM recorder";
        connection.query_row(sql, [], |row| row.get::<_, u64>(0)).map_err(Error::storage("test"))
    });
    assert!(last.unwrap() <= EVENTS + 100_000);
}
