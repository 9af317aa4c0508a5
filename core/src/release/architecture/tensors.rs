//! Which tensors `model.safetensors` holds, by architecture.

use super::{Architecture, RankerDesign, RankerKind};

/// Values of one feature of the ranker: the groups have one for each dimension, or for each
/// context of the plan; every other feature, known or not, has one.
#[must_use]
pub fn feature_width(name: &str, dimensions: usize, contexts: usize) -> usize {
    match name {
        "user" | "item" | "cross" => dimensions,
        "context" => contexts,
        _ => 1,
    }
}

/// A tensor's name and shape.
pub type NamedShape = (String, Vec<u64>);

/// The tensors being listed.
#[derive(Default)]
struct List(Vec<NamedShape>);

impl List {
    fn add(&mut self, name: String, shape: &[usize]) {
        self.0.push((name, shape.iter().map(|size| *size as u64).collect()));
    }

    /// A layer `name`: `outputs` weighted sums of `inputs` values, each with a bias.
    fn layer(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.add(format!("{name}.weight"), &[outputs, inputs]);
        self.add(format!("{name}.bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str, d: usize) {
        self.add(format!("{name}.weight"), &[d]);
        self.add(format!("{name}.bias"), &[d]);
    }

    /// Layers `name.0`, `name.1`, each reading the one before it; gives the width of the last.
    fn layers(&mut self, name: &str, mut width: usize, widths: &[usize]) -> usize {
        for (index, next) in widths.iter().enumerate() {
            self.layer(&format!("{name}.{index}"), width, *next);
            width = *next;
        }
        width
    }

    fn ranker(&mut self, design: &RankerDesign, width: usize) {
        for index in 0..design.cross_layers {
            let name = format!("ranker.cross.{index}");
            if design.rank > 0 {
                self.add(format!("{name}.down"), &[design.rank, width]);
                self.add(format!("{name}.up"), &[width, design.rank]);
            } else {
                self.add(format!("{name}.weight"), &[width, width]);
            }
            self.add(format!("{name}.bias"), &[width]);
        }
        if design.kind != RankerKind::Linear {
            self.layers("ranker.hidden", width, &design.hidden);
        }
        self.layer("ranker", design.last_width(width), 1);
        if design.calibration.points > 0 {
            self.add("ranker.calibration".into(), &[2, design.calibration.points]);
        }
    }

    fn block(&mut self, index: usize, d: usize, feed_forward: usize) {
        let name = |part: &str| format!("blocks.{index}.{part}");
        self.layer(&name("attention.in"), d, 3 * d);
        self.layer(&name("attention.out"), d, d);
        self.norm(&name("norm.0"), d);
        self.layer(&name("feed_forward.0"), d, feed_forward);
        self.layer(&name("feed_forward.1"), feed_forward, d);
        self.norm(&name("norm.1"), d);
    }
}

impl Architecture {
    /// Values of a row of the ranker's features, in a plan of `contexts`.
    #[must_use]
    pub fn ranker_width(&self, contexts: usize) -> usize {
        let d = self.dimensions().unwrap_or_default();
        self.ranker_features().iter().map(|name| feature_width(name, d, contexts)).sum()
    }

    /// Values that the user tower of a `two_tower` reads, in a plan of `contexts`: the mean vector
    /// of what was chosen, that of what was passed over, how many of either, and the context.
    #[must_use]
    pub fn tower_inputs(dimensions: usize, contexts: usize) -> usize {
        2 * dimensions + 2 + contexts
    }

    /// The tensors of `model.safetensors`, all F32, for a plan of `contexts`; none where the
    /// architecture has no such file.
    ///
    /// ```
    /// # use noctule_core::release::Architecture;
    /// assert!(Architecture::Popularity {}.model_tensors(3).is_empty());
    /// ```
    #[must_use]
    pub fn model_tensors(&self, contexts: usize) -> Vec<NamedShape> {
        let mut list = List::default();
        match self {
            Self::Popularity {} => return list.0,
            Self::MatrixFactorization { dimensions, .. } => {
                list.add("gram".into(), &[*dimensions, *dimensions]);
            }
            Self::TwoTower { dimensions, hidden, .. } => {
                let inputs = Self::tower_inputs(*dimensions, contexts);
                let widths: Vec<usize> = hidden.iter().copied().chain([*dimensions]).collect();
                list.layers("tower", inputs, &widths);
            }
            Self::Sasrec { dimensions, blocks, positions, feed_forward, final_norm, .. } => {
                list.add("position".into(), &[*positions, *dimensions]);
                for index in 0..*blocks {
                    list.block(index, *dimensions, *feed_forward);
                }
                if *final_norm {
                    list.norm("norm", *dimensions);
                }
            }
        }
        if let Some(design) = self.ranker() {
            list.ranker(design, self.ranker_width(contexts));
        }
        list.0
    }
}
