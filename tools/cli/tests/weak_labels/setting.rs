//! A town, the clicks of its people, and rankers that learn from them.

use noctule_core::model::Ranker;
use noctule_core::release::{Exploration, RankerKind};
use noctule_simulator::clicks::{ClickSettings, play};
use noctule_simulator::{PastChoice, Town, TownSettings, World};
use noctule_trainer::clicks::{
    Examination, ExaminationMethod, ExaminationSettings, FeedbackLog, Showing, Showings,
    SlotDesign, WeakLabels, estimate_examination, naive_labels, weak_labels,
};
use noctule_trainer::datasets::{Interaction, Interactions};
use noctule_trainer::evaluation::{Case, Discount, FoldInScorer, Scorer, ndcg_graded};
use noctule_trainer::training::examples::Fitted;
use noctule_trainer::training::fairness::Treatment;
use noctule_trainer::training::features::{FEATURES, Rows};
use noctule_trainer::training::ranker::{LabelledRows, RankerRun, train_network};
use noctule_trainer::training::weak::{make, train_weak};
use noctule_trainer::training::{
    Factors, IalsSettings, Popularity, RankerSettings, Session, Sparse, TrainStep, WeakSettings,
    count_popularity, train_ials,
};

/// People look at the slot at `position`, from 0, with probability 1 / (position + 1).
pub(crate) fn examination(position: u32) -> f64 {
    1.0 / f64::from(position + 1)
}

/// How slates are ranked: weights of the popularity of a place and of its nearness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    popularity: f32,
    nearby: f32,
}

/// Near places that few know come first, to make them known: what stands high is not what is good.
pub(crate) const DISCOVERY: Policy = Policy { popularity: -1.0, nearby: 3.0 };

/// The most popular come first: what stands high is better than most.
pub(crate) const POPULAR: Policy = Policy { popularity: 1.0, nearby: 0.0 };

/// How a ranker is measured.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) policy: Policy,
    /// Of the softmax by which slates are drawn.
    pub(crate) temperature: f64,
    pub(crate) days: u32,
    pub(crate) ranker: RankerSettings,
}

impl Asked {
    /// The linear ranker, which says the same of what was hardly shown as of the rest.
    pub(crate) fn linear(policy: Policy) -> Self {
        // Features are few and standardised, so that fewer steps than usual do.
        let ranker = RankerSettings { steps: 60, ..RankerSettings::default() };
        Self { policy, temperature: 0.1, days: 14, ranker }
    }
}

/// A town, and what is fitted to its past.
struct Setting {
    town: Town,
    data: Interactions,
    popularity: Popularity,
    factors: Factors,
    ials: IalsSettings,
    residents: u32,
}

impl Setting {
    fn new(seed: u64) -> Self {
        let settings = TownSettings {
            seed,
            restaurants: 300,
            residents: 1_500,
            phones: 200,
            ..TownSettings::default()
        };
        let town = Town::new(&settings).unwrap();
        let residents = settings.residents as u32;
        let data = data(&town, residents);
        let all: Vec<u32> = (0..data.events.len() as u32).collect();
        let popularity = count_popularity(&data, &all, town.plan().contexts.len(), 0.1);
        let ials = IalsSettings { dimensions: 16, epochs: 8, ..IalsSettings::default() };
        let matrix = Sparse::users_by_items(&data, &all);
        let factors = train_ials(&matrix, &ials, &|_, _, _| {}).unwrap();
        Self { town, data, popularity, factors, ials, residents }
    }

    /// The score by which slates are ranked.
    fn logged_score(&self, policy: Policy, phone: usize, context: usize) -> Vec<f32> {
        let user = self.residents + phone as u32;
        let case = Case { user, history: &[], context: Some(context as u16) };
        let rows = Rows::new(&self.data, &self.popularity, &case);
        let score = |item| {
            let row = rows.row(item, 0.0);
            policy.popularity * row[2] + policy.nearby * row[3]
        };
        (0..self.data.items.len() as u32).map(score).collect()
    }

    fn showings(
        &self,
        asked: &Asked,
        seed: u64,
        examination: &(dyn Fn(u32) -> f64 + Sync),
    ) -> Showings {
        let Asked { policy, temperature, days, .. } = *asked;
        let exploration = Exploration { epsilon: 0.0, temperature, pool: 300 };
        let settings = ClickSettings { days, length: 10, exploration, examination, seed };
        let mut log = FeedbackLog::default();
        let mut sequences = vec![0; self.town.phones()];
        let score = |phone, context| self.logged_score(policy, phone, context);
        play(&self.town, &settings, &score, &mut |phone, event| {
            sequences[phone] += 1;
            log.push(&format!("phone-{phone}"), sequences[phone], &event).unwrap();
        });
        Showings::of(log)
    }

    fn with_fitted<T>(&self, use_it: impl FnOnce(&Fitted<'_>) -> T) -> T {
        let solver = self.factors.fold_in(&self.ials).unwrap();
        let (items, context_weight) = (&self.factors.items, 2.0);
        let fold_in = FoldInScorer { fold_in: &solver, items, context_weight };
        let (data, plan, popularity) = (&self.data, self.town.plan(), &self.popularity);
        use_it(&Fitted { data, plan, popularity, fold_in })
    }

    fn train(
        &self,
        fitted: &Fitted<'_>,
        showings: &Showings,
        labels: &WeakLabels,
        settings: &RankerSettings,
    ) -> Ndcg {
        let examples = make(fitted, showings, labels, 2).unwrap();
        if settings.kind == RankerKind::Linear {
            let rounds = WeakSettings::default().rounds;
            let trained = train_weak(&examples, settings, rounds).unwrap();
            return self.ndcg(fitted, showings, &trained.ranker().unwrap());
        }
        let silent = |_: TrainStep, _, _| ();
        let session = Session::of(&silent);
        let run = RankerRun {
            session: &session,
            name: "ranker",
            seed: 1,
            threads: 1,
            groups: None,
            treatment: Treatment::None,
        };
        let labels = examples.row_labels();
        let rows = LabelledRows { rows: &examples.rows, features: FEATURES, labels: &labels };
        let trained = train_network(rows, settings, &run).unwrap();
        self.ndcg(fitted, showings, &trained.ranker().unwrap())
    }

    /// NDCG@10 of the open places of each phone in each context, with the probability of
    /// acceptance as the gain.
    fn ndcg(&self, fitted: &Fitted<'_>, showings: &Showings, ranker: &Ranker) -> Ndcg {
        let mut by_phone = Vec::with_capacity(self.town.phones());
        let mut fold_in = vec![0.0; self.data.items.len()];
        for phone in 0..self.town.phones() {
            let (mut sum, mut lists) = (0.0, 0.0);
            let mut history: Vec<Interaction> =
                self.town.history(phone).iter().map(|past| interaction(past, 0)).collect();
            history.extend(self.visits(showings, phone));
            for context in 0..self.town.plan().contexts.len() {
                let user = self.residents + phone as u32;
                let case = Case { user, history: &history, context: Some(context as u16) };
                fitted.fold_in.score(&case, &mut fold_in).unwrap();
                let rows = Rows::new(&self.data, &self.popularity, &case);
                let moment = self.town.plan().contexts[context].when.middle();
                let open: Vec<usize> = (0..self.data.items.len())
                    .filter(|item| self.data.items[*item].is_open(moment))
                    .collect();
                let row = |item: &usize| rows.row(*item as u32, fold_in[*item]);
                let rows: Vec<f32> = open.iter().flat_map(row).collect();
                let scores = ranker.score(&rows, FEATURES).unwrap();
                sum += self.ndcg_of(phone, context, &open, &scores);
                lists += 1.0;
            }
            by_phone.push(sum / lists);
        }
        Ndcg { by_phone }
    }

    /// What the user of `phone` chose from the slates.
    fn visits(&self, showings: &Showings, phone: usize) -> Vec<Interaction> {
        let plan = self.town.plan();
        let mut visits = Vec::new();
        let name = format!("phone-{phone}");
        let Some(installation) = showings.installations.iter().position(|one| *one == name) else {
            return visits;
        };
        let own = |showing: &&Showing| showing.installation as usize == installation;
        for showing in showings.showings.iter().filter(own) {
            let context = showing.context.map(|context| &showings.contexts[context as usize]);
            let context = context.and_then(|id| plan.context(id)).map(|(index, _)| index as u16);
            for slot in showing.slots.iter().filter(|slot| slot.converted) {
                let id = &showings.items[slot.item as usize];
                let item = self.data.items.iter().position(|item| item.id.as_str() == id);
                let (user, item) = (0, item.unwrap() as u32);
                let at_ms = Some(showing.at_ms);
                visits.push(Interaction { user, item, at_ms, context, weight: 1.0 });
            }
        }
        visits
    }

    fn ndcg_of(&self, phone: usize, context: usize, open: &[usize], scores: &[f32]) -> f64 {
        let gain = |item: &usize| self.town.acceptance(phone, *item, context);
        let mut ranked: Vec<(f32, usize)> =
            scores.iter().copied().zip(open.iter().copied()).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let gains: Vec<f64> = ranked.iter().take(10).map(|(_, item)| gain(item)).collect();
        let mut truth: Vec<f64> = open.iter().map(gain).collect();
        truth.sort_by(|a, b| b.total_cmp(a));
        truth.truncate(10);
        ndcg_graded(&gains, &truth, Discount::LogRankPlusOne)
    }
}

fn interaction(past: &PastChoice, first_user: u32) -> Interaction {
    Interaction {
        user: first_user + past.user,
        item: past.item,
        at_ms: Some(past.at_ms),
        context: past.context,
        weight: past.weight,
    }
}

/// The residents' visits and what phones knew before the first day.
fn data(town: &Town, residents: u32) -> Interactions {
    let phones = town.phones();
    let mut users: Vec<String> = (0..residents).map(|user| format!("resident-{user}")).collect();
    users.extend((0..phones).map(|phone| format!("phone-{phone}")));
    let mut places = town.training_places();
    places.extend((0..phones).map(|phone| town.place(phone)));
    let mut events: Vec<Interaction> =
        town.training().iter().map(|past| interaction(past, 0)).collect();
    for phone in 0..phones {
        let of_phone = |past: &PastChoice| Interaction {
            user: residents + phone as u32,
            ..interaction(past, 0)
        };
        events.extend(town.history(phone).iter().map(of_phone));
    }
    events.sort_by_key(|event| event.at_ms);
    Interactions { users, places, items: town.items().to_vec(), events, ..Interactions::default() }
}

/// NDCG@10 of a ranker.
pub(crate) struct Ndcg {
    /// The mean over the contexts of each phone.
    pub(crate) by_phone: Vec<f64>,
}

impl Ndcg {
    pub(crate) fn mean(&self) -> f64 {
        self.by_phone.iter().sum::<f64>() / self.by_phone.len() as f64
    }
}

/// NDCG@10 of rankers trained on the same slots.
pub(crate) struct Measured {
    /// Labels of a world in which every slot is looked at.
    pub(crate) unbiased: Ndcg,
    pub(crate) naive: Ndcg,
    pub(crate) debiased: Ndcg,
    pub(crate) examination: Examination,
}

impl Measured {
    /// The share of NDCG that naive and debiased labels lost.
    pub(crate) fn lost(&self) -> (f64, f64) {
        let lost = |ndcg: &Ndcg| 1.0 - ndcg.mean() / self.unbiased.mean();
        (lost(&self.naive), lost(&self.debiased))
    }
}

/// Measures in the town of seed `town`, with what its people do drawn by seed `clicks`.
pub(crate) fn measure(asked: &Asked, town: u64, clicks: u64) -> Measured {
    let (setting, ranker) = (Setting::new(town), &asked.ranker);
    let clicked = setting.showings(asked, clicks, &examination);
    let unbiased = setting.showings(asked, clicks, &|_| 1.0);
    let asked = ExaminationSettings {
        method: ExaminationMethod::Swaps,
        design: Some(SlotDesign::PlackettLuce),
        effective_clicks_min: 20.0,
        ..ExaminationSettings::default()
    };
    let examination = estimate_examination(&clicked, &asked).unwrap();
    let settings = WeakSettings::default().labels;
    let debiased = weak_labels(&clicked, &examination, &settings).unwrap();
    setting.with_fitted(|fitted| Measured {
        unbiased: setting.train(fitted, &clicked, &naive_labels(&unbiased), ranker),
        naive: setting.train(fitted, &clicked, &naive_labels(&clicked), ranker),
        debiased: setting.train(fitted, &clicked, &debiased, ranker),
        examination,
    })
}
