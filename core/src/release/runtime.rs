//! The version of this library, and whether a release asks for a newer one.

use crate::base::Refusal;

/// The version of this library, which a release may ask for.
pub const RUNTIME_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Digits of one part of a version: any that counts releases fits.
const DIGITS_MAX: usize = 9;

/// Refuses what is no version, and a version above that of this library.
pub(super) fn check(needed: Option<&str>) -> Result<(), Refusal> {
    let Some(needed) = needed else { return Ok(()) };
    let Some(parts) = parse(needed) else {
        let field = "minimum_runtime".to_owned();
        let reason = "must be a version of three numbers, such as 0.3.0".to_owned();
        return Err(Refusal::Field { field, reason });
    };
    // A pre-release (`0.3.0-beta`) counts as what it becomes.
    let have = RUNTIME_VERSION.split(['-', '+']).next().and_then(parse);
    if have.is_some_and(|have| have < parts) {
        let (needed, have) = (needed.to_owned(), RUNTIME_VERSION.to_owned());
        return Err(Refusal::RuntimeTooOld { needed, have });
    }
    Ok(())
}

/// Three numbers between dots, none with a zero in front.
fn parse(text: &str) -> Option<[u32; 3]> {
    let mut parts = [0; 3];
    let mut rest = text.split('.');
    for part in &mut parts {
        let digits = rest.next()?;
        let is_number = (1..=DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        *part = is_number.then(|| digits.parse().ok())??;
    }
    rest.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_version_and_every_older_one_are_enough() {
        for needed in [None, Some("0.0.0"), Some("0.0.999"), Some(RUNTIME_VERSION)] {
            assert_eq!(check(needed), Ok(()), "{needed:?}");
        }
    }

    #[test]
    fn a_newer_version_is_refused_with_both() {
        let [major, minor, patch] = parse(RUNTIME_VERSION).unwrap();
        for (a, b, c) in [(major + 1, 0, 0), (major, minor + 1, 0), (major, minor, patch + 1)] {
            let needed = format!("{a}.{b}.{c}");
            let have = RUNTIME_VERSION.to_owned();
            let refusal = Refusal::RuntimeTooOld { needed: needed.clone(), have };
            assert_eq!(check(Some(&needed)), Err(refusal));
        }
        let text = check(Some("12.3.0")).unwrap_err().to_string();
        assert!(text.starts_with(&format!("needs library 12.3.0, this is {RUNTIME_VERSION}")));
    }

    #[test]
    fn numbers_are_compared_and_not_letters() {
        assert!(parse("0.10.0") > parse("0.9.0"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let bad = ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.x", " 1.2.3", "1.2.3-beta"];
        for text in bad.into_iter().chain(["1.2.99999999999999999999", "1..2", "+1.2.3"]) {
            assert!(matches!(check(Some(text)), Err(Refusal::Field { .. })), "{text:?}");
        }
    }
}
