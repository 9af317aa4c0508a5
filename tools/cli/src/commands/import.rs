//! `noctule import`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use noctule_releases::{ImportInput, Imported, ImportedTensor, import};

use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// Make a model of weights that were trained elsewhere.
///
/// Reads a safetensors file of any framework and, by a map of names, writes what `noctule pack`
/// takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A map names the architecture and what each of its tensors is made of; see
tools/docs/from-pytorch.md:
  {\"architecture\": {\"name\": \"matrix_factorization\", \"dimensions\": 64, ...},
   \"tensors\": {\"embedding\": {\"from\": \"item_factors.weight\", \"rows\": [1, 3417]}}}

Examples:
  noctule import weights.safetensors --map map.json --catalogue catalogue.jsonl \\
      --plan plan.json --output model
  noctule pack model --app town --key release.key --output release")]
pub(crate) struct Import {
    /// The weights: F16, BF16, F32 or F64.
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,

    /// The map of names.
    #[arg(long, value_name = "FILE")]
    map: PathBuf,

    /// The catalogue, a line for each row of `embedding`, in its order.
    #[arg(long, value_name = "FILE")]
    catalogue: PathBuf,

    /// The plan.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,

    /// Directory that gets the model.
    #[arg(long, value_name = "MODEL_DIR")]
    output: PathBuf,
}

/// Imports.
pub(crate) fn run(asked: &Import, output: Output) -> Result<()> {
    let Import { weights, map, catalogue, plan, output: out } = asked;
    let imported = import(&ImportInput { weights, map, catalogue, plan }, out);
    let imported = imported.map_err(Error::failed("import"))?;
    output.print(&imported, &text(&imported))
}

fn text(imported: &Imported) -> String {
    let mut text = String::new();
    for ImportedTensor { name, shape, from } in &imported.tensors {
        // Names come from outside, and stand on a terminal.
        let named = |(name, dtype): &(String, String)| format!("{} {dtype}", name.escape_debug());
        let from: Vec<String> = from.iter().map(named).collect();
        let from = if from.is_empty() { "one value".to_owned() } else { from.join(", ") };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<32} {:<14} from {from}", format!("{shape:?}"));
    }
    if !imported.unused.is_empty() {
        let unused: Vec<String> =
            imported.unused.iter().map(|name| name.escape_debug().to_string()).collect();
        let _ = writeln!(text, "not used: {}", unused.join(", "));
    }
    let (architecture, items) = (&imported.architecture, grouped(imported.items as u64));
    let _ = writeln!(text, "{architecture} over {items} items in {}", imported.directory.display());
    text
}
