//! The catalogue.

use noctule_core::base::limits::LINE_BYTES_MAX;
use noctule_core::catalogue::Catalogue;

use super::{Target, answer};
use crate::Shape;

const BYTES_MAX: usize = 2 * LINE_BYTES_MAX;

pub(super) const TARGET: Target = Target {
    name: "catalogue",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &[
        "\"id\"",
        "\"title\":\"x\"",
        "\"attributes\":{\"a\":true}",
        "\"place\"",
        "\"hours\":[]",
        "{\"latitude\":90,\"longitude\":-180}",
        "\"weekend\"",
        "\n",
        "\r\n",
        "{\"id\":\"a\"}\n",
        "{\"id\":\"b\",\"title\":\"\"}\n",
        "\u{1}",
    ],
    bytes_max: BYTES_MAX,
    // The line that is read, and the items: 24 bytes of text take some 300 of item and index.
    declared_bytes: LINE_BYTES_MAX + 16 * BYTES_MAX,
};

fn execute(bytes: &[u8]) -> u64 {
    answer(&read(bytes))
}

/// Opens and checks it, and reads every row of one that passes.
fn read(bytes: &[u8]) -> noctule_core::Result<usize> {
    let catalogue = Catalogue::from_bytes(bytes.to_vec(), "catalogue")?;
    catalogue.check()?;
    let read = catalogue.indices().filter(|row| {
        let item = catalogue.item(*row);
        item.is_some_and(|item| catalogue.index_of(item.id.as_str()) == Some(*row))
    });
    Ok(read.count())
}

fn seeds() -> Vec<Vec<u8>> {
    let full = concat!(
        r#"{"id":"luna","title":"La Luna","attributes":{"kind":"cafe","stars":4.5,"open":true,"#,
        r#""tags":["a","b"]},"place":{"latitude":52.5,"longitude":13.4},"#,
        r#""hours":[{"days":"weekday","from":480,"until":1080}]}"#,
    );
    let two = format!("{full}\n{{\"id\":\"sol\",\"title\":\"\"}}\n");
    vec![two.into_bytes(), full.as_bytes().to_vec(), Vec::new()]
}
