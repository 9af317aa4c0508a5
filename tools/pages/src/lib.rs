//! What every HTML page of the tools has: its frame, its style, and text made safe.
//!
//! Nothing is loaded from anywhere: the style is in the page, and there is no script. A page
//! follows the reader's colours and fits a phone's screen. What is on it is the business of whoever
//! makes it: `noctule-reports` for results, `noctule-trainer` for runs.

/// A page in the frame that all pages share.
///
/// ```
/// let page = noctule_pages::Page {
///     title: "Town & country",
///     about: "town",
///     style: "",
///     sections: "<section><h1>Hello</h1></section>\n",
///     footer: "<p>Made by hand.</p>\n",
/// };
/// let html = page.html();
/// assert!(html.starts_with("<!doctype html>"));
/// assert!(html.contains("<title>Town &amp; country</title>"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Title of the document; text, which is escaped.
    pub title: &'a str,
    /// Right in the head line: HTML.
    pub about: &'a str,
    /// Rules of the page's own, behind those that all pages have.
    pub style: &'a str,
    /// What the page shows: HTML.
    pub sections: &'a str,
    /// Below everything, how figures were made: HTML.
    pub footer: &'a str,
}

impl Page<'_> {
    /// The whole document.
    #[must_use]
    pub fn html(&self) -> String {
        let Self { title, about, style, sections, footer } = self;
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
             <style>\n{}{style}</style>\n</head>\n<body>\n<div class=\"sky\">\n\
             <header>\n<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
             <path d=\"M21 14.6A9.2 9.2 0 1 1 10.9 2.8a7.4 7.4 0 0 0 10.1 11.8z\"/></svg>\
             <b>Noctule</b><span class=\"about\">{about}</span>\n</header>\n<main>\n\
             {sections}</main>\n<footer>\n{footer}</footer>\n</div>\n</body>\n</html>\n",
            escape(title),
            include_str!("style.css"),
        )
    }
}

/// Escapes text for HTML content and for attributes in quotes.
///
/// ```
/// assert_eq!(noctule_pages::escape("<b a='2'>&\u{0}"), "&lt;b a=&#39;2&#39;&gt;&amp;\u{fffd}");
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in HTML at all.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A count with narrow spaces between groups of three.
///
/// ```
/// assert_eq!(noctule_pages::count(1_234_567), "1\u{202f}234\u{202f}567");
/// ```
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A confidence as a percentage, whole where it is one.
///
/// ```
/// assert_eq!(noctule_pages::confidence(0.95), "95\u{a0}%");
/// assert_eq!(noctule_pages::confidence(0.999), "99.9\u{a0}%");
/// ```
#[must_use]
pub fn confidence(level: f64) -> String {
    let percent = (level * 1_000.0).round() / 10.0;
    format!("{percent}\u{a0}%")
}
