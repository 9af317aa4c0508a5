//! What feedback counts for when it becomes a weak label.

/// What one event of each kind counts for, in units of one conversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelWeights {
    /// A conversion: what the app exists for.
    pub conversion: f32,
    /// An explicit like.
    pub like: f32,
    /// A click: most end in nothing.
    pub click: f32,
    /// A dwell of at least [`LabelWeights::dwell_ms_min`].
    pub dwell: f32,
    /// Milliseconds from which a dwell says something.
    pub dwell_ms_min: u64,
    /// An explicit dislike, as confidence of the negative label.
    pub dislike: f32,
    /// An impression at the first position that led to nothing, as confidence of the negative
    /// label. Further down it counts less, since it was less likely to be looked at: at position k
    /// the examination model of Craswell et al. (WSDM 2008) with the decay 1 / (1 + k).
    pub passed_over: f32,
    /// Bound on both confidences of one item: nobody's opinion is a hundred times another's.
    pub confidence_max: f32,
}

impl Default for LabelWeights {
    fn default() -> Self {
        Self {
            conversion: 1.0,
            like: 1.0,
            click: 0.25,
            dwell: 0.25,
            dwell_ms_min: 30_000,
            dislike: 1.0,
            passed_over: 0.1,
            confidence_max: 10.0,
        }
    }
}
