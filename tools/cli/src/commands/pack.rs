//! `noctule pack`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use noctule_core::base::{Clock, SystemClock};
use noctule_core::release::{CHECKS_FILE, Checks, Experiment, Plan};
use noctule_releases::{
    CodesForm, Description, EmbeddingForm, Packed, SecretKey, VectorForm, pack_from_directory,
};
use serde_json::json;

use crate::dataset::{self, PLAN_FILE};
use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// The description that the packer reads.
const DESCRIPTION_FILE: &str = "pack.json";

/// Pack and sign a release, or make a new key.
#[derive(Debug, Args)]
#[command(after_help = "\
What the options say is written to MODEL_DIR/pack.json, which they make or change; with a complete
pack.json only --key and --output are needed.

Examples:
  noctule pack --new-key release.key        writes release.key and release.key.pub
  noctule pack model --app town --key release.key --output release
  noctule pack model --version 2 --experiment experiment.json --key release.key --output release-2

An experiment:
  {\"key\": \"first\", \"salt\": \"first\", \"arms\": [
    {\"name\": \"model\", \"share\": 0.5, \"policy\": \"model\"},
    {\"name\": \"baseline\", \"share\": 0.5, \"policy\": \"baseline\"}]}")]
pub(crate) struct Pack {
    /// Directory of the trained model: catalogue.jsonl, items.safetensors, model.safetensors.
    #[arg(value_name = "MODEL_DIR", required_unless_present = "new_key")]
    model: Option<PathBuf>,

    /// Make a new key in FILE, and FILE.pub for the phones; packs nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "key", "output"])]
    new_key: Option<PathBuf>,

    /// Key to sign with.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,

    /// Directory that gets the release.
    #[arg(long, value_name = "RELEASE_DIR", required_unless_present = "new_key")]
    output: Option<PathBuf>,

    /// The app it is for.
    #[arg(long)]
    app: Option<String>,

    /// Name of the line of releases; by default the app's.
    #[arg(long)]
    name: Option<String>,

    /// Version, greater than every one before.
    #[arg(long)]
    version: Option<u64>,

    /// The plan; by default plan.json in MODEL_DIR.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// An experiment.
    #[arg(long, value_name = "FILE")]
    experiment: Option<PathBuf>,

    /// Checks that it must pass; copied to checks.jsonl in MODEL_DIR, where they stay.
    #[arg(long, value_name = "FILE")]
    checks: Option<PathBuf>,

    /// How item vectors are stored: f32, f16 and bf16 in half the bytes, none for the codes alone.
    #[arg(long, value_name = "FORM", value_parser = embedding_form())]
    embedding: Option<EmbeddingForm>,

    /// How the codes of item vectors are stored: int8, the same in planes, of which a search reads
    /// half (faster from about 500,000 items on), or int4 in half the bytes.
    #[arg(long, value_name = "FORM", value_parser = codes_form())]
    codes: Option<CodesForm>,

    /// Days for which it is valid; 90 by default.
    #[arg(long, value_name = "DAYS")]
    valid_days: Option<u32>,

    /// Begin of validity, Unix milliseconds; by default now.
    #[arg(long, value_name = "MS")]
    created_ms: Option<i64>,

    /// Oldest library that may use it; apps with an older one keep the release they have.
    #[arg(long, value_name = "X.Y.Z")]
    minimum_runtime: Option<String>,
}

fn embedding_form() -> impl TypedValueParser<Value = EmbeddingForm> {
    PossibleValuesParser::new(["f32", "f16", "bf16", "none"]).map(|name| match name.as_str() {
        "f16" => EmbeddingForm::F16,
        "bf16" => EmbeddingForm::Bf16,
        "none" => EmbeddingForm::None,
        _ => EmbeddingForm::F32,
    })
}

fn codes_form() -> impl TypedValueParser<Value = CodesForm> {
    PossibleValuesParser::new(["int8", "planes", "int4"]).map(|name| match name.as_str() {
        "int4" => CodesForm::Int4,
        "planes" => CodesForm::Planes,
        _ => CodesForm::Int8,
    })
}

/// Packs, or makes a key.
pub(crate) fn run(asked: &Pack, output: Output) -> Result<()> {
    if let Some(path) = &asked.new_key {
        return new_key(path, output);
    }
    // clap asks for all three when no new key is wanted.
    let (Some(model), Some(key), Some(release)) = (&asked.model, &asked.key, &asked.output) else {
        return Err(Error::failed("pack")("MODEL_DIR, --key and --output are needed"));
    };
    let key = SecretKey::load(key).map_err(Error::failed("pack"))?;
    describe(asked, model)?;
    if let Some(path) = &asked.checks {
        put_checks(path, model)?;
    }
    let packed = pack_from_directory(model, &key, release, SystemClock::default().now_ms())
        .map_err(Error::failed("pack"))?;
    print(&packed, &key, output)
}

/// Reads checks before they go where they are packed from.
fn put_checks(path: &Path, model: &Path) -> Result<()> {
    let checks = Checks::read(path).map_err(|error| Error::at("pack", path, error))?;
    let bytes = checks.to_bytes().map_err(Error::failed("pack"))?;
    let to = model.join(CHECKS_FILE);
    std::fs::write(&to, bytes).map_err(|error| Error::at("pack", &to, error))
}

fn new_key(path: &Path, output: Output) -> Result<()> {
    let failed = "make a key";
    let public_path = dataset::with_ending(path, ".pub");
    if public_path.exists() {
        let reason = "is there already and is not overwritten";
        return Err(Error::at(failed, &public_path, reason));
    }
    let key = SecretKey::generate().map_err(Error::failed(failed))?;
    key.save(path).map_err(Error::failed(failed))?;
    key.public().save(&public_path).map_err(Error::failed(failed))?;
    let public = key.public().to_string();
    let text = format!(
        "secret key in {}: keep it where releases are signed\n\
         public key in {}: ship it with the app\n",
        path.display(),
        public_path.display()
    );
    output.print(&json!({ "key": path, "public_key": public_path, "public": public }), &text)
}

/// Brings `pack.json` of `model` up to what the options say; leaves it alone when they say nothing.
fn describe(asked: &Pack, model: &Path) -> Result<()> {
    let failed = "pack";
    let path = model.join(DESCRIPTION_FILE);
    let said = asked.app.is_some()
        || asked.name.is_some()
        || asked.version.is_some()
        || asked.plan.is_some()
        || asked.experiment.is_some()
        || asked.embedding.is_some()
        || asked.codes.is_some()
        || asked.valid_days.is_some()
        || asked.created_ms.is_some()
        || asked.minimum_runtime.is_some();
    if !said && path.exists() {
        return Ok(());
    }
    if !model.is_dir() {
        return Err(Error::at(failed, model, "the directory is missing"));
    }
    let plan = |path: &Path| dataset::read_json::<Plan>(failed, path);
    let mut description: Description = if path.exists() {
        dataset::read_json(failed, &path)?
    } else {
        let Some(app) = asked.app.clone() else {
            return Err(Error::at(failed, &path, "is missing, so --app is needed"));
        };
        let beside = model.join(PLAN_FILE);
        Description {
            name: app.clone(),
            app,
            version: 1,
            created_ms: None,
            valid_days: 90,
            minimum_runtime: None,
            architecture: None,
            plan: plan(asked.plan.as_deref().unwrap_or(&beside))?,
            experiment: None,
            vectors: VectorForm::default(),
            lineage: std::collections::BTreeMap::new(),
        }
    };
    if let Some(path) = &asked.plan {
        description.plan = plan(path)?;
    }
    if let Some(path) = &asked.experiment {
        description.experiment = Some(dataset::read_json::<Experiment>(failed, path)?);
    }
    let form = &mut description.vectors;
    form.embedding = asked.embedding.unwrap_or(form.embedding);
    form.codes = asked.codes.unwrap_or(form.codes);
    description.app = asked.app.clone().unwrap_or(description.app);
    description.name = asked.name.clone().unwrap_or(description.name);
    description.version = asked.version.unwrap_or(description.version);
    description.valid_days = asked.valid_days.unwrap_or(description.valid_days);
    description.created_ms = asked.created_ms.or(description.created_ms);
    if asked.minimum_runtime.is_some() {
        description.minimum_runtime.clone_from(&asked.minimum_runtime);
    }
    dataset::write_json(failed, &path, &description)
}

fn print(packed: &Packed, key: &SecretKey, output: Output) -> Result<()> {
    let release = packed.manifest.release.to_string();
    let text = format!(
        "{release} in {}: {} bytes, signed by {}",
        packed.directory.display(),
        grouped(packed.bytes),
        key.public()
    );
    let lost = packed.overlap.map(|overlap| {
        let percent = 100.0 * overlap;
        format!("\nvectors rounded: {percent:.1} % of the 10 nearest items stay among them")
    });
    let text = text + &lost.unwrap_or_default();
    let json = json!({
        "release": release,
        "app": packed.manifest.app,
        "directory": packed.directory,
        "bytes": packed.bytes,
        "nearest_kept": packed.overlap,
        "manifest_sha256": packed.manifest_sha256,
        "public_key": key.public().to_string(),
    });
    output.print(&json, &text)
}
