//! The layout of UCI's "Restaurant & consumer data": `rating_final.csv`, `geoplaces2.csv`,
//! `chefmozcuisine.csv`, `chefmozhours4.csv` and `userprofile.csv`.
//!
//! Copies circulate in UTF-8 and in ISO 8859-1; both are read. A `?` means "not known".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use noctule_core::base::{Days, GeoPoint, ItemId, Span};
use noctule_core::catalogue::{AttributeValue, Item};

use super::table::{Encoding, Row, Table, shortened};
use super::{Interaction, Interactions, Names, ReadCounts};
use crate::Result;

const ENCODING: Encoding = Encoding::Utf8OrLatin1;

/// Columns of `geoplaces2.csv` that become attributes, under these names.
const ATTRIBUTES: [&str; 8] = [
    "city",
    "alcohol",
    "smoking_area",
    "dress_code",
    "accessibility",
    "price",
    "Rambience",
    "area",
];

/// Reads the five files in `directory`. A rating of 2 counts with weight 1, a rating of 1 with
/// weight 0.5; a rating of 0 is no choice. There is no time and no context.
///
/// Opening hours know weekdays and weekends: a restaurant counts as open at the weekend when it is
/// on Saturday or on Sunday. `00:00-00:00` means closed.
///
/// # Errors
/// Typed errors that name the file, line and column: see [`crate::Error`].
pub fn read_restaurants(directory: &Path) -> Result<Interactions> {
    let mut counts = ReadCounts::default();
    let (mut items, index) = read_places(&directory.join("geoplaces2.csv"), &mut counts)?;
    read_cuisines(&directory.join("chefmozcuisine.csv"), &mut items, &index)?;
    read_hours(&directory.join("chefmozhours4.csv"), &mut items, &index)?;
    let mut users = Names::default();
    let events =
        read_ratings(&directory.join("rating_final.csv"), &index, &mut users, &mut counts)?;
    let places = read_profiles(&directory.join("userprofile.csv"), &users)?;
    Ok(Interactions { users: users.names, places, items, events, counts })
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "?").then_some(text)
}

fn place(row: &Row<'_>, latitude: usize) -> Result<GeoPoint> {
    let (north, east) = (row.number(latitude)?, row.number(latitude + 1)?);
    GeoPoint::new(north, east).map_err(|error| row.error(latitude, error.to_string()))
}

fn read_places(path: &Path, counts: &mut ReadCounts) -> Result<(Vec<Item>, HashMap<String, u32>)> {
    let mut columns = vec!["placeID", "latitude", "longitude", "name"];
    columns.extend(ATTRIBUTES);
    let mut table = Table::open(path, ENCODING, &columns)?;
    let (mut items, mut index) = (Vec::new(), HashMap::new());
    while let Some(row) = table.next_row()? {
        let id = ItemId::new(row.text(0)).map_err(|error| row.error(0, error.to_string()))?;
        if index.contains_key(row.text(0)) {
            counts.duplicates += 1;
            continue;
        }
        let mut attributes = BTreeMap::new();
        for (offset, name) in ATTRIBUTES.iter().enumerate() {
            if let Some(text) = known(row.text(4 + offset)) {
                let value = AttributeValue::Text(text.to_owned());
                attributes.insert(name.trim_start_matches('R').to_owned(), value);
            }
        }
        let title = known(row.text(3)).unwrap_or(row.text(0)).to_owned();
        let place = Some(place(&row, 1)?);
        index.insert(row.text(0).to_owned(), items.len() as u32);
        items.push(Item { id, title, attributes, place, hours: Vec::new(), available: true });
    }
    Ok((items, index))
}

/// Cuisines of restaurants that nobody rated are passed over: the file has 769 of them.
fn read_cuisines(path: &Path, items: &mut [Item], index: &HashMap<String, u32>) -> Result<()> {
    let mut table = Table::open(path, ENCODING, &["placeID", "Rcuisine"])?;
    while let Some(row) = table.next_row()? {
        let Some(item) = index.get(row.text(0)) else { continue };
        let Some(cuisine) = known(row.text(1)) else { continue };
        let attributes = &mut items[*item as usize].attributes;
        let empty = || AttributeValue::Words(Vec::new());
        let value = attributes.entry("cuisine".to_owned()).or_insert_with(empty);
        if let AttributeValue::Words(words) = value
            && !words.iter().any(|word| word == cuisine)
        {
            words.push(cuisine.to_owned());
        }
    }
    Ok(())
}

fn read_hours(path: &Path, items: &mut [Item], index: &HashMap<String, u32>) -> Result<()> {
    let mut table = Table::open(path, ENCODING, &["placeID", "hours", "days"])?;
    while let Some(row) = table.next_row()? {
        let Some(item) = index.get(row.text(0)) else { continue };
        let days = match row.text(2).trim_end_matches(';') {
            "Mon;Tue;Wed;Thu;Fri" => Days::Weekday,
            "Sat" | "Sun" => Days::Weekend,
            other => return Err(row.error(2, format!("{:?} are unknown days", shortened(other)))),
        };
        let hours = &mut items[*item as usize].hours;
        for text in row.text(1).split(';').map(str::trim).filter(|text| !text.is_empty()) {
            let Some((from, until)) = text
                .split_once('-')
                .and_then(|(from, until)| Some((minute(from)?, minute(until)?)))
            else {
                let reason = format!("{:?} is not HH:MM-HH:MM", shortened(text));
                return Err(row.error(1, reason));
            };
            let span = Span { days, from, until };
            if (from, until) != (0, 0) && !hours.contains(&span) {
                hours.push(span);
            }
        }
    }
    Ok(())
}

/// The minute of the day of `HH:MM`.
fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn read_ratings(
    path: &Path,
    index: &HashMap<String, u32>,
    users: &mut Names,
    counts: &mut ReadCounts,
) -> Result<Vec<Interaction>> {
    let mut table = Table::open(path, ENCODING, &["userID", "placeID", "rating"])?;
    let (mut events, mut seen) = (Vec::new(), HashSet::new());
    while let Some(row) = table.next_row()? {
        if row.text(0).is_empty() {
            return Err(row.error(0, "is empty"));
        }
        let Some(item) = index.get(row.text(1)).copied() else {
            let reason = format!("{:?} is not in geoplaces2.csv", shortened(row.text(1)));
            return Err(row.error(1, reason));
        };
        let weight = match row.value::<u32>(2)? {
            0 => None,
            1 => Some(0.5),
            2 => Some(1.0),
            other => return Err(row.error(2, format!("{other} is not 0, 1 or 2"))),
        };
        let user = users.index(row.text(0));
        if !seen.insert((user, item)) {
            counts.duplicates += 1;
        } else if let Some(weight) = weight {
            events.push(Interaction { user, item, at_ms: None, context: None, weight });
        } else {
            counts.not_positive += 1;
        }
    }
    Ok(events)
}

fn read_profiles(path: &Path, users: &Names) -> Result<Vec<Option<GeoPoint>>> {
    let mut table = Table::open(path, ENCODING, &["userID", "latitude", "longitude"])?;
    let mut places = vec![None; users.names.len()];
    while let Some(row) = table.next_row()? {
        if let Some(user) = users.index.get(row.text(0)) {
            places[*user as usize] = Some(place(&row, 1)?);
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use noctule_core::base::WeekMinute;

    use super::*;
    use crate::Error;

    fn read_with(file: &str, bytes: &[u8]) -> Result<Interactions> {
        let mut places = "placeID,latitude,longitude,name,city,alcohol,smoking_area,dress_code,\
            accessibility,price,Rambience,area\n"
            .as_bytes()
            .to_vec();
        places.extend(b"1,22.1,-100.9,Caf\xe9,?,none,none,casual,partially,low,quiet,open\n");
        let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
            ("geoplaces2.csv", places),
            ("chefmozcuisine.csv", b"placeID,Rcuisine\n1,Mexican\n1,Bar\n9,Thai\n".to_vec()),
            ("chefmozhours4.csv", b"placeID,hours,days\n1,08:00-12:00;,Sat;\n".to_vec()),
            ("rating_final.csv", b"userID,placeID,rating\nU1,1,1\nU1,1,2\nU2,1,0\n".to_vec()),
            ("userprofile.csv", b"userID,latitude,longitude\nU2,22,-101\n".to_vec()),
        ]);
        files.insert(file, bytes.to_vec());
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(directory.path().join(name), bytes).unwrap();
        }
        read_restaurants(directory.path())
    }

    #[test]
    fn restaurants_have_cuisine_price_place_and_hours() {
        let data = read_with("none", b"").unwrap();
        let item = &data.items[0];
        assert_eq!(item.title, "Café");
        assert_eq!(item.words("cuisine").collect::<Vec<_>>(), ["Mexican", "Bar"]);
        assert_eq!(item.words("price").collect::<Vec<_>>(), ["low"]);
        assert_eq!(item.words("ambience").collect::<Vec<_>>(), ["quiet"]);
        assert_eq!(item.words("city").count(), 0);
        let at = |day: u32, hour: u32| WeekMinute(day * 1_440 + hour * 60);
        assert!(item.is_open(at(5, 9)) && !item.is_open(at(0, 9)));
        assert_eq!(data.events.len(), 1);
        assert_eq!(data.events[0].weight, 0.5);
        assert_eq!(data.counts, ReadCounts { duplicates: 1, not_positive: 1 });
        assert!(data.places[0].is_none() && data.places[1].is_some());
    }

    #[test]
    fn what_does_not_fit_names_its_file_line_and_column() {
        let cases: [(&str, &[u8], &str); 4] = [
            ("rating_final.csv", b"userID,placeID,rating\nU1,1,3\n", "rating"),
            ("rating_final.csv", b"userID,placeID,rating\nU1,8,2\n", "placeID"),
            ("chefmozhours4.csv", b"placeID,hours,days\n1,8-12,Sat;\n", "hours"),
            ("userprofile.csv", b"userID,latitude,longitude\nU1,222,-101\n", "latitude"),
        ];
        for (file, bytes, name) in cases {
            match read_with(file, bytes).unwrap_err() {
                Error::Field { path, line: 2, field, .. } => {
                    assert!(path.ends_with(file));
                    assert_eq!(field, name);
                }
                other => panic!("{other}"),
            }
        }
    }
}
