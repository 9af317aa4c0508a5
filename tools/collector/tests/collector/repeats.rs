//! Events that come again and again, in any order, over many restarts: each is stored once.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, thread};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use crate::durability::spawn;
use crate::fixture::{agent, batch, files, gzip, start, try_send};
use crate::readers::rows_by_pyarrow;

/// Events of one installation; they happen over eight days.
const EVENTS_EACH: u64 = 1_000;
const DAYS: u64 = 8;
/// 2020-09-13T12:26:40Z.
const FIRST_DAY_MS: u64 = 1_600_000_000_000;

/// Numbers from a seed (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn events_sent_one_to_five_times_in_any_order_over_restarts_are_stored_once() {
    // The full figures: NOCTULE_EVENTS=1000000 NOCTULE_RESTARTS=100.
    let events = setting("NOCTULE_EVENTS", 8_000);
    let restarts = setting("NOCTULE_RESTARTS", 6);
    let mut random = Random(20_261_128);
    let mut sends: Vec<(u32, u32)> = Vec::new();
    for event in 0..events {
        let (installation, sequence) = (event / EVENTS_EACH + 1, event % EVENTS_EACH + 1);
        for _ in 0..=random.below(5) {
            sends.push((installation as u32, sequence as u32));
        }
    }
    for last in (1..sends.len()).rev() {
        sends.swap(last, random.below(last + 1));
    }
    let folder = tempfile::tempdir().unwrap();
    let size = sends.len().div_ceil(restarts as usize);
    for (round, part) in sends.chunks(size).enumerate() {
        // Half of the collectors are killed, half stop in order.
        if round % 2 == 0 {
            let (mut child, address) = spawn(folder.path(), None);
            send_all(part, address);
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            let collector = start(folder.path());
            send_all(part, collector.address());
            collector.stop().unwrap();
        }
    }
    start(folder.path()).stop().unwrap();
    let (rows, distinct) = count(folder.path());
    assert_eq!((rows, distinct as u64), (events, events));
    if let Some(rows) = rows_by_pyarrow(folder.path()) {
        assert_eq!(rows as u64, events);
    }
    println!("{events} events in {} sends over {restarts} restarts: {rows} rows", sends.len());
}

/// Sends events by several connections at once; returns when all are acknowledged.
fn send_all(part: &[(u32, u32)], address: SocketAddr) {
    let batches = batches(part);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let agent = agent();
                while let Some(body) = batches.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let answer = try_send(&agent, address, body, &[]).unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.body);
                }
            });
        }
    });
}

/// A batch holds a number once: what comes twice opens another one.
fn batches(part: &[(u32, u32)]) -> Vec<Vec<u8>> {
    let mut open: BTreeMap<u32, Vec<HashSet<u32>>> = BTreeMap::new();
    for (installation, sequence) in part {
        let batches = open.entry(*installation).or_default();
        match batches.iter_mut().find(|batch| !batch.contains(sequence)) {
            Some(batch) => drop(batch.insert(*sequence)),
            None => batches.push(HashSet::from([*sequence])),
        }
    }
    let named = open
        .into_iter()
        .flat_map(|(name, batches)| batches.into_iter().map(move |sequences| (name, sequences)));
    named.map(|(installation, sequences)| body(installation, &sequences)).collect()
}

fn body(installation: u32, sequences: &HashSet<u32>) -> Vec<u8> {
    let mut sent = batch("town", installation.into(), 1, 1..=1);
    let pattern = sent.events.remove(0);
    for sequence in sequences {
        let mut event = pattern.clone();
        let at_ms = FIRST_DAY_MS + u64::from(*sequence) * DAYS * 86_400_000 / EVENTS_EACH;
        event["sequence"] = (*sequence).into();
        event["at_ms"] = at_ms.into();
        sent.events.push(event);
    }
    sent.header["first_sequence"] = 1.into();
    sent.header["last_sequence"] = EVENTS_EACH.into();
    sent.header["events"] = sequences.len().into();
    gzip(&sent.text())
}

/// Rows of all files, and how many different ones by installation and sequence number.
fn count(output: &Path) -> (u64, usize) {
    let (mut rows, mut distinct) = (0, HashSet::new());
    for path in files(output, "parquet") {
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema();
        let named = |name: &str| {
            Arc::clone(schema.get_fields().iter().find(|field| field.name() == name).unwrap())
        };
        let fields = vec![named("installation"), named("sequence")];
        let projection =
            Type::group_type_builder(schema.name()).with_fields(fields).build().unwrap();
        for row in reader.get_row_iter(Some(projection)).unwrap() {
            let row = row.unwrap().into_columns();
            let (Field::Str(name), Field::Long(sequence)) = (&row[0].1, &row[1].1) else {
                panic!("{row:?}")
            };
            rows += 1;
            distinct.insert((uuid::Uuid::parse_str(name).unwrap(), *sequence));
        }
    }
    (rows, distinct.len())
}
