//! What the page tells beside the numbers.

use noctule_core::base::WeekMinute;
use noctule_core::catalogue::Item;
use noctule_core::serving::{Recommendations, RecommendedItem};
use noctule_reports::{DemoStory, ItemStory, JourneyStep, Making, PhoneStory, SlateStory};
use noctule_simulator::fleet::Example;
use noctule_simulator::{Showing, World};

use super::playing::Played;
use super::worlds::Setting;
use super::{Demo, Durations};
use crate::output::{grouped, kebab};
use crate::reasons;

/// Items of a slate that the page shows.
const ITEMS: usize = 5;

/// Names of the days, from Monday.
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Tells the story of a run.
pub(super) fn tell(
    asked: &Demo,
    setting: &Setting,
    played: &Played,
    durations: &Durations,
) -> DemoStory {
    let example = played.result.example.as_ref();
    DemoStory {
        introduction: introduction(asked, setting),
        phone: example.map(|example| phone(asked, setting, played, example)),
        journey: journey(played),
        making: making(asked, setting, played, durations),
    }
}

fn introduction(asked: &Demo, setting: &Setting) -> Vec<String> {
    let world = setting.world.as_ref();
    let (items, phones) = (grouped(world.items().len() as u64), world.phones());
    let truth = if asked.data.is_some() {
        "What each person chose is partly known to their phone and partly held out; they accept \
         what was held out when they see it, and little else. What was chosen is not shown again, \
         so that acceptance falls from night to night in every arm as less is left to find."
    } else {
        "Every person has tastes that change with meal and weekend, which no server and no phone \
         is told; they look at the first places more than at the last."
    };
    vec![
        format!(
            "{phones} simulated phones, each the real library on files of its own, recommended \
             among {items} {}s for {} nights. A coin decided which of them show the model's slates \
             and which the rule-based baseline's: popular at this time, near, open.",
            setting.noun, asked.nights
        ),
        truth.to_owned(),
    ]
}

fn journey(played: &Played) -> Vec<JourneyStep> {
    let step = |label: &str, events| JourneyStep { label: label.into(), events };
    vec![
        step("recorded on the phones' disks", played.result.recorded()),
        step("acknowledged by the collector", played.result.acknowledged()),
        step("written to Parquet", played.collected.stored_events),
    ]
}

fn making(asked: &Demo, setting: &Setting, played: &Played, durations: &Durations) -> Making {
    let world = setting.world.as_ref();
    let data =
        asked.data.as_ref().map_or(String::new(), |data| format!(" --data {}", data.display()));
    let timings = &played.result.timings;
    let fact = |name: &str, value: String| (name.to_owned(), value);
    Making {
        command: Some(format!(
            "noctule demo --seed {} --phones {} --nights {}{data}",
            asked.seed, asked.phones, asked.nights
        )),
        seed: Some(asked.seed),
        facts: vec![
            fact("Phones", world.phones().to_string()),
            fact("Nights", asked.nights.to_string()),
            fact("Catalogue", format!("{} {}s", grouped(world.items().len() as u64), setting.noun)),
            fact("Trained on", format!("{} choices", grouped(world.training().len() as u64))),
            fact(
                "Median recommend",
                format!("{:.1} µs", timings.recommend_p50.as_secs_f64() * 1e6),
            ),
            fact("Median night", format!("{:.1} ms", timings.night_p50.as_secs_f64() * 1e3)),
        ],
        durations: durations
            .iter()
            .map(|(name, took)| (name.clone(), took.as_secs_f64()))
            .collect(),
    }
}

fn phone(asked: &Demo, setting: &Setting, played: &Played, example: &Example) -> PhoneStory {
    let world = setting.world.as_ref();
    let result = played.result.phones.iter().find(|phone| phone.phone == example.phone);
    let arm = result.and_then(|phone| phone.arm.as_deref()).unwrap_or("only");
    let title = |item: u32| world.items().get(item as usize).map_or("", |item| &item.title);
    let mut known: Vec<&str> = example.history.iter().map(|past| title(past.item)).collect();
    known.sort_unstable();
    known.dedup();
    let chosen = result.map_or(0, |phone| {
        phone.outcomes.iter().filter(|outcome| outcome.accepted.is_some()).count()
    });
    let owner = format!(
        "A phone of the {arm} arm on its last morning. Before the first night it knew of {}; since \
         then it has seen {chosen} choices.",
        listed(&known, 6)
    );
    let slates = &example.slates;
    let picked: Vec<usize> = match slates.len() {
        0 => Vec::new(),
        1 => vec![0],
        // The first and the last of the day: breakfast and dinner.
        many => vec![0, many - 1],
    };
    let showings = world.showings(asked.nights - 1);
    PhoneStory {
        owner,
        taste: taste(setting, example, picked.last().copied()),
        slates: picked
            .into_iter()
            .map(|at| slate(world, example, &slates[at], &showings))
            .collect(),
    }
}

/// At most `most` names, and how many more there are.
fn listed(names: &[&str], most: usize) -> String {
    match names.len() {
        0 => "nothing".into(),
        count if count > most => {
            format!("{} and {} more", names[..most].join(", "), count - most)
        }
        _ => names.join(", "),
    }
}

/// The true favourites of one moment, which the phone was never told.
fn taste(setting: &Setting, example: &Example, at: Option<usize>) -> Option<String> {
    let at = at?;
    let favourites = example.favourites.get(at)?;
    let items = setting.world.items();
    let title = |id: &noctule_core::base::ItemId| {
        items.iter().find(|item| item.id == *id).map(|item| item.title.as_str())
    };
    let names: Vec<&str> = favourites.iter().take(3).filter_map(|(id, _)| title(id)).collect();
    let context = example.slates.get(at)?.context.as_ref()?;
    let moment = moment(context.as_str()).to_lowercase();
    (!names.is_empty()).then(|| {
        format!(
            "In truth, which it is never told, its user likes best at {moment}: {}.",
            names.join(", ")
        )
    })
}

/// `dinner-weekday` as a heading.
fn moment(context: &str) -> String {
    let word = context.split(['-', '_']).next().unwrap_or(context);
    let mut characters = word.chars();
    characters.next().map_or(String::new(), |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}

fn slate(
    world: &dyn World,
    example: &Example,
    answer: &Recommendations,
    showings: &[Showing],
) -> SlateStory {
    let showing = showings.iter().find(|showing| Some(&showing.context) == answer.context.as_ref());
    let clock = showing.map(|showing| {
        let at = WeekMinute::at(showing.at_ms, 0);
        let (day, hour, minute) = (DAYS[at.day() as usize % 7], at.minute() / 60, at.minute() % 60);
        format!("{day}, {hour}:{minute:02}")
    });
    let tier = format!("{} slate", kebab(&answer.tier));
    let age = answer.age_ms.map_or(String::new(), |age_ms| format!(", {}", reasons::age(age_ms)));
    SlateStory {
        moment: answer.context.as_ref().map_or("Any time".into(), |id| moment(id.as_str())),
        clock,
        provenance: Some(format!("{tier}{age}, no network")),
        items: answer
            .items
            .iter()
            .take(ITEMS)
            .map(|item| item_story(world, example, item, showing))
            .collect(),
    }
}

fn item_story(
    world: &dyn World,
    example: &Example,
    shown: &RecommendedItem,
    showing: Option<&Showing>,
) -> ItemStory {
    let item = world.items().iter().find(|item| item.id == shown.item);
    let mut detail = item.map_or(String::new(), |item| detail(world, example, item, showing));
    if reasons::is_explored(&shown.reasons) {
        let comma = if detail.is_empty() { "" } else { ", " };
        detail = format!("{detail}{comma}drawn to learn something new");
    }
    ItemStory {
        title: shown.title.to_string(),
        detail: (!detail.is_empty()).then_some(detail),
        reasons: reasons::in_words(&shown.item, &shown.reasons),
    }
}

/// `italian, 400 m, open until 22:00`.
fn detail(world: &dyn World, example: &Example, item: &Item, showing: Option<&Showing>) -> String {
    let kinds = ["cuisine", "genres"].into_iter().flat_map(|name| item.words(name));
    let mut parts: Vec<String> = kinds.take(3).map(str::to_owned).collect();
    if let (Some(from), Some(to)) = (world.place(example.phone), item.place) {
        let km = from.distance_km(to);
        parts.push(if km < 1.0 {
            format!("{:.0} m", (km * 10.0).round() * 100.0)
        } else {
            format!("{km:.1} km")
        });
    }
    let at = showing.map(|showing| WeekMinute::at(showing.at_ms, 0));
    let open = at.and_then(|at| item.hours.iter().find(|span| span.holds(at)));
    if let Some(span) = open {
        parts.push(format!("open until {}:{:02}", span.until % 1_440 / 60, span.until % 60));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_becomes_a_heading() {
        assert_eq!(moment("dinner-weekday"), "Dinner");
        assert_eq!(moment("morning"), "Morning");
    }

    #[test]
    fn long_lists_say_how_many_are_left_out() {
        assert_eq!(listed(&[], 2), "nothing");
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&["a", "b", "c"], 2), "a, b and 1 more");
    }
}
