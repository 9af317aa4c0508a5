//! Training, packing, signing: what the backend does.

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::release::{Arm, CHECKS_FILE, Check, Checks, Demand, Experiment, Policy};
use noctule_releases::{Description, SecretKey, SuggestSettings, VectorForm, pack_from_directory};
use noctule_simulator::world::{BEGIN_MS, DAY_MS};
use noctule_trainer::datasets::Interactions;
use noctule_trainer::export::train_to_directory;
use noctule_trainer::training::TrainSettings;

use super::worlds::{Setting, training_data};
use super::{Demo, Durations, EXPERIMENT, FAILED, folder};
use crate::commands::checks;
use crate::commands::train::tell;
use crate::dataset;
use crate::error::{Error, Result};
use crate::output::grouped;
use crate::progress::Stage;

/// A release on its way to the phones.
pub(super) struct Shipped {
    /// Where it lies.
    pub(super) release: std::path::PathBuf,
    /// The key that phones trust.
    pub(super) public_key: [u8; 32],
}

/// Trains on the world's past, packs and signs.
pub(super) fn train_and_pack(
    asked: &Demo,
    setting: &Setting,
    durations: &mut Durations,
) -> Result<Shipped> {
    let world = setting.world.as_ref();
    let stage = Stage::begin("training");
    let data = training_data(world);
    let settings = TrainSettings { seed: asked.seed, ..TrainSettings::default() };
    let model = asked.output.join(folder::MODEL);
    let progress = |step, done, total| tell(&stage, &settings, step, done, total);
    let record = train_to_directory(&data, world.plan(), &settings, &model, &progress)
        .map_err(Error::failed(FAILED))?;
    let measured = record.metrics.as_ref().and_then(|metrics| {
        let ranker = metrics.ranker.as_ref()?;
        let popular = &metrics.context_popularity;
        let k = ranker.k;
        Some(format!(", NDCG@{k} {:.3} against {:.3} by popularity", ranker.ndcg, popular.ndcg))
    });
    let told = format!(
        "iALS, {} dimensions, {} interactions{}",
        settings.ials.dimensions,
        grouped(record.data.interactions as u64),
        measured.unwrap_or_default()
    );
    durations.push(("Training".into(), stage.end(&told)));

    let stage = Stage::begin("release");
    let arm = |name: &str, policy| Arm { name: name.into(), share: 0.5, policy };
    let experiment = Experiment {
        key: EXPERIMENT.into(),
        salt: format!("{EXPERIMENT}-{}", asked.seed),
        arms: vec![arm("model", Policy::Model), arm("baseline", Policy::Baseline)],
    };
    let lineage = BTreeMap::from([("seed".to_owned(), asked.seed.to_string())]);
    let description = Description {
        app: setting.app.into(),
        name: setting.app.into(),
        version: 1,
        created_ms: Some(BEGIN_MS - DAY_MS),
        // Longer than the longest demonstration.
        valid_days: 400,
        architecture: None,
        plan: world.plan().clone(),
        experiment: Some(experiment),
        vectors: VectorForm::default(),
        minimum_runtime: None,
        lineage,
    };
    dataset::write_json(FAILED, &model.join("pack.json"), &description)?;
    let key = SecretKey::generate().map_err(Error::failed(FAILED))?;
    let key_path = asked.output.join(folder::KEY);
    key.save(&key_path).map_err(Error::failed(FAILED))?;
    key.public().save(&dataset::with_ending(&key_path, ".pub")).map_err(Error::failed(FAILED))?;
    let release = asked.output.join(folder::RELEASE);
    let checks = draft_checks(&model, &key, &data, &release)?;
    let packed =
        pack_from_directory(&model, &key, &release, BEGIN_MS).map_err(Error::failed(FAILED))?;
    let told = format!(
        "{}, {} bytes in {} files, signed and verified, {checks} checks drafted",
        packed.manifest.release,
        grouped(packed.bytes),
        packed.manifest.files.len() + 2
    );
    durations.push(("Packing and signing".into(), stage.end(&told)));
    Ok(Shipped { release, public_key: key.public().0 })
}

/// Drafts checks of the model and leaves them beside it, where they are packed from.
fn draft_checks(
    model: &Path,
    key: &SecretKey,
    data: &Interactions,
    release: &Path,
) -> Result<usize> {
    let draft = dataset::with_ending(release, ".draft");
    let packed =
        pack_from_directory(model, key, &draft, BEGIN_MS).map_err(Error::failed(FAILED))?;
    let verified = noctule_releases::verify(&draft, &[key.public()], BEGIN_MS)
        .map_err(Error::failed(FAILED))?;
    let people = checks::people(data, &packed.manifest.plan.contexts);
    let suggested = noctule_releases::suggest(&verified, &people, SuggestSettings::default());
    let suggested = suggested.map_err(Error::failed(FAILED))?;
    let alone = suggested.all().iter().cloned().map(without_memory).collect();
    let suggested = Checks::new(alone).map_err(Error::failed(FAILED))?;
    let path = model.join(CHECKS_FILE);
    let bytes = suggested.to_bytes().map_err(Error::failed(FAILED))?;
    std::fs::write(&path, bytes).map_err(|error| Error::at(FAILED, &path, error))?;
    std::fs::remove_dir_all(&draft).map_err(|error| Error::at(FAILED, &draft, error))?;
    Ok(suggested.all().len())
}

/// The phones of a demonstration share one process, whose memory says nothing of one of them.
fn without_memory(mut check: Check) -> Check {
    if let Demand::Budget { slate_ms_max: Some(_), memory_bytes_max } = &mut check.demand {
        *memory_bytes_max = None;
    }
    check
}
