//! A town of restaurants: places, people with tastes that change with daypart and weekend, their
//! visits, and the truth about what they accept.

mod cuisines;
mod export;
mod history;
mod people;
mod plan;
mod restaurant;
mod truth;

use noctule_core::base::{GeoPoint, Seed};
use noctule_core::catalogue::Item;
use noctule_core::release::Plan;

use crate::world::{PastChoice, World};
use crate::{Error, Result};
use people::{Person, Society};
use restaurant::Restaurant;

pub use plan::{CONTEXTS, DAYPARTS, Daypart, circumstances, town_plan};
pub use truth::MEAN_ACCEPTANCE;

/// People whose affinities set the offset of the truth.
const SAMPLE: usize = 60;

/// Acceptance below which a person may hide a place on seeing it.
const DISLIKED_BELOW: f64 = 0.004;

/// How large a town is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TownSettings {
    /// From which everything follows.
    pub seed: u64,
    /// Places, 1 to 100,000.
    pub restaurants: usize,
    /// People whose visits train the model, at most 1,000,000.
    pub residents: usize,
    /// People with phones, none of them a resident, at most 1,000,000.
    pub phones: usize,
    /// Weeks of visits before the first day, 1 to 520.
    pub weeks: u32,
}

impl Default for TownSettings {
    fn default() -> Self {
        Self { seed: 1, restaurants: 400, residents: 3_000, phones: 300, weeks: 8 }
    }
}

impl TownSettings {
    fn check(&self) -> Result<()> {
        let counts = [
            ("restaurants", self.restaurants, 1, 100_000),
            ("residents", self.residents, 0, 1_000_000),
            ("phones", self.phones, 0, 1_000_000),
            ("weeks", self.weeks as usize, 1, 520),
        ];
        for (field, value, least, most) in counts {
            if value < least || value > most {
                let reason = format!("{value} is not between {least} and {most}");
                return Err(Error::setting(field, reason));
            }
        }
        Ok(())
    }
}

/// The town.
///
/// ```
/// use noctule_simulator::{Town, TownSettings, World};
/// let settings = TownSettings { restaurants: 40, residents: 20, phones: 3, ..Default::default() };
/// let town = Town::new(&settings)?;
/// let best = town.favourites(0, 2, 1)[0];
/// assert!(town.acceptance(0, best, 2) > noctule_simulator::town::MEAN_ACCEPTANCE);
/// # Ok::<(), noctule_simulator::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Town {
    plan: Plan,
    items: Vec<Item>,
    restaurants: Vec<Restaurant>,
    residents: Vec<Person>,
    owners: Vec<Person>,
    offset: f64,
    whims: Seed,
    training: Vec<PastChoice>,
    histories: Vec<Vec<PastChoice>>,
}

impl Town {
    /// Visits of one resident: least and most.
    pub const RESIDENT_VISITS: (usize, usize) = (30, 60);

    /// Visits that a phone knows of before its first night: least and most.
    pub const PHONE_VISITS: (usize, usize) = (2, 5);

    /// Builds the town of `settings`: the same seed and sizes give the same town.
    ///
    /// # Errors
    /// [`Error::Setting`] when a size is out of range.
    pub fn new(settings: &TownSettings) -> Result<Self> {
        settings.check()?;
        let seed = Seed(settings.seed);
        let (restaurants, items) = restaurant::restaurants(seed, settings.restaurants)?;
        let society = Society::new(seed);
        let residents = society.people(seed, "residents", 0, settings.residents);
        let first_owner = settings.residents as u64;
        let owners = society.people(seed, "owners", first_owner, settings.phones);
        let mut town = Self {
            plan: town_plan()?,
            items,
            restaurants,
            residents,
            owners,
            offset: 0.0,
            whims: seed.derive(&["town", "whims"]),
            training: Vec::new(),
            histories: Vec::new(),
        };
        town.offset = town.offset_of(&society.people(seed, "sample", u64::MAX / 2, SAMPLE));
        let visits_seed = seed.derive(&["town"]);
        let days = settings.weeks * 7;
        let visits =
            |people, counts| history::visits_of_all(&town, visits_seed, people, days, counts);
        let mut training = visits(&town.residents, Self::RESIDENT_VISITS).concat();
        let histories = visits(&town.owners, Self::PHONE_VISITS);
        training.sort_by_key(|visit| visit.at_ms);
        (town.training, town.histories) = (training, histories);
        Ok(town)
    }

    fn offset_of(&self, sample: &[Person]) -> f64 {
        let mut affinities = Vec::new();
        for context in 0..CONTEXTS {
            for item in self.open_in(context) {
                let one = |person| self.affinity_of(person, item, context);
                affinities.extend(sample.iter().map(one));
            }
        }
        truth::offset(&affinities)
    }

    /// The places open in the middle of `context`.
    fn open_in(&self, context: usize) -> Vec<usize> {
        let moment = self.plan.contexts[context].when.middle();
        let open = self.items.iter().enumerate().filter(|(_, item)| item.is_open(moment));
        open.map(|(item, _)| item).collect()
    }

    fn affinity_of(&self, person: &Person, item: usize, context: usize) -> f64 {
        truth::affinity(self.whims, person, item, &self.restaurants[item], context)
    }

    /// How much the user of `phone` likes `item` in `context`, in log-odds without the offset that
    /// all have in common.
    ///
    /// # Panics
    /// When an index is out of range.
    #[must_use]
    pub fn affinity(&self, phone: usize, item: usize, context: usize) -> f64 {
        self.affinity_of(&self.owners[phone], item, context)
    }
}

impl World for Town {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn training(&self) -> &[PastChoice] {
        &self.training
    }

    fn training_places(&self) -> Vec<Option<GeoPoint>> {
        self.residents.iter().map(|person| Some(person.home)).collect()
    }

    fn phones(&self) -> usize {
        self.owners.len()
    }

    fn place(&self, phone: usize) -> Option<GeoPoint> {
        Some(self.owners[phone].home)
    }

    fn history(&self, phone: usize) -> &[PastChoice] {
        &self.histories[phone]
    }

    fn acceptance(&self, phone: usize, item: usize, context: usize) -> f64 {
        truth::logistic(self.offset + self.affinity(phone, item, context))
    }

    fn dislikes(&self, phone: usize, item: usize, context: usize) -> bool {
        self.acceptance(phone, item, context) < DISLIKED_BELOW
    }
}

#[cfg(test)]
mod tests;
