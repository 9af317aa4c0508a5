//! What serving may wait for.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::base::{Network, SurfaceId};
use crate::consent::DataConsent;

#[test]
fn recommend_answers_while_a_transaction_is_under_way() {
    let scratch = tempfile::tempdir().unwrap();
    let noctule = Noctule::open(Config::new(scratch.path(), "town", DataConsent::Full)).unwrap();
    let (began, has_begun) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let (answered, answer) = channel();
    std::thread::scope(|scope| {
        let noctule = &noctule;
        scope.spawn(move || {
            noctule.store.write("test", |_| {
                began.send(()).unwrap();
                // Ends when told to, or when the test has failed and let go of its end.
                let _ = may_go_on.recv();
                Ok(())
            })
        });
        has_begun.recv().unwrap();
        scope.spawn(move || {
            let request = RecommendRequest::new(SurfaceId::new("home").unwrap());
            answered.send(noctule.recommend(&request)).unwrap();
        });
        let answer = answer.recv_timeout(Duration::from_secs(30));
        drop(go_on);
        assert!(answer.expect("an answer before the transaction ended").is_ok());
    });
}

#[test]
fn a_closed_handle_refuses_every_call() {
    let scratch = tempfile::tempdir().unwrap();
    let noctule = Noctule::open(Config::new(scratch.path(), "town", DataConsent::Full)).unwrap();
    noctule.close();
    noctule.close();
    let request = RecommendRequest::new(SurfaceId::new("home").unwrap());
    assert!(matches!(noctule.recommend(&request), Err(Error::Closed)));
    assert!(matches!(noctule.record(&[]), Err(Error::Closed)));
    assert!(matches!(noctule.status(), Err(Error::Closed)));
    assert!(matches!(noctule.next_transfer(Network::Unmetered), Err(Error::Closed)));
    assert!(matches!(noctule.erase(), Err(Error::Closed)));
}
