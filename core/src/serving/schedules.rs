//! Every order in which threads can meet at the shelf.

use super::*;

/// A slate of another context than that of [`slate`].
fn morning(names: &[&str]) -> Slate {
    let context = ContextId::new("morning").unwrap();
    Slate { key: SlateKey { surface: home(), context }, ..slate(names) }
}

#[test]
fn schedules_of_two_who_publish_and_one_who_reads_lose_no_slate_and_show_none_by_half() {
    loom::model(|| {
        let shelf = Arc::new(shelf(Consumed::Keep, &["a", "b"]));
        let put = |slate: fn(&[&str]) -> Slate| {
            let shelf = Arc::clone(&shelf);
            loom::thread::spawn(move || shelf.put([slate(&["c", "d"])]))
        };
        let (first, second) = (put(slate), put(morning));
        let seen = ask(&shelf, 1_500);
        assert!(matches!(names(&seen)[..], ["a", "b"] | ["c", "d"]));
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(shelf.snapshot().slates.len(), 2);
        assert_eq!(names(&ask(&shelf, 1_500)), ["c", "d"]);
    });
}

#[test]
fn schedules_of_a_hidden_item_and_a_swap_never_show_it_again() {
    loom::model(|| {
        let shelf = Arc::new(shelf(Consumed::Keep, &["a", "b"]));
        let (hiding, swapping) = (Arc::clone(&shelf), Arc::clone(&shelf));
        let hiding = loom::thread::spawn(move || {
            hiding.note(|today| today.note_hidden(&id("a")));
            names(&ask(&hiding, 1_500)).contains(&"a")
        });
        let swapping = loom::thread::spawn(move || {
            let plan = Some(Arc::new(plan(Consumed::Keep)));
            swapping.swap(Snapshot::new(plan, [slate(&["a", "c"])]));
        });
        assert!(!hiding.join().unwrap());
        swapping.join().unwrap();
        assert_eq!(names(&ask(&shelf, 1_500)), ["c"]);
    });
}
