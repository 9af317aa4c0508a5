//! The ranges of hyper-parameters.

use super::{Architecture, RankerDesign, RankerKind, Structure};
use crate::base::Refusal;
use crate::base::limits::{
    BLOCKS_MAX, CALIBRATION_POINTS_MAX, DIMENSIONS_MAX, LAYER_WIDTH_MAX, LAYERS_MAX,
    MODEL_VALUES_MAX, POSITIONS_MAX, RANKER_FEATURES_MAX, RANKER_WIDTH_MAX, WEIGHT_MAX,
};
use crate::release::validate::{Check, at_least_zero, name, refuse, unique, within};

/// Largest number that is added to a variance before its root is taken.
const NORM_EPSILON_MAX: f32 = 1.0;

impl Architecture {
    /// Checks every hyper-parameter, for a plan of `contexts`.
    ///
    /// # Errors
    /// The first [`Refusal`], with the path of the field.
    pub fn validate(&self, contexts: usize) -> Result<(), Refusal> {
        match self {
            Self::Popularity {} => return Ok(()),
            Self::MatrixFactorization {
                unobserved_weight,
                regularization,
                regularization_exponent,
                context_weight,
                ..
            } => {
                self.check_dimensions()?;
                at_least_zero("unobserved_weight", *unobserved_weight)?;
                at_least_zero("regularization", *regularization)?;
                at_least_zero("regularization_exponent", *regularization_exponent)?;
                at_least_zero("context_weight", *context_weight)?;
            }
            Self::TwoTower { hidden, context_weight, .. } => {
                self.check_dimensions()?;
                check_layers("hidden", hidden)?;
                at_least_zero("context_weight", *context_weight)?;
            }
            Self::Sasrec { .. } => self.check_transformer()?,
        }
        let features = self.ranker_features();
        within("ranker_features", features.len(), 1, RANKER_FEATURES_MAX)?;
        unique("ranker_features", features.iter().map(String::as_str))?;
        for (index, feature) in features.iter().enumerate() {
            name(&format!("ranker_features[{index}]"), feature)?;
        }
        let width = self.ranker_width(contexts);
        if width > RANKER_WIDTH_MAX {
            let reason = format!("make rows of {width} values, {RANKER_WIDTH_MAX} are allowed");
            return refuse("ranker_features", reason);
        }
        if let Some(design) = self.ranker() {
            design.check()?;
        }
        self.check_size(contexts)
    }

    fn check_dimensions(&self) -> Check {
        within("dimensions", self.dimensions().unwrap_or_default(), 1, DIMENSIONS_MAX)
    }

    fn check_transformer(&self) -> Check {
        let Self::Sasrec {
            dimensions, blocks, heads, positions, feed_forward, norm_epsilon, ..
        } = self
        else {
            return Ok(());
        };
        self.check_dimensions()?;
        within("blocks", *blocks, 1, BLOCKS_MAX)?;
        within("heads", *heads, 1, *dimensions)?;
        if !dimensions.is_multiple_of(*heads) {
            let reason = format!("is {heads}, which does not divide the {dimensions} dimensions");
            return refuse("heads", reason);
        }
        within("positions", *positions, 1, POSITIONS_MAX)?;
        within("feed_forward", *feed_forward, 1, LAYER_WIDTH_MAX)?;
        if !(*norm_epsilon > 0.0 && *norm_epsilon <= NORM_EPSILON_MAX) {
            let reason = format!("is {norm_epsilon}, above 0 and up to {NORM_EPSILON_MAX}");
            return refuse("norm_epsilon", reason);
        }
        Ok(())
    }

    /// Widths and numbers are in range by now, so no product overflows.
    fn check_size(&self, contexts: usize) -> Check {
        let tensors = self.model_tensors(contexts);
        let found = tensors.iter().map(|(_, shape)| shape.iter().product::<u64>()).sum();
        if found > MODEL_VALUES_MAX {
            let (what, limit) = ("number of the model's values", MODEL_VALUES_MAX);
            return Err(Refusal::TooLarge { what, found, limit });
        }
        Ok(())
    }
}

impl RankerDesign {
    fn check(&self) -> Check {
        let ranker = |field: &str| format!("ranker.{field}");
        check_layers("ranker.hidden", &self.hidden)?;
        let is_cross = self.kind == RankerKind::DcnV2;
        match self.kind {
            RankerKind::Linear if !self.hidden.is_empty() => {
                return refuse(ranker("hidden"), "a linear ranker has no hidden layers");
            }
            RankerKind::Mlp if self.hidden.is_empty() => {
                return refuse(ranker("hidden"), "is missing, an mlp has hidden layers");
            }
            RankerKind::DcnV2 => {
                within("ranker.cross_layers", self.cross_layers, 1, LAYERS_MAX)?;
                within("ranker.rank", self.rank, 0, LAYER_WIDTH_MAX)?;
            }
            RankerKind::Linear | RankerKind::Mlp => {}
        }
        let cross_only = [
            ("cross_layers", self.cross_layers != 0),
            ("rank", self.rank != 0),
            ("structure", self.structure != Structure::Parallel),
        ];
        if let Some((field, _)) = cross_only.iter().find(|(_, is_there)| !is_cross && *is_there) {
            return refuse(ranker(field), "belongs to dcn_v2 only");
        }
        let calibration = self.calibration;
        if !(calibration.slope > 0.0 && calibration.slope <= WEIGHT_MAX) {
            let reason = format!("is {}, above 0 is needed", calibration.slope);
            return refuse("ranker.calibration.slope", reason);
        }
        if calibration.intercept.is_nan() || calibration.intercept.abs() > WEIGHT_MAX {
            return refuse("ranker.calibration.intercept", "is not a finite number");
        }
        if calibration.points == 1 || calibration.points > CALIBRATION_POINTS_MAX {
            let reason = format!("is {}, 0 or 2 to {CALIBRATION_POINTS_MAX}", calibration.points);
            return refuse("ranker.calibration.points", reason);
        }
        Ok(())
    }
}

fn check_layers(field: &str, widths: &[usize]) -> Check {
    within(field, widths.len(), 0, LAYERS_MAX)?;
    for (index, width) in widths.iter().enumerate() {
        within(&format!("{field}[{index}]"), *width, 1, LAYER_WIDTH_MAX)?;
    }
    Ok(())
}
