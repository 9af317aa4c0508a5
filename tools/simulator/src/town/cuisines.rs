//! The cuisines of the town: where and when they are cooked, and what they cost.

use noctule_core::base::{Days, Span};

/// What sort of a place it is; decides its opening hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Early morning to noon.
    Bakery,
    /// Morning to early afternoon.
    Cafe,
    /// Morning to night.
    Diner,
    /// Noon to late afternoon, often closed at the weekend.
    Canteen,
    /// Noon to night.
    Restaurant,
    /// Evening till long past midnight.
    Late,
}

/// One cuisine.
pub(crate) struct Cuisine {
    /// Its name, the word of the attribute `cuisine`.
    pub(crate) name: &'static str,
    /// Share of the town's places.
    pub(crate) share: f64,
    /// Kinds of its places, with weights.
    pub(crate) kinds: &'static [(Kind, f64)],
    /// Weights of the price levels low, medium, high.
    pub(crate) prices: [f64; 3],
    /// How much the town at large cares for it at breakfast, lunch and dinner, in log-odds.
    pub(crate) fit: [f64; 3],
    /// First words of its places' names.
    pub(crate) names: [&'static str; 3],
}

const fn cuisine(
    name: &'static str,
    share: f64,
    kinds: &'static [(Kind, f64)],
    prices: [f64; 3],
    fit: [f64; 3],
    names: [&'static str; 3],
) -> Cuisine {
    Cuisine { name, share, kinds, prices, fit, names }
}

/// The cuisines.
#[rustfmt::skip]
pub(crate) static CUISINES: [Cuisine; 16] = [
    cuisine("Mexican", 12.0, &[(Kind::Diner, 0.4), (Kind::Canteen, 0.3), (Kind::Restaurant, 0.3)],
        [0.5, 0.4, 0.1], [0.2, 0.4, 0.1],
        ["Fonda", "Cocina", "Comedor"]),
    cuisine("Tacos", 10.0, &[(Kind::Late, 0.7), (Kind::Restaurant, 0.2), (Kind::Diner, 0.1)],
        [0.8, 0.2, 0.0], [-0.5, 0.1, 0.5],
        ["Tacos", "Taquería", "Al Pastor"]),
    cuisine("Antojitos", 7.0, &[(Kind::Late, 0.4), (Kind::Canteen, 0.3), (Kind::Diner, 0.3)],
        [0.8, 0.2, 0.0], [0.1, 0.1, 0.3],
        ["Antojitos", "Gorditas", "Enchiladas"]),
    cuisine("Oaxacan", 4.0, &[(Kind::Diner, 0.5), (Kind::Restaurant, 0.5)],
        [0.3, 0.5, 0.2], [0.0, 0.2, 0.2],
        ["Mole", "Tlayudas", "Casa"]),
    cuisine("Seafood", 6.0, &[(Kind::Canteen, 0.4), (Kind::Restaurant, 0.6)],
        [0.2, 0.5, 0.3], [-1.0, 0.5, 0.0],
        ["Mariscos", "Marisquería", "Ostionería"]),
    cuisine("Italian", 5.0, &[(Kind::Restaurant, 1.0)],
        [0.1, 0.5, 0.4], [-1.0, 0.0, 0.4],
        ["Trattoria", "Osteria", "Pasta"]),
    cuisine("Pizza", 5.0, &[(Kind::Restaurant, 0.7), (Kind::Late, 0.3)],
        [0.5, 0.4, 0.1], [-1.0, 0.0, 0.4],
        ["Pizzería", "Pizza", "Forno"]),
    cuisine("Japanese", 5.0, &[(Kind::Restaurant, 1.0)],
        [0.1, 0.5, 0.4], [-1.0, 0.1, 0.3],
        ["Sushi", "Izakaya", "Ramen"]),
    cuisine("Chinese", 4.0, &[(Kind::Restaurant, 0.6), (Kind::Canteen, 0.4)],
        [0.6, 0.3, 0.1], [-1.0, 0.3, 0.0],
        ["Dragon", "Jade", "Mesa China"]),
    cuisine("Burgers", 6.0, &[(Kind::Late, 0.5), (Kind::Restaurant, 0.5)],
        [0.5, 0.4, 0.1], [-1.0, 0.1, 0.4],
        ["Burger", "Hamburguesas", "Parrilla"]),
    cuisine("Steakhouse", 4.0, &[(Kind::Restaurant, 1.0)],
        [0.0, 0.4, 0.6], [-1.0, 0.0, 0.4],
        ["Asador", "Cortes", "Estancia"]),
    cuisine("Spanish", 3.0, &[(Kind::Restaurant, 1.0)],
        [0.0, 0.4, 0.6], [-1.0, 0.2, 0.3],
        ["Tapas", "Mesón", "Taberna"]),
    cuisine("Vegetarian", 5.0, &[(Kind::Cafe, 0.3), (Kind::Diner, 0.4), (Kind::Canteen, 0.3)],
        [0.4, 0.5, 0.1], [0.1, 0.2, 0.0],
        ["Huerto", "Verde", "Raíz"]),
    cuisine("Coffee", 12.0, &[(Kind::Cafe, 0.6), (Kind::Diner, 0.4)],
        [0.4, 0.5, 0.1], [0.5, -0.5, -0.5],
        ["Café", "Cafetería", "Tostador"]),
    cuisine("Bakery", 7.0, &[(Kind::Bakery, 1.0)],
        [0.8, 0.2, 0.0], [0.4, -0.5, -1.0],
        ["Panadería", "Panificadora", "Horno"]),
    cuisine("American", 5.0, &[(Kind::Cafe, 0.4), (Kind::Diner, 0.6)],
        [0.2, 0.6, 0.2], [0.3, -0.1, -0.1],
        ["Pancakes", "Brunch", "Diner"]),
];

/// Second words of the places' names.
#[rustfmt::skip]
pub(crate) static SECOND_WORDS: [&str; 40] = [
    "Lupita", "Chucho", "Don Beto", "Doña Mary", "El Güero", "La Güera", "Paquita", "San Miguel",
    "Santiago", "Tequis", "Morales", "La Palma", "El Fénix", "La Luna", "El Sol", "Los Pinos",
    "Las Flores", "El Jardín", "La Esquina", "La Posada", "El Rincón", "Los Abuelos", "La Tía Nena",
    "El Compadre", "Carranza", "Hidalgo", "Juárez", "Reforma", "Alameda", "Del Valle", "La Merced",
    "El Molino", "La Noria", "El Farol", "Los Arcos", "La Fuente", "El Portal", "La Mina",
    "El Venado", "La Huasteca",
];

impl Kind {
    /// Opening hours: the kind's own, moved by `shift` quarters of an hour (-2 to 2); `weekend`
    /// says whether a place that could close then is open at the weekend.
    pub(crate) fn hours(self, shift: i32, weekend: bool) -> Vec<Span> {
        let span = |days, from: i32, until: i32| Span {
            days,
            from: (from * 60 + shift * 15).rem_euclid(24 * 60) as u32,
            until: (until * 60 + shift * 15).rem_euclid(24 * 60) as u32,
        };
        match self {
            Self::Bakery => vec![span(Days::Every, 7, 13)],
            Self::Cafe if weekend => vec![span(Days::Weekday, 7, 13), span(Days::Weekend, 8, 15)],
            Self::Cafe => vec![span(Days::Every, 7, 14)],
            Self::Diner => vec![span(Days::Every, 7, 22)],
            Self::Canteen if weekend => vec![span(Days::Every, 12, 18)],
            Self::Canteen => vec![span(Days::Weekday, 12, 17)],
            Self::Restaurant if weekend => {
                vec![span(Days::Weekday, 13, 23), span(Days::Weekend, 13, 24)]
            }
            Self::Restaurant => vec![span(Days::Every, 13, 23)],
            Self::Late => vec![span(Days::Every, 18, 27)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule_core::base::WeekMinute;

    const fn at(day: u32, hour: u32) -> WeekMinute {
        WeekMinute((day * 24 + hour) * 60)
    }

    fn open(kind: Kind, weekend: bool, moment: WeekMinute) -> bool {
        [-2, 0, 2].iter().all(|shift| kind.hours(*shift, weekend).iter().any(|s| s.holds(moment)))
    }

    #[test]
    fn kinds_open_when_their_meal_is_eaten() {
        assert!(open(Kind::Bakery, true, at(2, 9)) && !open(Kind::Bakery, true, at(2, 14)));
        assert!(open(Kind::Canteen, false, at(0, 14)) && !open(Kind::Canteen, false, at(5, 14)));
        assert!(open(Kind::Late, true, at(6, 23)) && open(Kind::Late, true, at(0, 1)));
        assert!(!open(Kind::Late, true, at(0, 12)));
        for kind in [Kind::Cafe, Kind::Diner, Kind::Restaurant] {
            assert!(!open(kind, true, at(1, 4)), "{kind:?} sleeps at night");
        }
    }
}
