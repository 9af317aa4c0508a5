//! The phones and the collector: what happens outside the backend.

use noctule_collector::{Collector, Counts, Settings};
use noctule_simulator::fleet::{FleetResult, FleetSettings, run_fleet};

use super::shipping::Shipped;
use super::worlds::Setting;
use super::{Demo, Durations, FAILED, folder};
use crate::commands::simulate::threads;
use crate::error::{Error, Result};
use crate::output::grouped;
use crate::progress::{Stage, line};

/// What happened.
pub(super) struct Played {
    /// On the phones.
    pub(super) result: FleetResult,
    /// In the collector.
    pub(super) collected: Counts,
}

/// Lets the fleet live through its nights and upload until nothing is left.
pub(super) fn play(
    asked: &Demo,
    setting: &Setting,
    shipped: &Shipped,
    durations: &mut Durations,
) -> Result<Played> {
    let world = setting.world.as_ref();
    let address = ([127, 0, 0, 1], 0).into();
    let feedback = asked.output.join(folder::FEEDBACK);
    let collector =
        Collector::start(Settings::new(address, feedback)).map_err(Error::failed(FAILED))?;
    let url = format!("http://{}", collector.address());
    line(&format!("{:<10} listening on {url}", "collector"));

    let stage = Stage::begin("nights");
    let settings = FleetSettings {
        phones: world.phones(),
        nights: asked.nights,
        seed: asked.seed,
        directory: asked.output.join(folder::PHONES),
        collector_url: Some(url),
        app: setting.app.into(),
        trusted_keys: vec![shipped.public_key],
        release: shipped.release.clone(),
        threads: threads(),
        keep_directories: asked.keep_phones,
    };
    let progress = |done, total| stage.at(done, total);
    let result = run_fleet(world, &settings, &progress).map_err(Error::failed(FAILED))?;
    let showings: usize = result.phones.iter().map(|phone| phone.outcomes.len()).sum();
    let told = format!(
        "{} nights on {} phones, {} slates shown, {} events recorded and uploaded",
        grouped(result.timings.nights as u64),
        result.phones.len(),
        grouped(showings as u64),
        grouped(result.recorded())
    );
    durations.push(("Nights, days and uploads".into(), stage.end(&told)));

    let stage = Stage::begin("parquet");
    collector.flush().map_err(Error::failed(FAILED))?;
    let collected = collector.counts();
    collector.stop().map_err(Error::failed(FAILED))?;
    let told = format!(
        "{} events in {} files",
        grouped(collected.stored_events),
        grouped(collected.parts)
    );
    durations.push(("Parquet".into(), stage.end(&told)));
    Ok(Played { result, collected })
}
