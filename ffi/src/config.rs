//! How a recommender is opened.

use std::sync::Arc;

use noctule_core::base::limits::MANIFEST_BYTES_MAX;
use noctule_core::base::{Refusal, json};
use noctule_core::feedback::Retention;
use noctule_core::release::Plan;
use noctule_core::upload::UploadPolicy;

use crate::kinds::core_kinds;
use crate::zone::ZoneClock;
use crate::{DataConsent, KindSchema, RecommenderError, WidgetPolicy};

/// What [`crate::Recommender::open`] needs to know.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Config {
    /// The profile directory: one user, one process at a time. Made when its parent exists.
    pub directory: String,
    /// The app; releases for another are refused, and feedback is sent under this name.
    pub app: String,
    /// What the user allows. Less than what is stored withdraws it at once; more counts for a new
    /// profile only: call `set_consent` when the user agrees.
    pub consent: DataConsent,
    /// Ed25519 public keys whose signature on a release counts, 64 hexadecimal digits each. Without
    /// any, no release passes.
    pub trusted_keys: Vec<String>,
    /// Offset of the local time from UTC in minutes, east positive: it decides which context holds
    /// now. Without one the device's zone is followed: the system is asked once a minute, and where
    /// it cannot say it is UTC.
    #[uniffi(default = None)]
    pub utc_offset_minutes: Option<i32>,
    /// Replaces the plan of the release: JSON in the form it has in a manifest, with the contexts
    /// of the release.
    #[uniffi(default = None)]
    pub plan: Option<String>,
    /// Lets releases pass that nobody signed: for a developer's own machine, never for an app.
    #[uniffi(default = false)]
    pub allow_unsigned_for_development: bool,
    /// `root.json` of the repository whose releases the app takes. With it the repository's roles
    /// decide, and `trusted_keys` are not asked.
    #[uniffi(default = None)]
    pub trusted_root: Option<Vec<u8>>,
    /// Lets `next_transfer` fetch new releases from that repository.
    #[uniffi(default = None)]
    pub delivery: Option<DeliveryPolicy>,
    /// Keeps a file of the current slates for extensions of the app.
    #[uniffi(default = None)]
    pub widget: Option<WidgetPolicy>,
    /// The fields of the app's own kinds of events. A kind without fields needs no declaration.
    #[uniffi(default = [])]
    pub event_kinds: Vec<KindSchema>,
    /// Takes another pseudonym for feedback every so many days.
    #[uniffi(default = None)]
    pub rotate_pseudonym_days: Option<u32>,
    /// Ed25519 public keys of the collector, 64 hexadecimal digits each. With any, only an
    /// acknowledgement that one of them signed removes feedback from the device, and only an answer
    /// that one of them signed ends a request to delete.
    #[uniffi(default = [])]
    pub collector_keys: Vec<String>,
    /// Events that were recorded so many days ago are given up; 90 without a number.
    #[uniffi(default = None)]
    pub keep_events_days: Option<u32>,
    /// So many events are kept, at least 1,000; 60,000 without a number.
    #[uniffi(default = None)]
    pub keep_events: Option<u32>,
    /// Bytes of feedback that may leave over metered networks in a day; 1 MiB without a number.
    #[uniffi(default = None)]
    pub metered_upload_bytes_a_day: Option<u64>,
}

/// Which releases to follow, how often to look, and what may go over a metered network.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeliveryPolicy {
    /// The line of releases that this app follows.
    pub line: String,
    /// Milliseconds between two looks for a new release; six hours.
    #[uniffi(default = 21600000)]
    pub check_every_ms: i64,
    /// Bytes of the largest transfer over a metered network; a larger one waits.
    #[uniffi(default = 524288)]
    pub metered_bytes_max: u64,
}

impl From<DeliveryPolicy> for noctule_core::delivery::DeliveryPolicy {
    fn from(policy: DeliveryPolicy) -> Self {
        let DeliveryPolicy { line, check_every_ms, metered_bytes_max } = policy;
        Self { line, check_every_ms, metered_bytes_max }
    }
}

impl TryFrom<Config> for noctule_core::Config {
    type Error = RecommenderError;

    fn try_from(config: Config) -> Result<Self, RecommenderError> {
        let zone = ZoneClock::default();
        zone.set(config.utc_offset_minutes)?;
        let standard = Retention::default();
        Ok(Self {
            trusted_keys: keys("trusted_keys", &config.trusted_keys)?,
            collector_keys: keys("collector_keys", &config.collector_keys)?,
            retention: Retention {
                days: config.keep_events_days.unwrap_or(standard.days),
                events: config.keep_events.unwrap_or(standard.events),
            },
            upload: config
                .metered_upload_bytes_a_day
                .map_or_else(UploadPolicy::default, |metered_bytes_a_day| UploadPolicy {
                    metered_bytes_a_day,
                }),
            allow_unsigned_for_development: config.allow_unsigned_for_development,
            plan: config.plan.as_deref().map(plan).transpose()?,
            trusted_root: config.trusted_root,
            delivery: config.delivery.map(Into::into),
            widget: config.widget.map(TryInto::try_into).transpose()?,
            event_kinds: core_kinds(config.event_kinds)?,
            clock: Arc::new(zone),
            rotate_pseudonym_days: config.rotate_pseudonym_days,
            ..Self::new(config.directory, config.app, config.consent.into())
        })
    }
}

fn keys(argument: &str, texts: &[String]) -> Result<Vec<[u8; 32]>, RecommenderError> {
    let numbered = texts.iter().enumerate();
    let keys = numbered.map(|(index, text)| {
        key(text).ok_or_else(|| {
            let field = format!("{argument}[{index}]");
            RecommenderError::invalid(field, "must be 64 hexadecimal digits")
        })
    });
    keys.collect()
}

fn key(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (pair[0] * 16 + pair[1]) as u8;
    }
    Some(key)
}

/// Reads and checks the plan here, so that an error says in which argument the field is.
fn plan(text: &str) -> Result<Plan, RecommenderError> {
    if text.len() as u64 > MANIFEST_BYTES_MAX {
        let reason = format!("{} bytes, at most {MANIFEST_BYTES_MAX} are allowed", text.len());
        return Err(RecommenderError::invalid("plan", reason));
    }
    let plan: Plan = json::parse(text.as_bytes()).map_err(|refusal| match refusal {
        Refusal::Field { field, reason } => {
            RecommenderError::invalid(format!("plan.{field}"), reason)
        }
        other => RecommenderError::invalid("plan", other.to_string()),
    })?;
    plan.validate().map_err(|error| RecommenderError::from(error).within("plan"))?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            directory: "profile".into(),
            app: "town".into(),
            consent: DataConsent::OnDevice,
            trusted_keys: vec!["0a".repeat(31) + "Ff"],
            utc_offset_minutes: Some(-360),
            plan: None,
            allow_unsigned_for_development: false,
            trusted_root: None,
            delivery: None,
            widget: None,
            event_kinds: Vec::new(),
            rotate_pseudonym_days: Some(30),
            collector_keys: vec!["0b".repeat(32)],
            keep_events_days: Some(30),
            keep_events: None,
            metered_upload_bytes_a_day: None,
        }
    }

    fn field_refused(config: Config) -> String {
        match noctule_core::Config::try_from(config) {
            Err(RecommenderError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_is_read_from_hexadecimal_digits() {
        let config = noctule_core::Config::try_from(config()).unwrap();
        let mut expected = [0x0a; 32];
        expected[31] = 0xff;
        assert_eq!(config.trusted_keys, [expected]);
        assert_eq!(config.clock.offset_minutes(), -360);
        assert_eq!(config.collector_keys, [[0x0b; 32]]);
        assert_eq!((config.retention.days, config.retention.events), (30, 60_000));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for key in [String::new(), "0a".repeat(31), "0g".repeat(32), "é".repeat(32)] {
            let config = Config { trusted_keys: vec![key], ..config() };
            assert_eq!(field_refused(config), "trusted_keys[0]");
        }
        let config_with = |plan: &str| Config { plan: Some(plan.into()), ..config() };
        assert_eq!(field_refused(config_with("{")), "plan.document");
        assert_eq!(field_refused(config_with(r#"{"surfaces": 1}"#)), "plan.surfaces");
        let long = r#"{"surfaces": [{"id": "home", "length": 1001, "contexts": ["noon"]}],
            "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 900}}]}"#;
        assert_eq!(field_refused(config_with(long)), "plan.surfaces[0].length");
        let config = Config { utc_offset_minutes: Some(1_081), ..config() };
        assert_eq!(field_refused(config), "utc_offset_minutes");
    }
}
