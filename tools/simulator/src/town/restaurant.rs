//! The places of the town.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::base::{GeoPoint, ItemId, Seed, SeededRandom};
use noctule_core::catalogue::{AttributeValue, Item};

use super::cuisines::{CUISINES, Cuisine, SECOND_WORDS};
use crate::Result;

/// Dimensions of the latent taste space.
pub(crate) const TASTES: usize = 6;

/// A point of the taste space.
pub(crate) type Taste = [f64; TASTES];

/// Words of the attribute `price`, cheapest first.
pub(crate) const PRICES: [&str; 3] = ["low", "medium", "high"];

/// The middle of the town: San Luis Potosí.
pub(crate) const CENTRE: GeoPoint = GeoPoint { latitude: 22.15, longitude: -100.98 };

/// What is true of a place beside what its catalogue row says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Restaurant {
    /// Index of its cuisine.
    pub(crate) cuisine: usize,
    /// Price level, 0 to 2.
    pub(crate) price: usize,
    /// Where it is.
    pub(crate) place: GeoPoint,
    /// How good it is, standard normal.
    pub(crate) quality: f64,
    /// How likely it comes to mind, relative to others: signs, corners, habit, and quality.
    pub(crate) fame: f64,
    /// Its style: the cuisine's and its own; about unit length.
    pub(crate) style: Taste,
}

/// A point `km` (standard deviation, each way) around `centre`, to a metre.
pub(crate) fn scattered(random: &mut SeededRandom, centre: GeoPoint, km: f64) -> GeoPoint {
    const KM_PER_DEGREE: f64 = 111.19;
    let round = |degrees: f64| (degrees * 1e5).round() / 1e5;
    let east = KM_PER_DEGREE * centre.latitude.to_radians().cos();
    GeoPoint {
        latitude: round(centre.latitude + random.normal() * km / KM_PER_DEGREE),
        longitude: round(centre.longitude + random.normal() * km / east),
    }
}

/// A direction of the taste space, uniform on the unit sphere.
pub(crate) fn direction(random: &mut SeededRandom) -> Taste {
    let mut taste = [0.0; TASTES];
    taste.fill_with(|| random.normal());
    let length = taste.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-9);
    taste.map(|value| value / length)
}

/// `count` places and their catalogue rows.
pub(crate) fn restaurants(seed: Seed, count: usize) -> Result<(Vec<Restaurant>, Vec<Item>)> {
    let mut random = SeededRandom::new(seed.derive(&["town", "restaurants"]));
    let centroids: Vec<Taste> = CUISINES.iter().map(|_| direction(&mut random)).collect();
    let quarters: Vec<GeoPoint> = (0..6).map(|_| scattered(&mut random, CENTRE, 1.5)).collect();
    let shares: Vec<f64> = CUISINES.iter().map(|cuisine| cuisine.share).collect();
    let (mut places, mut items, mut titles) = (Vec::new(), Vec::new(), BTreeSet::new());
    for number in 0..count {
        let cuisine = random.weighted(&shares).unwrap_or_default();
        let place = restaurant(&mut random, cuisine, &centroids[cuisine], &quarters);
        items.push(item(&mut random, number, &place, &mut titles)?);
        places.push(place);
    }
    Ok((places, items))
}

fn restaurant(
    random: &mut SeededRandom,
    cuisine: usize,
    centroid: &Taste,
    quarters: &[GeoPoint],
) -> Restaurant {
    let quarter = quarters[random.below(quarters.len())];
    let own = direction(random);
    let mut style = *centroid;
    for (style, own) in style.iter_mut().zip(own) {
        *style = 0.8 * *style + 0.6 * own;
    }
    let quality = random.normal();
    Restaurant {
        cuisine,
        price: random.weighted(&CUISINES[cuisine].prices).unwrap_or_default(),
        place: scattered(random, quarter, 0.7),
        quality,
        fame: (0.4 * quality + 0.35 * random.normal()).exp(),
        style,
    }
}

fn item(
    random: &mut SeededRandom,
    number: usize,
    place: &Restaurant,
    titles: &mut BTreeSet<String>,
) -> Result<Item> {
    let cuisine = &CUISINES[place.cuisine];
    let weights: Vec<f64> = cuisine.kinds.iter().map(|(_, weight)| *weight).collect();
    let kind = cuisine.kinds[random.weighted(&weights).unwrap_or_default()].0;
    let hours = kind.hours(random.below(5) as i32 - 2, random.chance(0.5));
    let text = |word: &str| AttributeValue::Text(word.to_owned());
    let attributes = BTreeMap::from([
        ("cuisine".to_owned(), text(cuisine.name)),
        ("price".to_owned(), text(PRICES[place.price])),
    ]);
    Ok(Item {
        id: ItemId::new(format!("r{number:04}"))?,
        title: title(random, cuisine, titles),
        attributes,
        place: Some(place.place),
        hours,
        available: true,
    })
}

/// A title that no other place has: a second of the name gets a number.
fn title(random: &mut SeededRandom, cuisine: &Cuisine, titles: &mut BTreeSet<String>) -> String {
    let first = cuisine.names[random.below(cuisine.names.len())];
    let second = SECOND_WORDS[random.below(SECOND_WORDS.len())];
    let plain = format!("{first} {second}");
    let mut title = plain.clone();
    for number in 2.. {
        if titles.insert(title.clone()) {
            break;
        }
        title = format!("{plain} {number}");
    }
    title
}
