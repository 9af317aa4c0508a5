//! From interactions to a trained model: data sets, splits, training, evaluation and export.
//!
//! ```text
//! datasets -> split -> training (classical, ranker, SASRec) -> evaluation -> run -> page
//!                         ^                   |
//!                         |                   +-> export
//! feedback -> clicks -----+ (showings, click models, examination, weak labels)
//! ```
//!
//! ```
//! use noctule_trainer::datasets::read_pairs;
//! use noctule_trainer::evaluation::{EvaluationSettings, PopularityScorer, evaluate};
//! use noctule_trainer::split::leave_last_out;
//!
//! let path = std::env::temp_dir().join(format!("noctule-doc-{}.txt", std::process::id()));
//! std::fs::write(&path, "ada tea\nada rye\nada fig\nbob tea\nbob rye\nbob oat\n")?;
//! let data = read_pairs(&path)?;
//! let split = leave_last_out(&data);
//! let popular = PopularityScorer::new(&data, &split.train);
//! let found = evaluate(&popular, &data, &split, &EvaluationSettings::default())?;
//! assert_eq!((found.users, found.hit_rate), (2, 1.0));
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything is seeded; the number of threads changes no result.

pub mod clicks;
pub mod datasets;
pub mod error;
pub mod evaluation;
pub mod export;
pub mod page;
pub mod probes;
pub mod run;
pub mod split;
pub mod study;
pub mod training;

pub use error::{Error, Result};
