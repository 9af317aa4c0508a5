//! The cascade model (Craswell et al., WSDM 2008).

use super::{ClickModel, Listings, Look, parameter, share};
use crate::{Error, Result};

/// The user looks at one place after the other and stops at the first click.
#[derive(Debug, Clone, PartialEq)]
pub struct Cascade {
    /// P(attracted) of each document.
    pub attraction: Vec<f64>,
}

impl Cascade {
    /// The most likely attractions: clicks over looks down to and with the first click. What is
    /// done below it is not looked at. `smoothing` looks with and as many without a click are
    /// added to each document.
    ///
    /// # Errors
    /// [`Error::Setting`] when `smoothing` is negative or not finite.
    pub fn fit(listings: &Listings, smoothing: f64) -> Result<Self> {
        if !(smoothing.is_finite() && smoothing >= 0.0) {
            return Err(Error::setting("smoothing", format!("{smoothing} is not at least 0")));
        }
        let mut counts = vec![(0.0, 0.0); listings.documents()];
        for list in listings.lists() {
            for look in list {
                let (clicks, looks) = &mut counts[look.document as usize];
                *looks += 1.0;
                if look.clicked {
                    *clicks += 1.0;
                    break;
                }
            }
        }
        let attraction = counts.into_iter().map(|(part, whole)| share(part, whole, smoothing));
        Ok(Self { attraction: attraction.collect() })
    }
}

impl ClickModel for Cascade {
    fn marginal(&self, list: &[Look]) -> Vec<f64> {
        let mut looked = 1.0;
        let click = |look: &Look| {
            let attraction = parameter(&self.attraction, look.document);
            let click = looked * attraction;
            looked *= 1.0 - attraction;
            click
        };
        list.iter().map(click).collect()
    }

    fn conditional(&self, list: &[Look]) -> Vec<f64> {
        let looked = self.looked_at(list).into_iter().zip(list);
        looked.map(|(looked, look)| looked * parameter(&self.attraction, look.document)).collect()
    }

    /// 1 down to the first click, 0 below it.
    fn looked_at(&self, list: &[Look]) -> Vec<f64> {
        let first = list.iter().position(|look| look.clicked).unwrap_or(list.len());
        (0..list.len()).map(|at| f64::from(u8::from(at <= first))).collect()
    }
}
