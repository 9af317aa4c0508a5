//! Names of rankers and of their treatments on the command line.

use clap::ValueEnum;
use noctule_core::release::RankerKind;
use noctule_trainer::training::fairness::Treatment;

/// Kind of a ranker.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RankerName {
    /// A weighted sum.
    Linear,
    /// Hidden layers.
    Mlp,
    /// Deep and Cross Network, version 2.
    #[value(name = "dcn_v2")]
    DcnV2,
}

/// A treatment of an unfair ranker; settings have its strength.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TreatmentName {
    /// Nothing.
    None,
    /// Weights that make group and label independent.
    Reweighing,
    /// An adversary that guesses the group, behind a reversed gradient.
    GradientReversal,
}

impl TreatmentName {
    /// The treatment; the strength of a reversed gradient stays where one was set.
    pub(super) fn treatment(self, set: Treatment) -> Treatment {
        match (self, set) {
            (Self::None, _) => Treatment::None,
            (Self::Reweighing, _) => Treatment::Reweighing,
            (Self::GradientReversal, Treatment::GradientReversal { .. }) => set,
            (Self::GradientReversal, _) => {
                Treatment::GradientReversal { strength: 1.0, hidden: 16 }
            }
        }
    }
}

impl From<RankerName> for RankerKind {
    fn from(name: RankerName) -> Self {
        match name {
            RankerName::Linear => Self::Linear,
            RankerName::Mlp => Self::Mlp,
            RankerName::DcnV2 => Self::DcnV2,
        }
    }
}
