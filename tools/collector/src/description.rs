//! The interface as an OpenAPI 3.1 document, served at `/openapi.json`.

/// `openapi.json` beside the sources.
pub(crate) const OPENAPI: &str = include_str!("../openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use noctule_core::feedback::RecordedEvent;
    use noctule_core::upload::deletions::{DeletionAnswer, DeletionRequest};
    use noctule_core::upload::{Acknowledgement, BatchHeader, ExamSummary, RejectedEvent};
    use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value::Error};
    use serde::forward_to_deserialize_any;
    use serde_json::Value;

    use super::OPENAPI;
    use crate::deletions::BYTES_MAX;
    use crate::settings::Limits;

    /// Hears from a type that is read from it which fields it has, and gives it none.
    struct Fields<'a>(&'a mut BTreeSet<String>);

    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("no struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            self.0.extend(fields.iter().map(|field| (*field).to_owned()));
            Err(Error::custom("its fields are known"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn fields<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        let _ = T::deserialize(Fields(&mut fields));
        fields
    }

    fn document() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn every_type_on_the_wire_is_described_with_all_its_fields() {
        let document = document();
        let described = |name: &str| -> BTreeSet<String> {
            let properties = &document["components"]["schemas"][name]["properties"];
            properties.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(described("BatchHeader"), fields::<BatchHeader>());
        assert_eq!(described("ExamSummary"), fields::<ExamSummary>());
        assert_eq!(described("Event"), fields::<RecordedEvent>());
        assert_eq!(described("Acknowledgement"), fields::<Acknowledgement>());
        assert_eq!(described("RejectedEvent"), fields::<RejectedEvent>());
        assert_eq!(described("Deletion"), fields::<DeletionRequest>());
        assert_eq!(described("Forgotten"), fields::<DeletionAnswer>());
    }

    #[test]
    fn the_bounds_that_it_names_are_the_default_ones() {
        let document = document();
        let limits = Limits::default();
        let schemas = &document["components"]["schemas"];
        let events = &schemas["BatchHeader"]["properties"]["events"]["maximum"];
        assert_eq!(events.as_u64(), Some(limits.events as u64));
        let deletion = schemas["Deletion"]["description"].as_str().unwrap();
        assert!(deletion.contains(&format!("{BYTES_MAX} bytes")));
        let post = &document["paths"]["/v1/batches"]["post"];
        let encoding = post["parameters"][0]["description"].as_str().unwrap();
        assert!(encoding.contains(&format!("{} MiB before", limits.compressed_bytes >> 20)));
        assert!(encoding.contains(&format!("{} MiB after", limits.inflated_bytes >> 20)));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(document: &Value, value: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        let pointer = to.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{to}");
                    }
                    fields.values().for_each(|value| check(document, value));
                }
                Value::Array(values) => values.iter().for_each(|value| check(document, value)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
    }
}
