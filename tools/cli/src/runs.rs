//! Run folders: the options of commands that write one, and how a record is put together.

use std::path::{Path, PathBuf};

use clap::Args;
use noctule_core::base::digest::sha256_hex;
use noctule_core::release::Plan;
use noctule_trainer::datasets::{Dataset, describe};
use noctule_trainer::evaluation::report::protocol_warning;
use noctule_trainer::evaluation::{
    BootstrapSettings, Estimate, EvaluationSettings, Grouping, Groups, QuantisationLoss, UserResult,
};
use noctule_trainer::run::{
    DataRecord, MeasuredModel, ModelRun, PartSizes, RUN_FORMAT, RunRecord, compare_models,
    data_digest, write_run,
};
use noctule_trainer::split::SplitRule;
use noctule_trainer::training::network::{RetrainRecord, unseen};
use serde_json::Value;

use crate::error::{Error, Result};

const FAILED: &str = "write the run";

/// How a run is written down.
#[derive(Debug, Args)]
#[command(next_help_heading = "The run's folder")]
pub(crate) struct RunOptions {
    /// Folder that gets run.json, run.html and the measures of each user.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,

    /// CSV with the columns user and group: figures by group, besides those by known events and by
    /// context.
    #[arg(long, value_name = "FILE")]
    pub(crate) groups: Option<PathBuf>,

    /// Measure how alike groups are served: an attribute of the catalogue, whose words group the
    /// items, or the name (without .csv) of the file of --groups, which groups the users.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) fairness_group: Option<String>,

    /// How often users are drawn anew for the intervals.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) resamples: usize,

    /// Look for leaks: what the ranker leans on, features and words that alone predict too well.
    #[arg(long)]
    pub(crate) probe: bool,
}

impl RunOptions {
    /// The settings of intervals.
    pub(crate) fn bootstrap(&self, seed: u64, threads: usize) -> BootstrapSettings {
        BootstrapSettings {
            resamples: self.resamples,
            seed,
            threads,
            ..BootstrapSettings::default()
        }
    }

    /// The groups whose fairness is measured.
    pub(crate) fn fairness(&self, dataset: &Dataset) -> Result<Option<Groups>> {
        let Some(column) = &self.fairness_group else { return Ok(None) };
        let is_named = |path: &&PathBuf| path.file_stem().is_some_and(|stem| *stem == **column);
        let groups = match self.groups.as_ref().filter(is_named) {
            Some(path) => Grouping::of_all_users(path, &dataset.data)
                .and_then(|grouping| Groups::of_users(&grouping)),
            None => Groups::of_items(&dataset.data, column),
        };
        groups.map(Some).map_err(Error::failed("group"))
    }

    /// Users by known events, by context and by the file of groups.
    pub(crate) fn grouping(
        &self,
        dataset: &Dataset,
        plan: &Plan,
        results: &[UserResult],
    ) -> noctule_trainer::Result<Vec<Grouping>> {
        let mut all = vec![Grouping::by_history(results)];
        if results.iter().any(|result| result.context.is_some()) {
            let names: Vec<String> =
                plan.contexts.iter().map(|context| context.id.to_string()).collect();
            all.push(Grouping::by_context(results, &names));
        }
        if let Some(path) = &self.groups {
            all.push(Grouping::from_file(path, &dataset.data, results)?);
        }
        Ok(all)
    }
}

/// What a record is made from besides the models.
pub(crate) struct RunParts<'a> {
    pub(crate) kind: &'static str,
    pub(crate) path: &'a Path,
    pub(crate) dataset: &'a Dataset,
    pub(crate) seed: u64,
    pub(crate) settings: Value,
    pub(crate) split: SplitRule,
    pub(crate) evaluation: EvaluationSettings,
    pub(crate) bootstrap: BootstrapSettings,
    /// Of a network that was trained again.
    pub(crate) retrained: Option<&'a RetrainRecord>,
    /// Of a model with item vectors.
    pub(crate) quantisation: Option<QuantisationLoss>,
}

impl RunParts<'_> {
    /// The record of `models`, whose users are `measured`, in the same order.
    pub(crate) fn record(
        &self,
        models: Vec<ModelRun>,
        measured: &[MeasuredModel],
    ) -> Result<RunRecord> {
        let data = &self.dataset.data;
        let (split, leaks) =
            self.split.apply(data, self.seed).map_err(Error::failed("part the data"))?;
        let split = unseen(data, split, self.retrained.and_then(|record| record.seen_until_ms));
        let mut warnings: Vec<String> =
            self.dataset.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(protocol_warning(&self.evaluation));
        warnings.extend(leaks.iter().map(ToString::to_string));
        if self.retrained.is_some_and(RetrainRecord::may_have_seen_the_test) {
            let warning = "nothing tells when the model that was begun with was trained: it may \
                           have seen the test events, and the figures flatter";
            warnings.push(warning.to_owned());
        }
        let (train, validation, test) =
            (split.train.len(), split.validation.len(), split.test.len());
        Ok(RunRecord {
            format: RUN_FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kind: self.kind.to_owned(),
            command: std::env::args().collect(),
            seed: self.seed,
            settings: self.settings.clone(),
            data: DataRecord {
                path: self.path.display().to_string(),
                digest: data_digest(data),
                statistics: describe(data),
            },
            split: self.split,
            parts: PartSizes { train, validation, test },
            leaks,
            evaluation: self.evaluation,
            bootstrap: self.bootstrap,
            warnings,
            models,
            comparisons: compare_models(measured, &self.bootstrap)
                .map_err(Error::failed(FAILED))?,
            retrained: self.retrained.cloned(),
            quantisation: self.quantisation,
            ranker_probe: None,
            word_probe: None,
        })
    }
}

/// Writes `record` into the folder that was asked for, else into one named after kind, data and
/// settings, so that the same run has the same folder; gives the folder.
pub(crate) fn write(
    record: &RunRecord,
    measured: &[MeasuredModel],
    dataset: &Dataset,
    asked: Option<&Path>,
) -> Result<PathBuf> {
    let folder = asked.map_or_else(|| default_folder(record), Path::to_path_buf);
    write_run(record, measured, &dataset.data, &folder).map_err(Error::failed(FAILED))?;
    Ok(folder)
}

fn default_folder(record: &RunRecord) -> PathBuf {
    let settings = serde_json::json!([
        record.settings,
        record.data.digest,
        record.split,
        record.seed,
        record.evaluation.k,
        record.evaluation.protocol,
        record.evaluation.exclude_seen,
        record.version,
    ]);
    let identity = sha256_hex(settings.to_string().as_bytes());
    let stem = Path::new(&record.data.path).file_stem().map(|stem| stem.to_string_lossy());
    let stem = stem.as_deref().unwrap_or("data");
    Path::new("noctule-runs").join(format!("{}-{stem}-{}", record.kind, &identity[..8]))
}

/// How alike groups are served by each of `measured`, as a table; nothing where that was not asked.
pub(crate) fn fairness_text(measured: &[MeasuredModel]) -> String {
    let mut text = String::new();
    for model in measured {
        let Some(found) = &model.report.fairness else { continue };
        if text.is_empty() {
            let (k, by) = (found.k, &found.by);
            text.push_str(&format!(
                "by {by}, largest group less smallest (parity: smallest over largest)\n{:<26} \
                 {:>26} {:>26} {:>26}\n",
                "",
                format!("NDCG@{k} gap"),
                format!("recall@{k} gap"),
                "parity of exposure"
            ));
        }
        let cell = |estimate: Option<Estimate>| {
            estimate.map_or_else(
                || "-".to_owned(),
                |found| format!("{:.4} ({:.4} to {:.4})", found.value, found.low, found.high),
            )
        };
        text.push_str(&format!(
            "{:<26} {:>26} {:>26} {:>26}\n",
            model.report.name,
            cell(found.ndcg_gap),
            cell(found.opportunity_gap),
            cell(found.parity)
        ));
    }
    text
}
