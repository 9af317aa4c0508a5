use super::*;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_directory_is_made_but_not_its_parents() {
    let scratch = scratch();
    assert!(Store::open(&scratch.path().join("profile")).is_ok());
    let deep = Store::open(&scratch.path().join("no/profile"));
    assert!(matches!(deep, Err(Error::DirectoryMissing { .. })), "{deep:?}");
}

#[test]
fn a_file_in_place_of_the_directory_is_a_file_error() {
    let scratch = scratch();
    let path = scratch.path().join("profile");
    std::fs::write(&path, "x").unwrap();
    assert!(matches!(Store::open(&path), Err(Error::File { .. })));
}

#[test]
fn a_file_that_is_not_sqlite_is_refused_and_kept() {
    let long = vec![7u8; 5_000];
    for content in [b"not sql".as_slice(), long.as_slice()] {
        let scratch = scratch();
        let file = scratch.path().join(FILE);
        std::fs::write(&file, content).unwrap();
        let opened = Store::open(scratch.path());
        assert!(matches!(opened, Err(Error::NotADatabase { .. })), "{opened:?}");
        assert_eq!(std::fs::read(&file).unwrap(), content);
    }
}

#[test]
fn a_newer_schema_is_refused_and_kept() {
    let scratch = scratch();
    drop(Store::open(scratch.path()).unwrap());
    let file = scratch.path().join(FILE);
    let newer = Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    newer.close().unwrap();
    let before = std::fs::read(&file).unwrap();
    let opened = Store::open(scratch.path());
    assert!(matches!(opened, Err(Error::SchemaTooNew { found: 99, .. })), "{opened:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_second_handle_is_refused_until_the_first_is_closed() {
    let scratch = scratch();
    let first = Store::open(scratch.path()).unwrap();
    let second = Store::open(scratch.path());
    assert!(matches!(second, Err(Error::DirectoryInUse { .. })), "{second:?}");
    first.close();
    assert!(Store::open(scratch.path()).is_ok());
    assert!(matches!(first.maintain(), Err(Error::Closed)));
}

#[test]
fn a_failed_transaction_leaves_nothing() {
    let scratch = scratch();
    let store = Store::open(scratch.path()).unwrap();
    let failed: Result<()> = store.write("testing", |transaction| {
        let sql = "INSERT INTO meta VALUES ('a', x'00')";
        transaction.execute(sql, []).map_err(Error::storage("testing"))?;
        Err(Error::Cancelled)
    });
    assert!(matches!(failed, Err(Error::Cancelled)));
    let rows: i64 = store
        .read(|connection| {
            let sql = "SELECT count(*) FROM meta";
            connection.query_row(sql, [], |row| row.get(0)).map_err(Error::storage("testing"))
        })
        .unwrap();
    assert_eq!(rows, 0);
}
