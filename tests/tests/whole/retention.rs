//! A phone that is never online keeps as much feedback as it may, and says what it gave up.

use noctule_core::feedback::Retention;
use noctule_core::upload::{Network, Transfer};
use noctule_tests::Phone;
use noctule_tests::collector::lines;
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;

#[test]
fn a_phone_that_is_never_online_is_bounded_and_tells_what_it_gave_up() {
    let scratch = tempfile::tempdir().unwrap();
    let allowed = 2_000;
    let phone = Phone::open_as(scratch.path(), NOW_MS, |config| {
        config.retention = Retention { events: allowed, ..Retention::default() };
    })
    .unwrap();
    let conversion = event("conversion", "chosen");
    phone.record(&vec![conversion; 100]).unwrap();
    let screen = vec![event("impression", "shown"); 20];
    for number in 0..500 {
        phone.record(&screen).unwrap();
        let status = phone.status().unwrap();
        assert!(status.pending_events <= u64::from(allowed), "{number}: {status:?}");
    }
    let status = phone.status().unwrap();
    assert_eq!(status.recorded, 100 + 500 * 20);
    assert_eq!(status.evicted, status.recorded - status.pending_events);
    let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    let lines = lines(&request);
    assert_eq!(lines[0]["dropped"], status.evicted);
    let conversions = lines[1..].iter().filter(|line| line["kind"] == "conversion").count();
    assert_eq!(conversions, 100, "what is worth most is all there");
    let text = phone.doctor().unwrap().findings.into_iter().map(|finding| finding.text);
    let told = format!("{} events were given up", status.evicted);
    assert!(text.into_iter().any(|text| text.contains(&told)));
}
