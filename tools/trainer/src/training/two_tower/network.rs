//! The towers, with candle's derivatives.

use std::collections::BTreeMap;

use candle_core::Tensor;
use noctule_core::base::SeededRandom;
use noctule_core::release::Architecture;

use super::TwoTowerSettings;
use crate::Result;
use crate::datasets::Interactions;
use crate::training::network::{EMBEDDING, WORDS};
use crate::training::neural::ops::{Bias, Pool, bias, pool, unit};
use crate::training::neural::{Dropout, Key, Parameters};

/// Names of layers: of the user tower as in a release, of the item tower.
pub(super) const TOWER: &str = "tower";
pub(super) const ITEM_TOWER: &str = "item_tower";

/// Both towers and their weights.
#[derive(Debug)]
pub struct Towers {
    parameters: Parameters,
    settings: TwoTowerSettings,
    /// The words of each item; none where no item has any.
    words: Option<Pool>,
    /// Names of all words, as `attribute=word`.
    names: Vec<String>,
}

impl Towers {
    /// Towers over the items of `data` for a plan of `contexts`, with random weights: vectors of
    /// the standard deviation that the settings name, layers of 1 / sqrt(inputs), biases of 0, and
    /// zeros for what training may never show, what was passed over and the contexts.
    ///
    /// # Errors
    /// [`crate::Error::Setting`].
    pub fn new(settings: &TwoTowerSettings, data: &Interactions, contexts: usize) -> Result<Self> {
        settings.check()?;
        let d = settings.dimensions;
        let (words, names) = if settings.words { words_of(data) } else { Default::default() };
        let mut weights = Weights::new(settings.seed);
        let scale = f64::from(settings.initial_scale);
        weights.add(EMBEDDING, [data.items.len(), d], |_| scale)?;
        if !names.is_empty() {
            weights.add(WORDS, [names.len(), d], |_| scale)?;
        }
        if !settings.item_hidden.is_empty() {
            let widths = [&[d], settings.item_hidden.as_slice(), &[d]].concat();
            weights.layers(ITEM_TOWER, &widths, |_| true)?;
        }
        let inputs = Architecture::tower_inputs(d, contexts);
        let widths = [&[inputs], settings.hidden.as_slice(), &[d]].concat();
        weights.layers(TOWER, &widths, |input| input < d || input == 2 * d)?;
        let words = (!names.is_empty()).then_some(words);
        Ok(Self { parameters: weights.parameters, settings: settings.clone(), words, names })
    }

    /// The weights.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The weights, to name those that are trained.
    pub(super) fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// The words of the rows of word vectors, as `attribute=word`.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.names
    }

    /// Names of the last layer of each tower that has layers.
    #[must_use]
    pub fn last_layers(&self) -> Vec<String> {
        let of = |name: &str, hidden: &[usize]| format!("{name}.{}", hidden.len());
        let hidden = &self.settings.item_hidden;
        let item = (!hidden.is_empty()).then(|| of(ITEM_TOWER, hidden));
        item.into_iter().chain([of(TOWER, &self.settings.hidden)]).collect()
    }

    /// The item vectors, \[items, d\]; with `dropout`, some values of hidden layers are left out.
    ///
    /// # Errors
    /// None that can happen.
    pub fn items(&self, dropout: Option<Key>) -> Result<Tensor> {
        let mut vectors = self.parameters.get(EMBEDDING)?.clone();
        if let Some(words) = &self.words {
            vectors = (vectors + pool(self.parameters.get(WORDS)?, words.clone())?)?;
        }
        if !self.settings.item_hidden.is_empty() {
            let layers = self.settings.item_hidden.len() + 1;
            vectors = self.layers((ITEM_TOWER, layers), vectors, dropout)?;
        }
        Ok(if self.settings.normalize { unit(&vectors)? } else { vectors })
    }

    /// The vectors of users who chose what `histories` name among `items`, \[rows, d\].
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] when a history names an unknown item.
    pub fn users(&self, items: &Tensor, histories: Pool, dropout: Option<Key>) -> Result<Tensor> {
        let dropped = dropout.and_then(|key| Dropout::new(key.part(0), self.settings.dropout));
        let inputs = pool(items, Pool { dropout: dropped, ..histories })?;
        let layers = self.settings.hidden.len() + 1;
        let vectors = self.layers((TOWER, layers), inputs, dropout.map(|key| key.part(1)))?;
        Ok(if self.settings.normalize { unit(&vectors)? } else { vectors })
    }

    fn layers(
        &self,
        (name, count): (&str, usize),
        mut rows: Tensor,
        dropout: Option<Key>,
    ) -> Result<Tensor> {
        for layer in 0..count {
            let weight = self.parameters.get(&format!("{name}.{layer}.weight"))?;
            let sums = rows.matmul(&weight.t()?)?;
            let is_hidden = layer + 1 < count;
            let key = dropout.filter(|_| is_hidden).map(|key| key.part(layer as u64));
            let then = Bias {
                activation: is_hidden.then_some(self.settings.activation),
                dropout: key.and_then(|key| Dropout::new(key, self.settings.dropout)),
            };
            rows = bias(&sums, self.parameters.get(&format!("{name}.{layer}.bias"))?, then)?;
        }
        Ok(rows)
    }
}

/// Weights as they are drawn, each from its own stream.
struct Weights {
    parameters: Parameters,
    key: Key,
    next: u64,
}

impl Weights {
    fn new(seed: u64) -> Self {
        let key = Key::new(seed, "initial towers");
        Self { parameters: Parameters::default(), key, next: 0 }
    }

    /// Adds a matrix whose columns have these standard deviations.
    fn add(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
        scale: impl Fn(usize) -> f64,
    ) -> Result<()> {
        let mut random = SeededRandom::new(self.key.part(self.next).seed());
        self.next += 1;
        let value = |at: usize| (scale(at % columns) * random.normal()) as f32;
        let values = (0..rows * columns).map(value).collect();
        self.parameters.add(name, &[rows, columns], values)
    }

    /// Adds layers of these widths; the first is zero for inputs that are not `begun`.
    fn layers(
        &mut self,
        name: &str,
        widths: &[usize],
        begun: impl Fn(usize) -> bool,
    ) -> Result<()> {
        for (layer, pair) in widths.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let read =
                if layer == 0 { (0..inputs).filter(|at| begun(*at)).count() } else { inputs };
            let scale = 1.0 / (read.max(1) as f64).sqrt();
            let of = |input: usize| if layer > 0 || begun(input) { scale } else { 0.0 };
            self.add(&format!("{name}.{layer}.weight"), [outputs, inputs], of)?;
            self.parameters.add(&format!("{name}.{layer}.bias"), &[outputs], vec![0.0; outputs])?;
        }
        Ok(())
    }
}

/// The words of each item as a mean of word vectors, and all words as `attribute=word`.
pub(super) fn words_of(data: &Interactions) -> (Pool, Vec<String>) {
    let mut numbers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for item in &data.items {
        for (name, value) in &item.attributes {
            numbers.extend(value.words().map(|word| ((name.as_str(), word), 0)));
        }
    }
    for (number, next) in numbers.values_mut().zip(0..) {
        *number = next;
    }
    let mut pool = Pool::new();
    for item in &data.items {
        let pairs = item.attributes.iter();
        let words = pairs.flat_map(|(name, value)| value.words().map(move |word| (name, word)));
        let known = words.filter_map(|(name, word)| numbers.get(&(name.as_str(), word)));
        pool.push(known.map(|word| (*word, 1.0)), &[]);
    }
    (pool, numbers.keys().map(|(name, word)| format!("{name}={word}")).collect())
}
