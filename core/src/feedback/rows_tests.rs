use super::*;
use crate::feedback::{Detail, Details};
use crate::store::Store;

#[test]
fn events_come_back_in_order_and_numbers_are_never_used_again() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let like = FeedbackEvent::new(EventKind::Like, ItemId::new("luna").unwrap());
    let own = EventKind::try_from("shared_it".to_owned()).unwrap();
    let impression = FeedbackEvent {
        kind: own,
        surface: Some(SurfaceId::new("home").unwrap()),
        context: Some(ContextId::new("lunch").unwrap()),
        position: Some(3),
        generation: Some(9),
        propensity: Some(0.5),
        dwell_ms: Some(100),
        visible_ms: Some(90),
        details: Details::from([("stars".into(), Detail::Number(4.5))]),
        at_ms: Some(77),
        ..like.clone()
    };
    let stamp = Stamp {
        now_ms: 5,
        release: Some("town@1"),
        arm: Some("model"),
        zone_minutes: -360,
        run: 3,
        pseudonym: uuid::Uuid::nil(),
        run_ms: Some(40),
        private: None,
    };
    let events = [like, impression];
    let append_two = |t: &Transaction<'_>| append(t, &events, stamp);
    assert_eq!(store.write("test", append_two).unwrap(), Some((1, 2)));
    let read = |after| {
        let mut all = Vec::new();
        let collect = |event| {
            all.push(event);
            Ok(())
        };
        store.read(|connection| each_after(connection, after, 10, collect)).unwrap();
        all
    };
    let all = read(0);
    assert_eq!((all[0].at_ms, all[1].at_ms), (5, 77));
    assert_eq!(all[1].kind.as_str(), "shared_it");
    assert_eq!(
        (all[1].position, all[1].generation, all[1].dwell_ms),
        (Some(3), Some(9), Some(100))
    );
    assert_eq!(all[0].release.as_deref(), Some("town@1"));
    assert_eq!((all[1].visible_ms, &all[1].details), (Some(90), &events[1].details));
    let stamp = (all[0].zone_minutes, all[0].run, all[0].run_ms, all[0].session);
    assert_eq!(stamp, (Some(-360), Some(3), Some(40), Some(1)));
    assert!(all[0].id < all[1].id);
    store.write("test", |t| remove_through(t, 2, &[])).unwrap();
    assert_eq!(store.read(last_sequence).unwrap(), 2);
    assert_eq!(store.write("test", append_two).unwrap(), Some((3, 4)));
    assert_eq!(read(3).len(), 1);
}

#[test]
fn what_is_kept_is_left_out_of_what_is_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let like = FeedbackEvent::new(EventKind::Like, ItemId::new("luna").unwrap());
    let events = vec![like; 10];
    store.write("test", |t| append(t, &events, Stamp::default())).unwrap();
    store.write("test", |t| remove_through(t, 8, &[(6, 7), (2, 3)])).unwrap();
    let mut left = Vec::new();
    let take = |event: RecordedEvent| {
        left.push(event.sequence);
        Ok(())
    };
    store.read(|connection| each_after(connection, 0, 20, take)).unwrap();
    assert_eq!(left, [2, 3, 6, 7, 9, 10]);
    assert_eq!(store.read(|connection| count_in(connection, 2, 9)).unwrap(), 4);
}

#[test]
fn numbers_stay_used_also_when_the_newest_events_of_a_session_are_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let like = [FeedbackEvent::new(EventKind::Like, ItemId::new("luna").unwrap())];
    let append_one = || store.write("test", |t| append(t, &like, Stamp::default())).unwrap();
    assert_eq!([append_one(), append_one()], [Some((1, 1)), Some((2, 2))]);
    assert!(store.write("test", |t| remove(t, 2)).unwrap());
    assert_eq!(append_one(), Some((3, 3)));
    store.write("test", |t| remove_through(t, 3, &[])).unwrap();
    assert_eq!(append_one(), Some((4, 4)));
}
