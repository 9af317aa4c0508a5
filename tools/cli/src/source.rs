//! Options of commands that read data of any layout.

use std::path::Path;

use clap::{Args, ValueEnum};
use noctule_core::release::Plan;
use noctule_trainer::datasets::events::{Columns, TimeUnit};
use noctule_trainer::datasets::{CoreSettings, Dataset, TableSettings, k_core};

use crate::dataset;
use crate::error::{Error, Result};
use crate::progress::line;

/// How the data is read.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Reading tables")]
pub(crate) struct SourceOptions {
    /// Column of the user; by default user, user_id, userId and the like.
    #[arg(long, value_name = "NAME")]
    user_column: Option<String>,

    /// Column of the item.
    #[arg(long, value_name = "NAME")]
    item_column: Option<String>,

    /// Column of the time.
    #[arg(long, value_name = "NAME")]
    time_column: Option<String>,

    /// Column of the rating.
    #[arg(long, value_name = "NAME")]
    rating_column: Option<String>,

    /// Column of the context.
    #[arg(long, value_name = "NAME")]
    context_column: Option<String>,

    /// Column of the weight.
    #[arg(long, value_name = "NAME")]
    weight_column: Option<String>,

    /// Ratings from here count as choices; by default all do.
    #[arg(long, value_name = "RATING", allow_negative_numbers = true)]
    positive_rating: Option<f64>,

    /// What a number in the column of times counts.
    #[arg(long, value_enum, default_value_t = UnitName::Auto)]
    time_unit: UnitName,

    /// The app whose choices are read from a collector's folder that holds several.
    #[arg(long, value_name = "APP")]
    data_app: Option<String>,

    /// Least number of events of a user; others are left out, again and again.
    #[arg(long, value_name = "N", default_value_t = 0)]
    core_users: usize,

    /// Least number of events of an item.
    #[arg(long, value_name = "N", default_value_t = 0)]
    core_items: usize,
}

/// Name of a unit of time.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum UnitName {
    /// Found from the largest number.
    #[default]
    Auto,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl SourceOptions {
    fn settings(&self) -> TableSettings {
        let columns = Columns {
            user: self.user_column.clone(),
            item: self.item_column.clone(),
            time: self.time_column.clone(),
            rating: self.rating_column.clone(),
            context: self.context_column.clone(),
            weight: self.weight_column.clone(),
        };
        let time_unit = match self.time_unit {
            UnitName::Auto => TimeUnit::Auto,
            UnitName::Seconds => TimeUnit::Seconds,
            UnitName::Milliseconds => TimeUnit::Milliseconds,
            UnitName::Microseconds => TimeUnit::Microseconds,
            UnitName::Nanoseconds => TimeUnit::Nanoseconds,
        };
        let positive_rating = self.positive_rating;
        TableSettings { columns, positive_rating, time_unit, ..TableSettings::default() }
    }

    /// Reads what is at `path`, as [`dataset::read_with`] finds its plan; tells warnings on
    /// standard error.
    pub(crate) fn read(&self, path: &Path, plan: Option<&Path>) -> Result<(Dataset, Plan)> {
        let app = self.data_app.as_deref();
        let (mut dataset, plan) = dataset::read_with(path, plan, &self.settings(), app)?;
        for warning in &dataset.warnings {
            line(&format!("warning: {warning}"));
        }
        let core = CoreSettings { user_events: self.core_users, item_events: self.core_items };
        if core != CoreSettings::default() {
            dataset.data = k_core(&dataset.data, core);
            dataset.propensities.clear();
            if dataset.data.events.is_empty() {
                let reason = "no user and item have so many events";
                return Err(Error::at("read the data", path, reason));
            }
        }
        Ok((dataset, plan))
    }
}
