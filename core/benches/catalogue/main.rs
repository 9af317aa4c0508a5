//! The catalogue: opening 10,000 and 1,000,000 items, and checking 250,000 against hashing the
//! same bytes once, on one thread.
//!
//! `cargo bench -p noctule-core --bench catalogue`; behind `--`: `--json` prints one line of JSON
//! for each size, `--items N` measures N items only. Files are in the page cache; times are
//! medians. "resident" is what an opened catalogue, and then a search for one id, has of the file
//! in the process's memory, in KiB (Linux).

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use noctule_core::base::{GeoPoint, ItemId, WeekMinute};
use noctule_core::catalogue::{AttributeValue, Catalogue, Eligibility, Item, encode};
use noctule_core::release::sha256_of_file;

const SIZES: [usize; 3] = [10_000, 250_000, 1_000_000];
const ROUNDS: usize = 9;
const NAME: &str = "catalogue.safetensors";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("catalogue: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let json = arguments.iter().any(|argument| argument == "--json");
    let only = arguments.iter().position(|argument| argument == "--items");
    let only = only.and_then(|at| arguments.get(at + 1)).map(|items| items.parse()).transpose()?;
    if !json {
        println!(
            "    items       MB   open us  find us  resident KiB  eligible ms  check ms  check \
             MB/s  hash ms  check / hash"
        );
    }
    for items in only.map_or(SIZES.to_vec(), |items| vec![items]) {
        let row = measure(items)?;
        println!("{}", if json { row.json() } else { row.text() });
    }
    Ok(())
}

/// What one size gave.
struct Row {
    items: usize,
    mb: f64,
    open_us: f64,
    find_us: f64,
    resident_kib: [u64; 2],
    eligible_ms: f64,
    check_ms: f64,
    hash_ms: f64,
}

impl Row {
    fn text(&self) -> String {
        format!(
            "{:9}  {:7.1}  {:8.0}  {:7.1}  {:>12}  {:11.2}  {:8.2}  {:10.0}  {:7.2}  {:12.2}",
            self.items,
            self.mb,
            self.open_us,
            self.find_us,
            format!("{} {}", self.resident_kib[0], self.resident_kib[1]),
            self.eligible_ms,
            self.check_ms,
            self.mb / self.check_ms * 1e3,
            self.hash_ms,
            self.check_ms / self.hash_ms,
        )
    }

    fn json(&self) -> String {
        serde_json::json!({
            "bench": "catalogue", "items": self.items, "mb": self.mb, "open_us": self.open_us,
            "find_us": self.find_us, "resident_kib": self.resident_kib,
            "eligible_ms": self.eligible_ms, "check_ms": self.check_ms, "hash_ms": self.hash_ms,
        })
        .to_string()
    }
}

fn measure(items: usize) -> Result<Row> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join(NAME);
    let bytes = encode(&(0..items).map(item).collect::<Result<Vec<_>>>()?)?;
    std::fs::write(&path, &bytes)?;
    let mb = bytes.len() as f64 / 1e6;
    drop(bytes);
    let catalogue = Catalogue::open(&path, NAME)?;
    let opened_kib = resident_kib(&path);
    let wanted = item(items / 3)?.id;
    black_box(catalogue.index_of(wanted.as_str()));
    let resident_kib = [opened_kib, resident_kib(&path)];
    let rules = Eligibility {
        open_at: Some(WeekMinute(3_000)),
        within: Some((GeoPoint { latitude: 22.1, longitude: -100.9 }, 10.0)),
        ..Eligibility::default()
    };
    Ok(Row {
        items,
        mb,
        resident_kib,
        open_us: 1e3 * median_ms(|| Ok(Catalogue::open(&path, NAME).map(drop)?))?,
        find_us: 1e3 * median_ms(|| found(catalogue.index_of(wanted.as_str())))?,
        eligible_ms: median_ms(|| found(rules.of(&catalogue)))?,
        check_ms: median_ms(|| Ok(Catalogue::open(&path, NAME)?.check()?))?,
        hash_ms: median_ms(|| found(sha256_of_file(&path)?))?,
    })
}

/// Keeps what was found from being optimised away.
fn found<T>(what: T) -> Result<()> {
    black_box(what);
    Ok(())
}

/// A place of a town, as wordy as real ones are. The ids are in no order.
fn item(index: usize) -> Result<Item> {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let cuisine = ["thai", "pizza", "ramen", "tacos", "falafel"][mixed as usize % 5];
    let words =
        vec![cuisine.to_owned(), ["garden", "view", "quick"][mixed as usize % 3].to_owned()];
    let from = 60 * (mixed % 12) as u32;
    Ok(Item {
        id: ItemId::new(format!("place-{mixed:016x}"))?,
        title: format!("The {cuisine} café number {index} in the old town"),
        attributes: [
            ("cuisine".to_owned(), AttributeValue::Words(words)),
            ("price".to_owned(), AttributeValue::Number((mixed % 4) as f64)),
        ]
        .into(),
        place: Some(GeoPoint {
            latitude: 22.0 + (mixed % 1_000) as f64 / 4e3,
            longitude: -101.0 + (mixed / 7 % 1_000) as f64 / 4e3,
        }),
        hours: vec![serde_json::from_value(
            serde_json::json!({"days": "every", "from": from, "until": from + 600}),
        )?],
        available: !index.is_multiple_of(97),
    })
}

fn median_ms(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(ROUNDS);
    work()?;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        work()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

/// KiB of the mapping of `path` that are in this process's memory; 0 where nobody tells.
fn resident_kib(path: &Path) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let name = path.to_string_lossy();
    let mut lines = maps.lines().skip_while(|line| !line.ends_with(&*name));
    let line = lines.find(|line| line.starts_with("Rss:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
