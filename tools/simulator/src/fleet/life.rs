//! One phone, from the evening on which it gets the release to its last upload.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use noctule_core::base::{
    Budget, CancelToken, Clock, ItemId, ManualClock, NoProgress, Seed, SeededRandom,
};
use noctule_core::consent::DataConsent;
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::serving::{RecommendRequest, Recommendations};
use noctule_core::upload::{Network, Transfer, TransferOutcome};
use noctule_core::{Config, Noctule, Receipt};

use super::FleetSettings;
use super::outcome::{Outcome, PhoneResult};
use super::uplink::{Delivered, Uplink, reason};
use crate::choice::{self, Shown};
use crate::world::{BEGIN_MS, DAY_MS, MINUTE_MS, PastChoice, Showing, World};
use crate::{Error, Result};

/// Minutes after midnight at which the night job runs, and at which the phone uploads.
const NIGHT_MINUTE: i64 = 3 * 60;
const UPLOAD_MINUTE: i64 = 23 * 60 + 30;

/// Minutes before the first midnight at which the release is installed.
const INSTALL_MINUTES_BEFORE: i64 = 3 * 60;

/// Milliseconds between a showing and the moment at which the app records what came of it.
const RECORD_AFTER_MS: i64 = MINUTE_MS;

/// Waits that the last upload goes through before it gives up: with doubling pauses the device
/// has then tried for days of its own time.
const WAITS_MAX: u32 = 40;

/// Real time that a wait takes: long enough for a collector that starts up.
const WAIT: Duration = Duration::from_millis(25);

/// What all phones share.
pub(super) struct Household<'a> {
    pub(super) world: &'a dyn World,
    pub(super) settings: &'a FleetSettings,
    pub(super) uplink: Option<&'a Uplink>,
}

/// What is left of a phone.
pub(super) struct Life {
    pub(super) result: PhoneResult,
    pub(super) night_times: Vec<Duration>,
    pub(super) recommend_times: Vec<Duration>,
    pub(super) record_times: Vec<Duration>,
    /// What it showed on the last day, once for each context.
    pub(super) last_day: Vec<Recommendations>,
}

impl Household<'_> {
    /// Runs `phone` through all its days; `after_night` says whether to go on.
    pub(super) fn live(&self, phone: usize, after_night: &dyn Fn() -> bool) -> Result<Life> {
        let directory = self.settings.directory.join(format!("phone-{phone:05}"));
        let mut handset = Handset::begin(self, phone, &directory)?;
        for day in 0..self.settings.nights {
            handset.day(day)?;
            if !after_night() {
                break;
            }
        }
        let life = handset.end()?;
        if !self.settings.keep_directories {
            std::fs::remove_dir_all(&directory)
                .map_err(Error::file(&directory, "removing the phone's directory"))?;
        }
        Ok(life)
    }
}

struct Handset<'a> {
    household: &'a Household<'a>,
    phone: usize,
    library: Noctule,
    clock: Arc<ManualClock>,
    random: SeededRandom,
    index: HashMap<ItemId, usize>,
    delivered: Delivered,
    life: Life,
}

impl<'a> Handset<'a> {
    /// The evening before the first day.
    fn begin(household: &'a Household<'a>, phone: usize, directory: &Path) -> Result<Self> {
        let (world, settings) = (household.world, household.settings);
        let clock = Arc::new(ManualClock::at(BEGIN_MS - INSTALL_MINUTES_BEFORE * MINUTE_MS));
        let seed = Seed(settings.seed).derive(&["fleet", "phone", &phone.to_string()]);
        // The people of the simulation are asked for nothing: they agree to everything.
        let consent = DataConsent::Full;
        let mut config = Config::new(PathBuf::from(directory), settings.app.clone(), consent);
        config.trusted_keys.clone_from(&settings.trusted_keys);
        config.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        config.seed = Some(seed.0);
        let failed = |action| Error::phone(phone, action);
        let library = Noctule::open(config).map_err(failed("opening"))?;
        library.set_place(world.place(phone)).map_err(failed("setting the place"))?;
        let past: Vec<FeedbackEvent> =
            world.history(phone).iter().map(|choice| conversion(world, choice)).collect();
        // Before the release is there: these choices are no effect of any arm.
        library.record(&past).map_err(failed("recording the history"))?;
        library.install_release(&settings.release).map_err(failed("installing the release"))?;
        let status = library.status().map_err(failed("reading the status"))?;
        let items = world.items().iter().enumerate();
        let result = PhoneResult {
            phone,
            installation: status.installation,
            arm: status.arm,
            policy: status.policy,
            recorded: status.recorded,
            acknowledged: 0,
            repeated: 0,
            rejected: 0,
            pending: 0,
            outcomes: Vec::new(),
        };
        Ok(Self {
            household,
            phone,
            library,
            clock,
            random: SeededRandom::new(seed.derive(&["choices"])),
            index: items.map(|(index, item)| (item.id.clone(), index)).collect(),
            delivered: Delivered::default(),
            life: Life {
                result,
                night_times: Vec::new(),
                recommend_times: Vec::new(),
                record_times: Vec::new(),
                last_day: Vec::new(),
            },
        })
    }

    fn day(&mut self, day: u32) -> Result<()> {
        let midnight = BEGIN_MS + i64::from(day) * DAY_MS;
        self.clock.set(midnight + NIGHT_MINUTE * MINUTE_MS);
        let begun = Instant::now();
        self.library
            .run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress)
            .map_err(Error::phone(self.phone, "running the night job"))?;
        self.life.night_times.push(begun.elapsed());
        self.life.last_day.clear();
        for showing in self.household.world.showings(day) {
            self.showing(day, &showing)?;
        }
        self.clock.set(midnight + UPLOAD_MINUTE * MINUTE_MS);
        // What has to wait is tried again tomorrow.
        self.upload().map(|_| ())
    }

    fn showing(&mut self, day: u32, showing: &Showing) -> Result<()> {
        self.clock.set(showing.at_ms);
        let request = RecommendRequest {
            surface: showing.surface.clone(),
            context: Some(showing.context.clone()),
            limit: None,
        };
        let begun = Instant::now();
        let answer = self
            .library
            .recommend(&request)
            .map_err(Error::phone(self.phone, "asking for recommendations"))?;
        self.life.recommend_times.push(begun.elapsed());
        let slots: Vec<Shown> = answer
            .items
            .iter()
            .filter_map(|slot| {
                let index = *self.index.get(&slot.item)?;
                let (position, propensity) = (slot.position, slot.propensity);
                Some(Shown { item: slot.item.clone(), index, position, propensity })
            })
            .collect();
        let world = self.household.world;
        let reaction =
            choice::react(world, self.phone, showing, &slots, answer.generation, &mut self.random);
        self.clock.set(showing.at_ms + RECORD_AFTER_MS);
        if !reaction.events.is_empty() {
            let begun = Instant::now();
            let Receipt { last_sequence, .. } = self
                .library
                .record(&reaction.events)
                .map_err(Error::phone(self.phone, "recording feedback"))?;
            self.life.record_times.push(begun.elapsed());
            self.life.result.recorded = last_sequence;
        }
        self.life.result.outcomes.push(Outcome {
            day,
            context: showing.context.clone(),
            shown: slots.len(),
            accepted: reaction.accepted,
        });
        let last = self.life.last_day.last();
        if last.is_none_or(|last| last.context != answer.context) {
            self.life.last_day.push(answer);
        }
        Ok(())
    }

    /// Uploads until the library has nothing more or wants to wait.
    fn upload(&mut self) -> Result<Uploaded> {
        let Some(uplink) = self.household.uplink else { return Ok(Uploaded::All) };
        let failed = |action| Error::phone(self.phone, action);
        let mut last = String::from("the phone waits");
        loop {
            let next = self.library.next_transfer(Network::Unmetered);
            match next.map_err(failed("asking what to upload"))? {
                Transfer::Upload(request) => {
                    let outcome = uplink.send(&request);
                    self.delivered.count(&outcome);
                    if !matches!(outcome, TransferOutcome::Answer { status: 200, .. }) {
                        last = reason(&outcome);
                    }
                    self.library
                        .transfer_finished(&request.id, &outcome)
                        .map_err(failed("finishing an upload"))?;
                }
                Transfer::Wait { until_ms } => {
                    return Ok(Uploaded::Later { until_ms, reason: last });
                }
                // These phones follow no repository: there is nothing to fetch.
                Transfer::Fetch(_)
                | Transfer::WaitForUnmetered { .. }
                | Transfer::WaitForSpace { .. }
                | Transfer::Done => {
                    return Ok(Uploaded::All);
                }
            }
        }
    }

    /// Uploads what is left, waiting as long as the library wants to, and closes it.
    fn end(mut self) -> Result<Life> {
        let mut waits = 0;
        while let Uploaded::Later { until_ms, reason } = self.upload()? {
            waits += 1;
            if waits > WAITS_MAX {
                let pending = self.pending()?;
                return Err(Error::NotDelivered { phone: self.phone, pending, reason });
            }
            self.clock.set(until_ms.max(self.clock.now_ms()));
            std::thread::sleep(WAIT);
        }
        self.life.result.pending = self.pending()?;
        self.life.result.acknowledged = self.delivered.acknowledged;
        self.life.result.repeated = self.delivered.repeated;
        self.life.result.rejected = self.delivered.rejected;
        self.library.close();
        Ok(self.life)
    }

    fn pending(&self) -> Result<u64> {
        let status = self.library.status();
        Ok(status.map_err(Error::phone(self.phone, "reading the status"))?.pending_events)
    }
}

enum Uploaded {
    /// Nothing is left, or there is nowhere to send it.
    All,
    /// The library wants to try again then.
    Later { until_ms: i64, reason: String },
}

/// A choice made before the phone was there: without surface or position, as nothing showed it.
fn conversion(world: &dyn World, past: &PastChoice) -> FeedbackEvent {
    let context = past.context.and_then(|at| world.plan().contexts.get(usize::from(at)));
    FeedbackEvent {
        context: context.map(|context| context.id.clone()),
        at_ms: Some(past.at_ms),
        ..FeedbackEvent::new(EventKind::Conversion, world.items()[past.item as usize].id.clone())
    }
}
