//! Every order in which threads can meet at a cancel token.

use std::sync::Arc;

use super::*;

#[test]
fn schedules_of_two_who_cancel_keep_one_reason_whole_and_whoever_sees_the_flag_sees_a_reason() {
    loom::model(|| {
        let token = CancelToken::new();
        let cancel = |reason: &'static str| {
            let token = token.clone();
            loom::thread::spawn(move || token.cancel_because(reason))
        };
        let (first, second) = (cancel("battery"), cancel("thermal"));
        if token.is_cancelled() {
            assert!(token.reason().is_some());
        }
        first.join().unwrap();
        second.join().unwrap();
        assert!(token.is_cancelled());
        assert!(matches!(token.reason().as_deref(), Some("battery" | "thermal")));
    });
}

#[test]
fn schedules_of_a_cancellation_and_two_who_spend_stop_both_for_good() {
    loom::model(|| {
        let token = CancelToken::new();
        let other = token.clone();
        let cancelling = loom::thread::spawn(move || other.cancel());
        let spending = Arc::new(Spending::begin(Budget::unlimited(), Box::leak(Box::new(token))));
        let same = Arc::clone(&spending);
        let asking = loom::thread::spawn(move || (same.stop_reason(), same.stop_reason()));
        let (before, after) = asking.join().unwrap();
        assert!(before.is_none() || after == Some(StopReason::Cancelled));
        cancelling.join().unwrap();
        assert_eq!(spending.stop_reason(), Some(StopReason::Cancelled));
    });
}
