//! The position-based model (Richardson, Dominowska and Ragno, WWW 2007; Craswell et al., WSDM
//! 2008), fitted by expectation maximisation as in Chuklin, Markov and de Rijke, "Click Models for
//! Web Search" (2015), section 4.2.

use std::collections::BTreeMap;

use super::{ClickModel, Listings, Look, UNKNOWN, parameter, share};
use crate::{Error, Result};

/// P(click) = P(look | position) · P(attracted | document).
///
/// Only the products are in the data: a curve of examination with all attractions halved fits as
/// well as the curve itself. What is comparable is [`PositionBased::relative_examination`].
#[derive(Debug, Clone, PartialEq)]
pub struct PositionBased {
    /// P(look) of each position.
    pub examination: Vec<f64>,
    /// P(attracted) of each document.
    pub attraction: Vec<f64>,
    /// Iterations that were made.
    pub iterations: usize,
}

/// How a [`PositionBased`] model is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PositionBasedSettings {
    /// Iterations at most, 1 to 100,000.
    pub iterations: usize,
    /// Stop when no examination changes by more than this.
    pub tolerance: f64,
    /// Looks with and as many without success that are added to each parameter.
    pub smoothing: f64,
}

impl Default for PositionBasedSettings {
    fn default() -> Self {
        Self { iterations: 2_000, tolerance: 1e-7, smoothing: 1.0 }
    }
}

/// All looks at one document at one position.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    looks: f64,
    clicks: f64,
}

impl PositionBased {
    /// Fits the model by expectation maximisation from parameters of 1/2.
    ///
    /// # Errors
    /// [`Error::Setting`], and [`Error::Data`] when there is no click.
    pub fn fit(listings: &Listings, settings: &PositionBasedSettings) -> Result<Self> {
        settings.check()?;
        let cells = cells(listings);
        if cells.values().all(|cell| cell.clicks == 0.0) {
            return Err(Error::data("no clicks"));
        }
        let mut model = Self {
            examination: vec![UNKNOWN; listings.positions()],
            attraction: vec![UNKNOWN; listings.documents()],
            iterations: 0,
        };
        for _ in 0..settings.iterations {
            let before = model.examination.clone();
            model.improve(&cells, settings.smoothing);
            model.iterations += 1;
            let change = before.iter().zip(&model.examination).map(|(a, b)| (a - b).abs());
            if change.fold(0.0, f64::max) <= settings.tolerance {
                break;
            }
        }
        Ok(model)
    }

    /// One step of expectation and maximisation. Without smoothing it never lowers the likelihood.
    fn improve(&mut self, cells: &BTreeMap<(u32, u32), Cell>, smoothing: f64) {
        let mut looked = vec![(0.0, 0.0); self.examination.len()];
        let mut attracted = vec![(0.0, 0.0); self.attraction.len()];
        for ((document, position), cell) in cells {
            let (document, position) = (*document as usize, *position as usize);
            let (e, a) = (self.examination[position], self.attraction[document]);
            let skips = cell.looks - cell.clicks;
            // What is not clicked was looked at with probability e (1 - a) / (1 - e a).
            let none = (1.0 - e * a).max(f64::MIN_POSITIVE);
            looked[position].0 += cell.clicks + skips * e * (1.0 - a) / none;
            looked[position].1 += cell.looks;
            attracted[document].0 += cell.clicks + skips * a * (1.0 - e) / none;
            attracted[document].1 += cell.looks;
        }
        let settle = |parameters: &mut [f64], sums: &[(f64, f64)]| {
            for (parameter, (part, whole)) in parameters.iter_mut().zip(sums) {
                *parameter = share(*part, *whole, smoothing);
            }
        };
        settle(&mut self.examination, &looked);
        settle(&mut self.attraction, &attracted);
    }

    /// P(look) of each position over that of the first.
    #[must_use]
    pub fn relative_examination(&self) -> Vec<f64> {
        let first = self.examination.first().copied().unwrap_or(1.0);
        self.examination.iter().map(|look| look / first).collect()
    }
}

impl PositionBasedSettings {
    fn check(&self) -> Result<()> {
        if self.iterations == 0 || self.iterations > 100_000 {
            return Err(Error::setting("iterations", "must be between 1 and 100000"));
        }
        for (field, value) in [("tolerance", self.tolerance), ("smoothing", self.smoothing)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::setting(field, format!("{value} is not at least 0")));
            }
        }
        Ok(())
    }
}

/// The looks by document and position: all that the model can tell apart.
fn cells(listings: &Listings) -> BTreeMap<(u32, u32), Cell> {
    let mut cells = BTreeMap::<_, Cell>::new();
    for look in listings.lists().iter().flatten() {
        let cell = cells.entry((look.document, look.position)).or_default();
        cell.looks += 1.0;
        cell.clicks += f64::from(u8::from(look.clicked));
    }
    cells
}

impl ClickModel for PositionBased {
    fn marginal(&self, list: &[Look]) -> Vec<f64> {
        let click = |look: &Look| {
            parameter(&self.examination, look.position) * parameter(&self.attraction, look.document)
        };
        list.iter().map(click).collect()
    }

    fn conditional(&self, list: &[Look]) -> Vec<f64> {
        self.marginal(list)
    }

    fn looked_at(&self, list: &[Look]) -> Vec<f64> {
        let looked = |look: &Look| {
            if look.clicked {
                return 1.0;
            }
            let e = parameter(&self.examination, look.position);
            let a = parameter(&self.attraction, look.document);
            e * (1.0 - a) / (1.0 - e * a).max(f64::MIN_POSITIVE)
        };
        list.iter().map(looked).collect()
    }
}
