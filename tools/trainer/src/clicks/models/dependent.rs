//! The dependent click model (Guo, Liu and Wang, WSDM 2009).

use super::{ClickModel, Listings, Look, parameter, share};
use crate::{Error, Result};

/// As a cascade, but after a click at a position the user goes on with a probability of that
/// position. Without a click the user always goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct DependentClick {
    /// P(attracted) of each document.
    pub attraction: Vec<f64>,
    /// P(going on after a click) of each position.
    pub continuation: Vec<f64>,
}

impl DependentClick {
    /// Fits the model as its authors do: all down to the last click is taken as looked at and
    /// nothing below it (with no click, all of it), which maximises a lower bound of the likelihood
    /// in closed form. `smoothing` successes and as many failures are added to each parameter.
    ///
    /// # Errors
    /// [`Error::Setting`] when `smoothing` is negative or not finite.
    pub fn fit(listings: &Listings, smoothing: f64) -> Result<Self> {
        if !(smoothing.is_finite() && smoothing >= 0.0) {
            return Err(Error::setting("smoothing", format!("{smoothing} is not at least 0")));
        }
        let mut attracted = vec![(0.0, 0.0); listings.documents()];
        let mut went_on = vec![(0.0, 0.0); listings.positions()];
        for list in listings.lists() {
            let last = last_click(list);
            for (at, look) in list.iter().enumerate().take(last.map_or(list.len(), |at| at + 1)) {
                let (clicks, looks) = &mut attracted[look.document as usize];
                *looks += 1.0;
                if look.clicked {
                    *clicks += 1.0;
                    let (on, all) = &mut went_on[look.position as usize];
                    *on += f64::from(u8::from(last != Some(at)));
                    *all += 1.0;
                }
            }
        }
        let settle = |sums: Vec<(f64, f64)>| {
            sums.into_iter().map(|(part, whole)| share(part, whole, smoothing)).collect()
        };
        Ok(Self { attraction: settle(attracted), continuation: settle(went_on) })
    }
}

fn last_click(list: &[Look]) -> Option<usize> {
    list.iter().rposition(|look| look.clicked)
}

impl ClickModel for DependentClick {
    fn marginal(&self, list: &[Look]) -> Vec<f64> {
        let mut looked = 1.0;
        let click = |look: &Look| {
            let attraction = parameter(&self.attraction, look.document);
            let on = parameter(&self.continuation, look.position);
            let click = looked * attraction;
            looked *= on * attraction + 1.0 - attraction;
            click
        };
        list.iter().map(click).collect()
    }

    fn conditional(&self, list: &[Look]) -> Vec<f64> {
        let mut looked = 1.0;
        let click = |look: &Look| {
            let attraction = parameter(&self.attraction, look.document);
            let click = looked * attraction;
            looked = if look.clicked {
                parameter(&self.continuation, look.position)
            } else {
                looked * (1.0 - attraction) / (1.0 - click).max(f64::MIN_POSITIVE)
            };
            click
        };
        list.iter().map(click).collect()
    }

    /// 1 down to the last click. Below it all or nothing was looked at: the user went on and liked
    /// nothing more, or did not go on.
    fn looked_at(&self, list: &[Look]) -> Vec<f64> {
        let Some(last) = last_click(list) else { return vec![1.0; list.len()] };
        let on = parameter(&self.continuation, list[last].position);
        let nothing =
            list[last + 1..].iter().map(|look| 1.0 - parameter(&self.attraction, look.document));
        let silent = on * nothing.product::<f64>();
        let below = silent / (silent + 1.0 - on).max(f64::MIN_POSITIVE);
        (0..list.len()).map(|at| if at <= last { 1.0 } else { below }).collect()
    }
}
