//! Matrix factorisation by Bayesian personalised ranking (Rendle, Freudenthaler, Gantner and
//! Schmidt-Thieme, UAI 2009).

use noctule_core::base::limits::DIMENSIONS_MAX;
use noctule_core::base::{Seed, SeededRandom};
use serde::{Deserialize, Serialize};

use crate::evaluation::scorers::dot;
use crate::evaluation::{Case, Scorer};
use crate::training::Sparse;
use crate::{Error, Result};

/// Draws of an item that the user did not choose before the step is left out: of a user who chose
/// nearly all none may be found.
const DRAWS_MAX: usize = 64;

/// Settings of BPR.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BprSettings {
    /// Length of the vectors, 1 to 1,024.
    pub dimensions: usize,
    /// Passes; each has as many steps as there are choices. 1 to 10,000.
    pub epochs: usize,
    /// Size of a step.
    pub learning_rate: f32,
    /// Pull towards 0 of vectors and biases.
    pub regularization: f32,
    /// Standard deviation of the first vectors, before division by sqrt(dimensions).
    pub initial_scale: f32,
    /// Seed of vectors and draws.
    pub seed: u64,
}

impl Default for BprSettings {
    fn default() -> Self {
        Self {
            dimensions: 64,
            epochs: 60,
            learning_rate: 0.05,
            regularization: 0.01,
            initial_scale: 0.1,
            seed: 1,
        }
    }
}

/// The trained vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Bpr {
    dimensions: usize,
    users: Vec<f32>,
    items: Vec<f32>,
    biases: Vec<f32>,
    /// Mean of -ln sigma(x_ui - x_uj) over the steps of each epoch.
    pub losses: Vec<f64>,
}

impl BprSettings {
    fn check(&self) -> Result<()> {
        let counts =
            [("dimensions", self.dimensions, DIMENSIONS_MAX), ("epochs", self.epochs, 10_000)];
        for (field, value, limit) in counts {
            if value == 0 || value > limit {
                return Err(Error::setting(field, format!("{value} is not between 1 and {limit}")));
            }
        }
        let numbers = [
            ("learning_rate", self.learning_rate),
            ("regularization", self.regularization),
            ("initial_scale", self.initial_scale),
        ];
        for (field, value) in numbers {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::setting(field, format!("{value} is not at least 0")));
            }
        }
        Ok(())
    }
}

impl Bpr {
    /// Trains on `matrix` (users by items) by stochastic gradient descent: a choice is drawn, and
    /// an item that the user did not choose, uniformly. One thread, so that a seed decides all.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Data`] without entries, [`Error::Diverged`] when the loss is
    /// not finite.
    pub fn fit(
        matrix: &Sparse,
        settings: &BprSettings,
        progress: &dyn Fn(usize, usize, f64),
    ) -> Result<Self> {
        settings.check()?;
        if matrix.entries() == 0 {
            return Err(Error::data("there is no interaction to train on"));
        }
        let d = settings.dimensions;
        let mut random = SeededRandom::new(Seed(settings.seed).derive(&["bpr"]));
        let scale = f64::from(settings.initial_scale) / (d as f64).sqrt();
        let mut normal =
            |rows: usize| (0..rows * d).map(|_| (random.normal() * scale) as f32).collect();
        let (users, items) = (normal(matrix.rows()), normal(matrix.width()));
        let biases = vec![0.0; matrix.width()];
        let mut model = Self { dimensions: d, users, items, biases, losses: Vec::new() };
        let choices: Vec<(u32, u32)> = (0..matrix.rows())
            .flat_map(|user| matrix.row(user).map(move |(item, _)| (user as u32, item)))
            .collect();
        for epoch in 1..=settings.epochs {
            let loss = model.epoch(matrix, &choices, settings, &mut random);
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch, reason: format!("the loss is {loss}") });
            }
            model.losses.push(loss);
            progress(epoch, settings.epochs, loss);
        }
        Ok(model)
    }

    fn epoch(
        &mut self,
        matrix: &Sparse,
        choices: &[(u32, u32)],
        settings: &BprSettings,
        random: &mut SeededRandom,
    ) -> f64 {
        let (mut loss, mut steps) = (0.0, 0usize);
        for _ in 0..choices.len() {
            let (user, chosen) = choices[random.below(choices.len())];
            let draw = |_| random.below(matrix.width()) as u32;
            let other = (0..DRAWS_MAX).map(draw).find(|item| !matrix.contains(user, *item));
            if let Some(other) = other {
                loss += f64::from(self.step(user, chosen, other, settings));
                steps += 1;
            }
        }
        if steps == 0 { 0.0 } else { loss / steps as f64 }
    }

    /// One step, and the loss before it.
    fn step(&mut self, user: u32, chosen: u32, other: u32, settings: &BprSettings) -> f32 {
        let d = self.dimensions;
        let (rate, pull) = (settings.learning_rate, settings.regularization);
        let (chosen, other) = (chosen as usize, other as usize);
        let user = &mut self.users[user as usize * d..(user as usize + 1) * d];
        // Two different items: split so that both can be changed.
        let (low, high) = (chosen.min(other), chosen.max(other));
        let (before, after) = self.items.split_at_mut(high * d);
        let (low, high) = (&mut before[low * d..(low + 1) * d], &mut after[..d]);
        let (yes, no) = if chosen < other { (low, high) } else { (high, low) };
        let margin = dot(user, yes) - dot(user, no) + self.biases[chosen] - self.biases[other];
        let slope = rate / (1.0 + margin.exp());
        let keep = 1.0 - rate * pull;
        for ((x, i), j) in user.iter_mut().zip(yes).zip(no) {
            let (old, difference) = (*x, *i - *j);
            *x = keep * old + slope * difference;
            *i = keep * *i + slope * old;
            *j = keep * *j - slope * old;
        }
        self.biases[chosen] = keep * self.biases[chosen] + slope;
        self.biases[other] = keep * self.biases[other] - slope;
        // ln(1 + e^-m) without overflow.
        (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
    }
}

impl Scorer for Bpr {
    /// The inner product with the vector of the user, plus the bias. A user without training events
    /// has a vector that says nothing; the biases rank.
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let d = self.dimensions;
        let user = &self.users[case.user as usize * d..(case.user as usize + 1) * d];
        for ((score, item), bias) in
            scores.iter_mut().zip(self.items.chunks_exact(d)).zip(&self.biases)
        {
            *score = dot(user, item) + bias;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of users, each of whom chose all items of the group but one.
    fn two_groups() -> Sparse {
        let entries = (0..20u32).flat_map(|user| {
            let group = (user % 2) * 5;
            (0..5).filter(move |item| *item != user / 4).map(move |item| (user, group + item, 1.0))
        });
        Sparse::from_entries(entries.collect(), 20, 10)
    }

    #[test]
    fn the_item_left_out_of_a_group_scores_above_the_other_group() {
        let settings = BprSettings { dimensions: 8, epochs: 300, ..BprSettings::default() };
        let model = Bpr::fit(&two_groups(), &settings, &|_, _, _| {}).unwrap();
        assert!(model.losses.last() < model.losses.first());
        let mut scores = [0.0; 10];
        for user in 0..20u32 {
            model.score(&Case { user, history: &[], context: None }, &mut scores).unwrap();
            let (own, other) = ((user % 2) * 5, (1 - user % 2) * 5);
            let missing = scores[(own + user / 4) as usize];
            let others = &scores[other as usize..other as usize + 5];
            assert!(others.iter().all(|score| *score < missing), "user {user}");
        }
    }

    #[test]
    fn a_seed_decides_all_and_users_who_chose_everything_do_no_harm() {
        let all = Sparse::from_entries(vec![(0, 0, 1.0), (0, 1, 1.0)], 1, 2);
        let settings = BprSettings { epochs: 3, ..BprSettings::default() };
        let fit =
            |settings: &BprSettings| Bpr::fit(&two_groups(), settings, &|_, _, _| {}).unwrap();
        assert_eq!(fit(&settings), fit(&settings));
        assert_ne!(fit(&settings), fit(&BprSettings { seed: 2, ..settings }));
        assert_eq!(Bpr::fit(&all, &settings, &|_, _, _| {}).unwrap().losses, [0.0; 3]);
    }

    #[test]
    fn divergence_and_bad_settings_are_typed_errors() {
        let wild = BprSettings { learning_rate: 1e20, epochs: 9, ..BprSettings::default() };
        let refused = Bpr::fit(&two_groups(), &wild, &|_, _, _| {});
        assert!(matches!(refused, Err(Error::Diverged { .. })));
        let zero = BprSettings { dimensions: 0, ..BprSettings::default() };
        let refused = Bpr::fit(&two_groups(), &zero, &|_, _, _| {});
        assert!(matches!(refused, Err(Error::Setting { field: "dimensions", .. })));
    }
}
