//! `noctule evaluate --models`: classical models side by side.

use std::time::Instant;

use clap::{Args, ValueEnum};
use noctule_trainer::datasets::Dataset;
use noctule_trainer::evaluation::{EvaluationSettings, Metric, Protocol, UserResult};
use noctule_trainer::probes::{ProbeSettings, probe_words};
use noctule_trainer::run::{Curve, Measuring, ModelRun, RunRecord};
use noctule_trainer::split::SplitRule;
use noctule_trainer::training::classical::EaseSettings;
use noctule_trainer::training::parallel::available;
use noctule_trainer::training::{ClassicalModel, Tuning, choose};
use serde_json::json;

use super::Evaluate;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::{Stage, line};
use crate::runs::{self, RunParts};

const FAILED: &str = "evaluate";

/// Which classical models are compared, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Comparing classical models")]
pub(crate) struct TableOptions {
    /// Models side by side instead of those of a release: popularity, item-knn, ease, ials, bpr.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = model)]
    pub(crate) models: Vec<ClassicalModel>,

    /// Choose settings by NDCG on the validation part, from a fixed grid for each model.
    #[arg(long, requires = "models")]
    tune: bool,

    /// Users that tuning measures, at most.
    #[arg(long, value_name = "N", default_value_t = 5_000, requires = "models")]
    tune_users: usize,

    /// How events are parted.
    #[arg(long, value_enum, default_value_t = SplitName::LeaveLastOut, requires = "models")]
    split: SplitName,

    /// Share of the events for test, of splits by time and by chance; half as much for validation.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, requires = "models")]
    test_share: f64,

    /// Rank against so many sampled items instead of the whole catalogue. Figures are then far too
    /// high, and good only to compare with tables made the same way.
    #[arg(long, value_name = "N", requires = "models")]
    negatives: Option<usize>,

    /// Users that are measured, at most, drawn with the seed.
    #[arg(long, value_name = "N", requires = "models")]
    users_max: Option<usize>,

    /// Rank what a user has chosen before, too.
    #[arg(long, requires = "models")]
    keep_seen: bool,

    /// Length of the lists.
    #[arg(long, value_name = "K", default_value_t = 10, requires = "models")]
    k: usize,

    /// Memory that EASE may take, in GiB.
    #[arg(long, value_name = "GIB", default_value_t = 4, requires = "models")]
    memory_gib: u64,
}

/// Name of a split.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SplitName {
    /// Each user's last event for test, the one before it for validation.
    LeaveLastOut,
    /// One point in time for all.
    Time,
    /// Every event by chance.
    Random,
}

fn model(name: &str) -> Result<ClassicalModel, String> {
    let known = ClassicalModel::NAMES.join(", ");
    ClassicalModel::named(name).ok_or_else(|| format!("there are {known}"))
}

impl TableOptions {
    fn rule(&self) -> SplitRule {
        let (validation, test) = (self.test_share / 2.0, self.test_share);
        match self.split {
            SplitName::LeaveLastOut => SplitRule::LeaveLastOut { validation: 1 },
            SplitName::Time => SplitRule::GlobalTime { validation, test },
            SplitName::Random => SplitRule::Random { validation, test },
        }
    }

    fn evaluation(&self, seed: u64, threads: usize) -> EvaluationSettings {
        EvaluationSettings {
            k: self.k,
            protocol: self.negatives.map_or(Protocol::Full, Protocol::SampledNegatives),
            exclude_seen: !self.keep_seen,
            users_max: self.users_max,
            seed,
            threads,
        }
    }

    /// A model with what the options say of it.
    fn with_options(&self, model: &ClassicalModel, seed: u64) -> ClassicalModel {
        match model.clone().seeded(seed) {
            ClassicalModel::Ease(settings) => {
                let memory_bytes_max = self.memory_gib.saturating_mul(1 << 30);
                ClassicalModel::Ease(EaseSettings { memory_bytes_max, ..settings })
            }
            other => other,
        }
    }
}

/// Evaluates the models that were asked for.
pub(super) fn run(asked: &Evaluate, output: Output) -> Result<()> {
    let table = &asked.table;
    let (dataset, plan) = asked.source.read(&asked.data, asked.recipe.plan.as_deref())?;
    let (seed, threads) =
        (asked.recipe.seed.unwrap_or(1), asked.recipe.threads.unwrap_or_else(available));
    let (rule, evaluation) = (table.rule(), table.evaluation(seed, threads));
    let bootstrap = asked.run.bootstrap(seed, threads);
    let grouping = |results: &[UserResult]| asked.run.grouping(&dataset, &plan, results);
    let groups = asked.run.fairness(&dataset)?;
    let measuring = Measuring::new(bootstrap, &grouping, None).with_groups(groups.as_ref());
    let mut models = Vec::new();
    for model in &table.models {
        let model = table.with_options(model, seed);
        models.push(measure(asked, &dataset, rule, evaluation, &model, &measuring)?);
    }
    let (measured, ..) = measuring.finish();
    for (run, measured) in models.iter_mut().zip(&measured) {
        run.report = measured.report.clone();
    }
    let settings = json!(models.iter().map(|model| &model.settings).collect::<Vec<_>>());
    let parts = RunParts {
        kind: "evaluate",
        path: &asked.data,
        dataset: &dataset,
        seed,
        settings,
        split: rule,
        evaluation,
        bootstrap,
        retrained: None,
        quantisation: None,
    };
    let mut record = parts.record(models, &measured)?;
    if asked.run.probe {
        probe(&mut record, &parts)?;
    }
    let folder = runs::write(&record, &measured, &dataset, asked.run.run.as_deref())?;
    let fairness = runs::fairness_text(&measured);
    let text = format!("{}{fairness}run in {}\n", text(&record), folder.display());
    output.print(&record, &text)
}

/// Tunes, trains and measures one model. The report is that of `measuring`.
fn measure(
    asked: &Evaluate,
    dataset: &Dataset,
    rule: SplitRule,
    evaluation: EvaluationSettings,
    model: &ClassicalModel,
    measuring: &Measuring<'_>,
) -> Result<ModelRun> {
    let data = &dataset.data;
    let (split, _) = rule.apply(data, evaluation.seed).map_err(Error::failed(FAILED))?;
    let stage = Stage::begin(model.name());
    let tuning: Option<Tuning> = if asked.table.tune {
        let users_max = Some(asked.table.tune_users);
        let settings = EvaluationSettings { users_max, ..evaluation };
        let progress = |done, total| stage.at(done, total);
        let found = choose(&model.grid(), data, &split, &settings, &progress);
        Some(found.map_err(Error::failed(FAILED))?)
    } else {
        None
    };
    let chosen = tuning.as_ref().map_or(model, Tuning::chosen).clone();
    let known = [split.train.as_slice(), &split.validation].concat();
    let begun = Instant::now();
    let fitted = chosen
        .fit(data, &known, evaluation.threads, &|_, _, _| {})
        .map_err(Error::failed(FAILED))?;
    let seconds = begun.elapsed().as_secs_f64();
    let found = measuring.model(model.name(), &fitted, data, &split, &evaluation);
    let found = found.map_err(Error::failed(FAILED))?;
    stage.end(&format!("NDCG@{} {:.4}, trained in {seconds:.1} s", found.k, found.ndcg));
    let losses = fitted.losses().to_vec();
    let curves = if losses.is_empty() {
        Vec::new()
    } else {
        vec![Curve { name: "loss".into(), values: losses }]
    };
    let report = noctule_trainer::evaluation::ModelReport {
        name: model.name().to_owned(),
        evaluation: found,
        metrics: Default::default(),
        groups: Vec::new(),
        exposure: None,
        fairness: None,
    };
    let settings = json!(chosen);
    Ok(ModelRun { report, settings, tuning, curves, calibration: None, seconds: Some(seconds) })
}

/// Looks at what words give away.
pub(super) fn probe(record: &mut RunRecord, parts: &RunParts<'_>) -> Result<()> {
    let data = &parts.dataset.data;
    let (split, _) = parts.split.apply(data, parts.seed).map_err(Error::failed(FAILED))?;
    let stage = Stage::begin("probing");
    // Leaving out one word after the other takes as many evaluations: a sample does.
    let users_max = Some(parts.evaluation.users_max.map_or(1_000, |most| most.min(1_000)));
    let settings = EvaluationSettings { users_max, ..parts.evaluation };
    let progress = |done, total| stage.at(done, total);
    let probes = ProbeSettings::default();
    let found = probe_words(data, &split, &settings, &parts.bootstrap, &probes, &progress);
    record.word_probe = found.map_err(Error::failed(FAILED))?;
    let words =
        record.word_probe.iter().flat_map(|probe| probe.attributes.iter().chain(&probe.words));
    let features = record.ranker_probe.iter().flat_map(|probe| &probe.features);
    let names = words
        .filter(|ablation| ablation.suspicious)
        .map(|ablation| (&ablation.name, ablation.alone))
        .chain(
            features.filter(|probe| probe.suspicious).map(|probe| (&probe.feature, probe.alone)),
        );
    let warnings: Vec<String> = names
        .map(|(name, auc)| {
            format!(
                "{name} alone predicts too well (AUC {auc:.3}): the answer may have leaked into it"
            )
        })
        .collect();
    stage.end(&format!("{} suspicious", warnings.len()));
    warnings.iter().for_each(|warning| line(&format!("warning: {warning}")));
    record.warnings.extend(warnings);
    Ok(())
}

fn text(record: &RunRecord) -> String {
    let mut text = String::new();
    for warning in &record.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    let k = record.evaluation.k;
    let columns = [Metric::HitRate, Metric::Ndcg, Metric::Mrr, Metric::Auc];
    text.push_str(&format!("{:<20}", ""));
    columns.iter().for_each(|metric| text.push_str(&format!(" {:>9}", metric.title(k))));
    text.push_str(&format!(" {:>19} {:>9}\n", "95 % of the NDCG", "coverage"));
    for model in &record.models {
        let report = &model.report;
        text.push_str(&format!("{:<20}", report.name));
        for metric in columns {
            let value = report.metrics.get(&metric).map_or(f64::NAN, |estimate| estimate.value);
            text.push_str(&format!(" {value:>9.4}"));
        }
        if let Some(estimate) = report.metrics.get(&Metric::Ndcg) {
            text.push_str(&format!("    {:.4} to {:.4}", estimate.low, estimate.high));
        }
        let coverage = report.exposure.map_or(f64::NAN, |exposure| exposure.coverage);
        text.push_str(&format!(" {coverage:>9.3}\n"));
    }
    for comparison in &record.comparisons {
        text.push_str(&format!(
            "{} minus {}: {:+.4} ({:+.4} to {:+.4}), p {:.4}\n",
            comparison.first,
            comparison.second,
            comparison.result.difference.value,
            comparison.result.difference.low,
            comparison.result.difference.high,
            comparison.adjusted_p
        ));
    }
    text
}
