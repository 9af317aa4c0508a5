//! A profile, or its releases, that may only be read; for root too, who minds no permission bits.

use crate::delivery_kill::Stage;
use crate::full_disk::in_namespace;

#[test]
fn a_read_only_folder_is_named_and_what_is_there_goes_on_serving() {
    let scratch = tempfile::tempdir().unwrap();
    let stage = Stage::new(scratch.path());
    let (first, second) = (scratch.path().join("1"), scratch.path().join("2"));
    let (address, now_ms) = (stage.server.address().to_string(), stage.now_ms.to_string());
    let _ = in_namespace(&[
        "read-only".as_ref(),
        scratch.path().as_os_str(),
        first.as_os_str(),
        second.as_os_str(),
        stage.pristine.as_os_str(),
        address.as_ref(),
        stage.root.as_os_str(),
        now_ms.as_ref(),
    ]);
}
