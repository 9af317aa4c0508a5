//! How often to retrain: what is lost when the model is a week, a month or a quarter old, and how
//! much history it takes.
//!
//! ```text
//!  |------------------ history ------------------|== test window ==|
//!  |-------- training, age 0 --------------------|
//!  |-------- training, a month old ------|
//!                  |--- newest half -------------|
//! ```
//!
//! Only the model ages. What the device knows of its user does not: the history that users are
//! folded in with reaches up to the window for every age, as it does in use.

use serde::{Deserialize, Serialize};

use crate::datasets::Interactions;
use crate::evaluation::{
    BootstrapSettings, Estimate, EvaluationSettings, ItemFacts, Measures, Metric, Scorer,
    bootstrap_means, evaluate_users,
};
use crate::split::Split;
use crate::training::ClassicalModel;
use crate::{Error, Result};

const DAY_MS: f64 = 86_400_000.0;

/// Fewer users than these are warned of.
const USERS_FEW: usize = 200;

/// What is studied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudySettings {
    /// Days at the end of the data that are tested on; above 0.
    pub window_days: f64,
    /// Ages of the model in days at the begin of the window; each at least 0.
    pub ages_days: Vec<f64>,
    /// Newest shares of the history that a fresh model is trained on; each above 0, at most 1.
    pub shares: Vec<f64>,
    /// The model.
    pub model: ClassicalModel,
    /// How lists are ranked.
    pub evaluation: EvaluationSettings,
    /// How intervals are made.
    pub bootstrap: BootstrapSettings,
}

impl Default for StudySettings {
    fn default() -> Self {
        Self {
            window_days: 28.0,
            ages_days: vec![0.0, 7.0, 30.0, 91.0],
            shares: vec![0.125, 0.25, 0.5, 1.0],
            model: ClassicalModel::Ials(crate::training::IalsSettings::default()),
            evaluation: EvaluationSettings::default(),
            bootstrap: BootstrapSettings::default(),
        }
    }
}

/// A model that was trained on a part of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyPoint {
    /// Age in days, or share of the history.
    pub at: f64,
    /// Training events.
    pub events: usize,
    /// Share of the test choices whose item the training part holds.
    pub known_items: f64,
    /// NDCG@k.
    pub ndcg: Estimate,
    /// NDCG@k of the fresh model on all history minus this one, by user.
    pub lost: Estimate,
    /// NDCG@k of the most popular of the same part.
    pub popularity: Estimate,
}

/// What came of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// The settings.
    pub settings: StudySettings,
    /// Begin of the test window, Unix milliseconds.
    pub from_ms: i64,
    /// The last event.
    pub to_ms: i64,
    /// Users with history who chose something in the window.
    pub users: usize,
    /// Users who chose in the window and before it nothing, left out.
    pub new_users: usize,
    /// By age, the freshest first.
    pub ages: Vec<StudyPoint>,
    /// By share of the history, the least first.
    pub shares: Vec<StudyPoint>,
    /// Ages and shares that leave nothing to train on, and what else to know.
    pub warnings: Vec<String>,
}

/// Makes the study. `progress` hears (done, total).
///
/// # Errors
/// [`Error::Setting`]; [`Error::Data`] when an event has no time, or the window or what is before
/// it is empty; those of training and measuring.
pub fn retrain_study(
    data: &Interactions,
    settings: &StudySettings,
    progress: &dyn Fn(usize, usize),
) -> Result<Study> {
    check(settings)?;
    let window = Window::of(data, settings)?;
    let (mut ages, mut shares) = (settings.ages_days.clone(), settings.shares.clone());
    ages.sort_by(f64::total_cmp);
    shares.sort_by(f64::total_cmp);
    let total = ages.len() + shares.len() + 1;
    let measured = Measured { data, settings, window: &window };
    progress(0, total);
    let fresh = measured.model(&window.history)?;
    let mut warnings = window.warnings();
    let mut point =
        |at: f64, part: Vec<u32>, done: usize, what: String| -> Result<Option<StudyPoint>> {
            progress(done, total);
            if part.is_empty() {
                warnings.push(format!("{what}: nothing is left to train on"));
                return Ok(None);
            }
            measured.point(at, &part, &fresh).map(Some)
        };
    let mut by_age = Vec::new();
    for (index, age) in ages.iter().enumerate() {
        let what = format!("{age} days before the window");
        by_age.extend(point(*age, window.older_than(data, *age), 1 + index, what)?);
    }
    let mut by_share = Vec::new();
    for (index, share) in shares.iter().enumerate() {
        let newest = window.newest(*share);
        let what = format!("the newest {share} of the history");
        by_share.extend(point(*share, newest, 1 + ages.len() + index, what)?);
    }
    progress(total, total);
    Ok(Study {
        settings: settings.clone(),
        from_ms: window.from_ms,
        to_ms: window.to_ms,
        users: fresh.len(),
        new_users: window.new_users,
        ages: by_age,
        shares: by_share,
        warnings,
    })
}

fn check(settings: &StudySettings) -> Result<()> {
    if matches!(settings.model, ClassicalModel::Bpr(_)) {
        // It has no vector of a user who came after its training, so more than the model would age.
        return Err(Error::setting("model", "bpr does not know users who came later"));
    }
    let days = settings.window_days;
    if !(days > 0.0 && days.is_finite()) {
        return Err(Error::setting("window_days", format!("{days} is not above 0")));
    }
    if let Some(age) = settings.ages_days.iter().find(|age| !(**age >= 0.0 && age.is_finite())) {
        return Err(Error::setting("ages_days", format!("{age} is not at least 0")));
    }
    if let Some(share) = settings.shares.iter().find(|share| !(**share > 0.0 && **share <= 1.0)) {
        return Err(Error::setting("shares", format!("{share} is not above 0 and at most 1")));
    }
    Ok(())
}

/// The test window and what is before it.
struct Window {
    from_ms: i64,
    to_ms: i64,
    /// Events before the window, in time order.
    history: Vec<u32>,
    /// Events in the window, of users with history.
    test: Vec<u32>,
    users: usize,
    new_users: usize,
}

impl Window {
    fn of(data: &Interactions, settings: &StudySettings) -> Result<Self> {
        let times: Option<Vec<i64>> = data.events.iter().map(|event| event.at_ms).collect();
        let Some(times) = times else {
            return Err(Error::data("a study of age needs a time for every event"));
        };
        let Some(to_ms) = times.iter().copied().max() else {
            return Err(Error::data("there is no interaction"));
        };
        let from_ms = to_ms.saturating_sub((settings.window_days * DAY_MS) as i64);
        let mut order: Vec<u32> = (0..times.len() as u32).collect();
        order.sort_by_key(|index| times[*index as usize]);
        let border = order.partition_point(|index| times[*index as usize] <= from_ms);
        let mut test = order.split_off(border);
        let history = order;
        let user = |index: &u32| data.events[*index as usize].user;
        let mut known = vec![false; data.users.len()];
        history.iter().for_each(|index| known[user(index) as usize] = true);
        let mut new: Vec<u32> =
            test.iter().map(user).filter(|user| !known[*user as usize]).collect();
        new.sort_unstable();
        new.dedup();
        test.retain(|index| known[user(index) as usize]);
        if test.is_empty() || history.is_empty() {
            let reason = format!(
                "in a window of {} days: {} test events of users with history, {} events before it",
                settings.window_days,
                test.len(),
                history.len()
            );
            return Err(Error::data(reason));
        }
        let mut users: Vec<u32> = test.iter().map(user).collect();
        users.sort_unstable();
        users.dedup();
        Ok(Self { from_ms, to_ms, history, test, users: users.len(), new_users: new.len() })
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.new_users > 0 {
            warnings.push(format!("{} users are new in the window and not tested", self.new_users));
        }
        if self.users < USERS_FEW {
            let users = self.users;
            warnings.push(format!(
                "only {users} users are tested: intervals are wide, take a longer window"
            ));
        }
        warnings
    }

    fn older_than(&self, data: &Interactions, age_days: f64) -> Vec<u32> {
        let cut = self.from_ms.saturating_sub((age_days * DAY_MS) as i64);
        let older = |index: &&u32| data.events[**index as usize].at_ms.is_some_and(|at| at <= cut);
        self.history.iter().filter(older).copied().collect()
    }

    fn newest(&self, share: f64) -> Vec<u32> {
        let count = (share * self.history.len() as f64).round() as usize;
        self.history[self.history.len() - count..].to_vec()
    }
}

struct Measured<'a> {
    data: &'a Interactions,
    settings: &'a StudySettings,
    window: &'a Window,
}

impl Measured<'_> {
    /// NDCG of each test user, in the order of the users.
    fn model(&self, part: &[u32]) -> Result<Vec<f64>> {
        let threads = self.settings.evaluation.threads;
        let fitted = self.settings.model.fit(self.data, part, threads, &|_, _, _| {})?;
        self.ndcg(&fitted)
    }

    fn ndcg(&self, scorer: &dyn Scorer) -> Result<Vec<f64>> {
        let (history, test) = (self.window.history.clone(), self.window.test.clone());
        let split = Split { train: history, validation: Vec::new(), test };
        let results = evaluate_users(scorer, self.data, &split, &self.settings.evaluation)?;
        let facts = ItemFacts::new(self.data, &split.train);
        let place = Metric::ALL.iter().position(|metric| *metric == Metric::Ndcg).unwrap_or(0);
        let value = |measures: Measures| measures[place].unwrap_or(0.0);
        let k = self.settings.evaluation.k;
        Ok(results.iter().map(|result| value(facts.measures(result, k))).collect())
    }

    fn point(&self, at: f64, part: &[u32], fresh: &[f64]) -> Result<StudyPoint> {
        let own = self.model(part)?;
        let popular =
            self.ndcg(&ClassicalModel::Popularity.fit(self.data, part, 1, &|_, _, _| {})?)?;
        let rows: Vec<[Option<f64>; 3]> = own
            .iter()
            .zip(fresh)
            .zip(&popular)
            .map(|((own, fresh), popular)| [Some(*own), Some(fresh - own), Some(*popular)])
            .collect();
        let [Some(ndcg), Some(lost), Some(popularity)] =
            bootstrap_means(&rows, &self.settings.bootstrap)?
        else {
            return Err(Error::data("no user has a test event"));
        };
        let mut known = vec![false; self.data.items.len()];
        let item = |index: &u32| self.data.events[*index as usize].item as usize;
        part.iter().for_each(|index| known[item(index)] = true);
        let test = &self.window.test;
        let found = test.iter().filter(|index| known[item(index)]).count();
        let known_items = found as f64 / test.len() as f64;
        Ok(StudyPoint { at, events: part.len(), known_items, ndcg, lost, popularity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};
    use crate::training::classical::ItemKnnSettings;

    /// Every day each user chooses the item of the day, of this week's ten in the newest two weeks
    /// and of older ones before: an old model knows none of the new.
    fn data() -> Interactions {
        let mut events = Vec::new();
        for day in 0..40i64 {
            for user in 0..12u32 {
                let circle = u32::from(user % 2 == 0) * 40;
                let item =
                    circle + if day < 26 { (day % 10) as u32 } else { 10 + (day % 5) as u32 };
                let at_ms = Some(day * DAY_MS as i64 + i64::from(user));
                events.push(Interaction { user, item, at_ms, context: None, weight: 1.0 });
            }
        }
        Interactions {
            users: (0..12).map(|user| user.to_string()).collect(),
            items: (0..80).map(|item| bare_item(&item.to_string()).unwrap()).collect(),
            events,
            ..Interactions::default()
        }
    }

    fn settings() -> StudySettings {
        StudySettings {
            window_days: 3.0,
            ages_days: vec![14.0, 0.0, 60.0],
            shares: vec![1.0, 0.2],
            model: ClassicalModel::ItemKnn(ItemKnnSettings::default()),
            evaluation: EvaluationSettings {
                k: 20,
                exclude_seen: false,
                ..EvaluationSettings::default()
            },
            ..StudySettings::default()
        }
    }

    #[test]
    fn an_old_model_loses_what_came_after_it() {
        let study = retrain_study(&data(), &settings(), &|_, _| {}).unwrap();
        assert_eq!((study.users, study.ages.len(), study.shares.len()), (12, 2, 2));
        let (fresh, old) = (&study.ages[0], &study.ages[1]);
        assert_eq!((fresh.at, fresh.lost.value), (0.0, 0.0));
        assert!(old.lost.low > 0.0 && old.ndcg.value < fresh.ndcg.value, "{old:?}");
        assert!(old.known_items < fresh.known_items);
        assert_eq!(study.warnings.len(), 2, "{:?}", study.warnings);
        assert_eq!(study.shares[1].ndcg, fresh.ndcg);
    }

    #[test]
    fn bad_settings_and_data_without_times_are_typed_errors() {
        let zero = StudySettings { window_days: 0.0, ..settings() };
        assert!(matches!(retrain_study(&data(), &zero, &|_, _| {}), Err(Error::Setting { .. })));
        let wide = StudySettings { window_days: 400.0, ..settings() };
        assert!(matches!(retrain_study(&data(), &wide, &|_, _| {}), Err(Error::Data { .. })));
        let mut untimed = data();
        untimed.events[3].at_ms = None;
        assert!(matches!(
            retrain_study(&untimed, &settings(), &|_, _| {}),
            Err(Error::Data { .. })
        ));
    }
}
