//! A file that another library wrote: `golden/make.py`, with numpy and the safetensors package.

use crate::base::{Days, GeoPoint, Span};
use crate::catalogue::{AttributeValue, Catalogue};

const GOLDEN: &[u8] = include_bytes!("golden/catalogue.safetensors");

#[test]
fn a_file_of_the_python_packages_is_read() {
    let catalogue = Catalogue::from_bytes(GOLDEN.to_vec(), "catalogue.safetensors").unwrap();
    catalogue.check().unwrap();
    assert_eq!(catalogue.len(), 73);
    let span = |days, from, until| Span { days, from, until };
    let luna = catalogue.item(0).unwrap();
    assert_eq!((luna.id.as_str(), luna.title.as_str()), ("luna", "Title of luna"));
    assert_eq!((luna.place, luna.available), (None, true));
    assert_eq!(luna.hours, [span(Days::Weekday, 0, 1440), span(Days::Weekend, 1200, 60)]);
    let words = |words: &[&str]| {
        AttributeValue::Words(words.iter().map(|word| (*word).to_owned()).collect())
    };
    let attributes = [
        ("vegan", AttributeValue::Flag(true)),
        ("price", AttributeValue::Number(12.5)),
        ("street", AttributeValue::Text("Calle Dós".into())),
        ("kinds", words(&["fish", "thai"])),
    ];
    assert_eq!(luna.attributes, attributes.map(|(name, value)| (name.to_owned(), value)).into());
    let sol = catalogue.item(1).unwrap();
    assert_eq!(sol.place, Some(GeoPoint { latitude: 22.5, longitude: -100.25 }));
    assert_eq!((sol.hours.len(), sol.available), (0, false));
    assert_eq!(sol.attributes["vegan"], AttributeValue::Flag(false));
    assert_eq!(sol.attributes["kinds"], words(&[]));
    assert_eq!(catalogue.item(2).unwrap().hours, [span(Days::Every, 60, 120)]);
    assert_eq!(catalogue.index_of("árbol"), Some(2));
    assert_eq!(catalogue.index_of("place-69"), Some(72));
}
