//! `checks.jsonl`.

use noctule_core::base::limits::{CHECKS_BYTES_MAX, CHECKS_MAX};
use noctule_core::release::Checks;

use super::{Target, answer};
use crate::Shape;

pub(super) const TARGET: Target = Target {
    name: "checks",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &[
        "\n",
        "\"level\":\"sanity\"",
        "\"invariance\"",
        "\"regression\"",
        "\"budget\"",
        "\"history\":[]",
        "{\"item\":\"a\",\"kind\":\"liked\"},",
        "\"kind\":\"hidden\"",
        "\"scores\":{\"a\":0.5}",
        "\"prefer\":[\"a\",\"b\"]",
        "\"must_show\":[\"a\"]",
        "\"slate_ms_max\":20",
        "\"tolerance\":0.1",
        "\"description\":null,",
        "3650.0",
    ],
    bytes_max: CHECKS_BYTES_MAX as usize + 16,
    // What is parsed of the file.
    declared_bytes: 2 * CHECKS_BYTES_MAX as usize,
};

fn execute(bytes: &[u8]) -> u64 {
    let parsed = Checks::parse(bytes);
    if let Ok(checks) = &parsed {
        assert!((1..=CHECKS_MAX).contains(&checks.all().len()), "none, or more than allowed");
        // What is accepted can be written and read again, as many checks as before. Numbers may
        // differ in their last bit, which is as exact as they are read.
        let again = checks.to_bytes().and_then(|bytes| Checks::parse(&bytes));
        let same = again.is_ok_and(|again| again.all().len() == checks.all().len());
        assert!(same, "accepted, and not after writing it");
    }
    answer(&parsed)
}

fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        concat!(
            r#"{"id":"a","level":"sanity","description":"x","history":[{"item":"luna","#,
            r#""kind":"liked","weight":2.0,"context":"noon","days_ago":3.5}],"surface":"home","#,
            r#""context":"noon","place":{"latitude":52.5,"longitude":13.4},"at_ms":5,"#,
            r#""prefer":["luna","sol"],"within_top":{"item":"luna","k":3},"#,
            r#""must_show":["luna"],"must_not_show":["sol"]}"#,
        ),
        concat!(
            r#"{"id":"b","level":"invariance","history":[{"item":"luna","kind":"chosen"}],"#,
            r#""changed_history":[{"item":"sol","kind":"passed"}],"same_top":3,"tolerance":0.01}"#,
        ),
        r#"{"id":"c","level":"regression","scores":{"luna":0.5,"sol":-1e-3},"relative":0.001}"#,
        r#"{"id":"d","level":"budget","slate_ms_max":20.5,"memory_bytes_max":1048576}"#,
    ];
    let mut seeds = vec![lines.join("\n").into_bytes()];
    seeds.extend(lines.iter().map(|line| format!("{line}\n").into_bytes()));
    seeds
}
