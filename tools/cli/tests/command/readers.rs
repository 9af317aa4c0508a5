//! The queries of `tools/docs/feedback-schema.md`, run as they stand there by DuckDB, pandas and
//! Spark on what the collector wrote, against `noctule feedback` and `noctule audit`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::runner::{Workplace, error_text};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/feedback-schema.md");
const DEMO: &str = "demo --phones 12 --nights 2 --restaurants 60 --residents 120";

/// Prints the tables that a snippet made, and whatever it printed itself to standard error.
const PRINT: &str = r#"
import json, math
def rows(table):
    table = table if isinstance(table, pandas.DataFrame) else table.toPandas()
    clean = lambda value: None if value is pandas.NA or value != value else value
    return [[clean(value) for value in row] for row in table.astype(object).values.tolist()]
import pandas
print(json.dumps({"rates": rows(rates), "gaps": rows(gaps)}, default=str))
"#;

/// The interpreter that `NOCTULE_READERS` names, or the one that `cargo dev readers` made; or why
/// there is none.
fn interpreter() -> Result<PathBuf, String> {
    let named = std::env::var_os("NOCTULE_READERS").map(PathBuf::from);
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../readers/bin/python");
    let python = named.clone().unwrap_or(made);
    let runs = |command: &mut Command| command.output().is_ok_and(|out| out.status.success());
    let problem = if !runs(Command::new(&python).args(["-c", "import duckdb, pandas, pyspark"])) {
        format!("{} has no duckdb, pandas or pyspark (cargo dev readers)", python.display())
    } else if !runs(Command::new("java").arg("-version")) {
        "no Java runtime for Spark".to_owned()
    } else {
        return Ok(python);
    };
    assert!(named.is_none(), "{problem}");
    Err(problem)
}

/// The fenced block of the page whose first line is a comment that says `name`.
fn snippet<'a>(page: &'a str, name: &str) -> &'a str {
    let blocks = page.split("```").skip(1).step_by(2);
    let bodies = blocks.map(|block| block.split_once('\n').map_or("", |(_, body)| body));
    let mut found = bodies.filter(|body| {
        let first = body.lines().next().unwrap_or("");
        first.trim_start_matches(['#', '-', ' ']).starts_with(name)
    });
    let snippet = found.next().unwrap_or_else(|| panic!("the page has no {name}"));
    assert!(found.next().is_none(), "the page has {name} twice");
    snippet
}

/// A table by the texts of its first columns, as many as `keys`.
fn by_key(rows: &Value, keys: usize) -> BTreeMap<Vec<String>, Vec<u64>> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    // pandas makes floats of counts beside absent ones.
    let count = |value: &Value| value.as_f64().unwrap() as u64;
    let rows = rows.as_array().unwrap().iter().map(|row| row.as_array().unwrap().split_at(keys));
    rows.map(|(key, counts)| (key.iter().map(text).collect(), counts.iter().map(count).collect()))
        .collect()
}

/// The same of a result of ours, which names its columns.
fn ours(rows: &Value, columns: &[&str], keys: usize) -> BTreeMap<Vec<String>, Vec<u64>> {
    let rows = rows.as_array().unwrap().iter();
    let rows = rows.map(|row| columns.iter().map(|column| row[column].clone()).collect());
    by_key(&Value::Array(rows.collect()), keys)
}

#[test]
fn readers_of_the_page_count_as_the_commands_do() {
    let place = Workplace::new();
    let python = match interpreter() {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    place.text(DEMO);
    std::fs::rename(place.path("noctule-demo/feedback"), place.path("feedback")).unwrap();
    // A lost day, so that there are gaps.
    std::fs::remove_dir_all(place.path("feedback/app=town/day=2026-01-08")).unwrap();
    let page = std::fs::read_to_string(PAGE).unwrap();
    for name in ["rates.sql", "gaps.sql"] {
        place.write(name, snippet(&page, name));
    }
    let table = place.json(
        "feedback feedback --app town --by arm,context --kind impression \
         --min-installations 1",
    );
    let rates = ours(&table["rows"], &["arm", "context", "impressions", "accepted"], 2);
    let accepted: u64 = rates.values().map(|counts| counts[1]).sum();
    assert!(rates.len() == 6 && accepted > 10, "{rates:?}");
    let audit = place.json("audit feedback --app town");
    let columns = ["installation", "last_sequence", "missing"];
    let gaps = ours(&audit["installations"], &columns, 1);
    assert!(gaps.values().all(|counts| counts[1] > 0), "{gaps:?}");
    for name in ["DuckDB", "pandas", "Spark"] {
        let script = format!("{}{PRINT}", snippet(&page, name));
        place.write("snippet.py", &script);
        let mut command = Command::new(&python);
        command.arg("snippet.py").current_dir(place.path("")).env("PYSPARK_PYTHON", &python);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", error_text(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let read: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(by_key(&read["rates"], 2), rates, "{name}");
        assert_eq!(by_key(&read["gaps"], 1), gaps, "{name}");
        eprintln!("{name} agrees: {} groups, {} installations", rates.len(), gaps.len());
    }
}

#[test]
fn readers_find_the_columns_of_a_read_out_in_parquet() {
    let place = Workplace::new();
    let python = match interpreter() {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    place.text(DEMO);
    let ask = "feedback noctule-demo/feedback --app town --by arm,position,day \
               --min-installations 1";
    let table = place.json(ask);
    place.text(&format!("{ask} --format parquet --output rates.parquet"));
    let script = "import pandas; table = pandas.read_parquet('rates.parquet'); \
                  print(table.to_json(orient='records', double_precision=15))";
    let mut command = Command::new(&python);
    let output = command.args(["-c", script]).current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{}", error_text(&output));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (read, rows) = (read.as_array().unwrap(), table["rows"].as_array().unwrap());
    assert_eq!(read.len(), rows.len());
    for (read, row) in read.iter().zip(rows) {
        for (name, value) in row.as_object().unwrap() {
            match value.as_f64() {
                Some(value) => assert!((read[name].as_f64().unwrap() - value).abs() < 1e-12),
                None => assert_eq!(&read[name], value, "{name}"),
            }
        }
    }
}
