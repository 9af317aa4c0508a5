//! Words of items left out one by one, as stop words would be.

use std::collections::BTreeMap;

use super::{Ablation, ProbeSettings, WordProbe, weighted_auc};
use crate::Result;
use crate::datasets::Interactions;
use crate::evaluation::{
    BootstrapSettings, Case, EvaluationSettings, ItemFacts, Metric, Scorer, bootstrap_means,
    evaluate_users,
};
use crate::split::Split;

/// Scores items by nothing but words: the sum over the words of the history of the weight
/// ln(items / items with it), for the items that have the word (TF-IDF, Sparck Jones, 1972).
struct WordScorer<'a> {
    words: &'a Words,
    /// 0 for a word that is left out.
    weights: Vec<f32>,
}

impl Scorer for WordScorer<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let mut wanted = vec![0.0f32; self.weights.len()];
        for event in case.history {
            for word in &self.words.of_item[event.item as usize] {
                wanted[*word as usize] += self.weights[*word as usize];
            }
        }
        for (score, words) in scores.iter_mut().zip(&self.words.of_item) {
            let weight = |word: &u32| wanted[*word as usize] * self.weights[*word as usize];
            // Items with many words would win by their number alone.
            let length = words.len().max(1) as f32;
            *score = words.iter().map(weight).sum::<f32>() / length.sqrt();
        }
        Ok(())
    }
}

/// The words of all items.
struct Words {
    /// `attribute=word`, with the attribute's own place.
    names: Vec<(String, usize)>,
    attributes: Vec<String>,
    of_item: Vec<Vec<u32>>,
    /// Items that have each word.
    items: Vec<usize>,
}

impl Words {
    fn of(data: &Interactions) -> Self {
        let mut numbers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for item in &data.items {
            for (name, value) in &item.attributes {
                for word in value.words() {
                    numbers.insert((name, word), 0);
                }
            }
        }
        let mut attributes: Vec<String> = Vec::new();
        let mut names = Vec::new();
        for (((attribute, word), number), next) in numbers.iter_mut().zip(0..) {
            *number = next;
            if attributes.last().is_none_or(|last| last != attribute) {
                attributes.push((*attribute).to_owned());
            }
            names.push((format!("{attribute}={word}"), attributes.len() - 1));
        }
        let mut items = vec![0; names.len()];
        let mut of_item = Vec::with_capacity(data.items.len());
        for item in &data.items {
            let pairs = item.attributes.iter();
            let words = pairs.flat_map(|(name, value)| value.words().map(move |word| (name, word)));
            let mut words: Vec<u32> = words
                .filter_map(|(name, word)| numbers.get(&(name.as_str(), word)))
                .copied()
                .collect();
            words.sort_unstable();
            words.dedup();
            words.iter().for_each(|word| items[*word as usize] += 1);
            of_item.push(words);
        }
        Self { names, attributes, of_item, items }
    }

    fn weights(&self, left_out: &dyn Fn(usize) -> bool) -> Vec<f32> {
        let all = self.of_item.len() as f32;
        let weight = |(word, items): (usize, &usize)| {
            if left_out(word) { 0.0 } else { (all / *items as f32).ln() }
        };
        self.items.iter().enumerate().map(weight).collect()
    }
}

/// Measures what attributes and words give away, on the test events of `split`. None when no item
/// has a word. `progress` hears (done, total).
///
/// # Errors
/// As [`evaluate_users`] and [`bootstrap_means`].
pub fn probe_words(
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
    bootstrap: &BootstrapSettings,
    probes: &ProbeSettings,
    progress: &dyn Fn(usize, usize),
) -> Result<Option<WordProbe>> {
    let words = Words::of(data);
    if words.names.is_empty() {
        return Ok(None);
    }
    let ndcg = |left_out: &dyn Fn(usize) -> bool| {
        let scorer = WordScorer { words: &words, weights: words.weights(left_out) };
        user_ndcg(&scorer, data, split, settings)
    };
    let common = commonest(&words, data, split, probes.words);
    let total = 1 + words.attributes.len() + common.len();
    progress(0, total);
    let all = ndcg(&|_| false)?;
    let rows: Vec<[Option<f64>; 1]> = all.iter().map(|value| [Some(*value)]).collect();
    let [Some(mean)] = bootstrap_means(&rows, bootstrap)? else { return Ok(None) };
    let ablation = |name: &str, left_out: &dyn Fn(usize) -> bool| -> Result<Ablation> {
        let without = ndcg(left_out)?;
        let pairs = all.iter().zip(&without);
        let lost: Vec<[Option<f64>; 1]> = pairs.map(|(all, less)| [Some(all - less)]).collect();
        let [lost] = bootstrap_means(&lost, bootstrap)?;
        let has = |item: usize| words.of_item[item].iter().any(|word| left_out(*word as usize));
        let (share, alone) = alone(data, split, &has);
        let suspicious = alone >= probes.suspicious_auc;
        Ok(Ablation { name: name.to_owned(), share, lost: lost.unwrap_or(mean), alone, suspicious })
    };
    let mut attributes = Vec::new();
    for (place, name) in words.attributes.iter().enumerate() {
        progress(1 + place, total);
        attributes.push(ablation(name, &|word| words.names[word].1 == place)?);
    }
    let mut single = Vec::new();
    for word in common {
        progress(1 + attributes.len() + single.len(), total);
        single.push(ablation(&words.names[word].0, &|other| other == word)?);
    }
    progress(total, total);
    Ok(Some(WordProbe { ndcg: mean, attributes, words: single }))
}

fn user_ndcg(
    scorer: &dyn Scorer,
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
) -> Result<Vec<f64>> {
    let facts = ItemFacts::new(data, &split.train);
    let place = Metric::ALL.iter().position(|metric| *metric == Metric::Ndcg).unwrap_or(0);
    let results = evaluate_users(scorer, data, split, settings)?;
    let value = |result| facts.measures(result, settings.k)[place].unwrap_or(0.0);
    Ok(results.iter().map(value).collect())
}

/// The words of most test events, at most `count`.
fn commonest(words: &Words, data: &Interactions, split: &Split, count: usize) -> Vec<usize> {
    let mut events = vec![0usize; words.names.len()];
    for index in &split.test {
        for word in &words.of_item[data.events[*index as usize].item as usize] {
            events[*word as usize] += 1;
        }
    }
    let mut order: Vec<usize> = (0..events.len()).filter(|word| events[*word] > 0).collect();
    order.sort_by_key(|word| (std::cmp::Reverse(events[*word]), *word));
    order.truncate(count);
    order
}

/// The share of the catalogue that has something, and the area under the ROC curve of having it:
/// items weigh as often as they are test choices on the one side, and once each on the other.
fn alone(data: &Interactions, split: &Split, has: &dyn Fn(usize) -> bool) -> (f64, f64) {
    let mut chosen = vec![0u32; data.items.len()];
    split.test.iter().for_each(|index| chosen[data.events[*index as usize].item as usize] += 1);
    let (mut scores, mut happened, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (item, chosen) in chosen.iter().enumerate() {
        let score = f64::from(u8::from(has(item)));
        scores.push(score);
        happened.push(false);
        weights.push(1.0);
        if *chosen > 0 {
            scores.push(score);
            happened.push(true);
            weights.push(f64::from(*chosen));
        }
    }
    let with = (0..data.items.len()).filter(|item| has(*item)).count();
    let auc = weighted_auc(&scores, &happened, &weights).unwrap_or(0.5);
    (with as f64 / data.items.len().max(1) as f64, auc.max(1.0 - auc))
}

#[cfg(test)]
mod tests {
    use noctule_core::catalogue::AttributeValue;

    use super::*;
    use crate::datasets::{Interaction, bare_item};
    use crate::split::leave_last_out;

    /// Users choose one kind each; every item they test has the word `chosen`, which gives it away.
    fn data(leaky: bool) -> Interactions {
        let mut items: Vec<_> = (0..60).map(|item| bare_item(&item.to_string()).unwrap()).collect();
        for (index, item) in items.iter_mut().enumerate() {
            let kind = AttributeValue::Text(format!("kind {}", index % 4));
            item.attributes.insert("kind".into(), kind);
            let last = index / 4 == 14;
            if leaky && last {
                item.attributes.insert("flag".into(), AttributeValue::Text("chosen".into()));
            }
        }
        let event = |user: u32, at: u32| Interaction {
            user,
            item: user % 4 + 4 * if at == 4 { 14 } else { (user + at) % 14 },
            at_ms: Some(i64::from(at)),
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..40).map(|user| user.to_string()).collect(),
            items,
            events: (0..40).flat_map(|user| (0..5).map(move |at| event(user, at))).collect(),
            ..Interactions::default()
        }
    }

    fn probe(leaky: bool) -> WordProbe {
        let data = data(leaky);
        let split = leave_last_out(&data);
        // Eleven items of a kind are not known to its lovers, the target last in the catalogue.
        let settings = EvaluationSettings { k: 20, ..EvaluationSettings::default() };
        let bootstrap = BootstrapSettings::default();
        let probes = ProbeSettings::default();
        probe_words(&data, &split, &settings, &bootstrap, &probes, &|_, _| {}).unwrap().unwrap()
    }

    #[test]
    fn a_word_that_gives_the_answer_away_is_found_and_taste_is_not_suspected() {
        let found = probe(true);
        let flag = found.words.iter().find(|word| word.name == "flag=chosen").unwrap();
        assert!(flag.suspicious && flag.alone > 0.96, "{flag:?}");
        let kind = found.attributes.iter().find(|attribute| attribute.name == "kind").unwrap();
        assert!(!kind.suspicious && kind.lost.value > 0.0, "{kind:?}");
        assert!(probe(false).words.iter().all(|word| !word.suspicious));
    }

    #[test]
    fn without_words_there_is_nothing_to_probe() {
        let mut data = data(false);
        data.items.iter_mut().for_each(|item| item.attributes.clear());
        let split = leave_last_out(&data);
        let (settings, bootstrap) = (EvaluationSettings::default(), BootstrapSettings::default());
        let found = probe_words(
            &data,
            &split,
            &settings,
            &bootstrap,
            &ProbeSettings::default(),
            &|_, _| {},
        );
        assert_eq!(found.unwrap(), None);
    }
}
