//! Rust text as the rules see it: words and marks without comments and literals, each with its
//! line, and whether it stands in code that only tests compile.

/// A word or mark of the source; `::` is one mark, any other mark is one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Counted from 1.
    pub(super) line: usize,
    /// Stands inside an item under `#[cfg(test)]`.
    pub(super) test: bool,
}

/// A Rust file, read far enough for the rules.
pub(super) struct Source {
    tokens: Vec<Token>,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let mut tokens = tokens_of(&without_comments_and_literals(text));
        mark_tests(&mut tokens);
        Self { tokens }
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text of the token at `index`; empty outside the file.
    pub(super) fn at(&self, index: usize) -> &str {
        text_at(&self.tokens, index)
    }
}

fn text_at(tokens: &[Token], index: usize) -> &str {
    tokens.get(index).map_or("", |token| token.text.as_str())
}

/// Replaces comments, strings and character literals by blanks; lines stay where they are.
fn without_comments_and_literals(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment_end(&bytes, at);
        if end == at {
            // A prefix such as `r` or `b` belongs to a literal only when no name runs into it.
            at += word_length(&bytes[at..]).max(1);
        } else {
            bytes[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            at = end;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn literal_or_comment_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + block_comment_length(rest);
    }
    let prefix = rest.iter().take(2).take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let raw = prefix > 0 && rest[prefix - 1] == b'r';
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    if raw && rest.get(prefix + hashes) == Some(&b'"') {
        return at + raw_string_length(rest, prefix + hashes, hashes);
    }
    match rest.get(prefix) {
        Some(b'"') => at + quoted_length(rest, prefix, b'"'),
        Some(b'\'') if is_character(&rest[prefix..]) => at + quoted_length(rest, prefix, b'\''),
        _ => at,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn raw_string_length(rest: &[u8], quote: usize, hashes: usize) -> usize {
    let closing: Vec<u8> = std::iter::once(b'"').chain(vec![b'#'; hashes]).collect();
    let body = &rest[quote + 1..];
    let end = body.windows(closing.len()).position(|window| window == closing);
    end.map_or(rest.len(), |end| quote + 1 + end + closing.len())
}

fn quoted_length(rest: &[u8], quote: usize, mark: u8) -> usize {
    let mut at = quote + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == mark => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(byte) if byte.is_ascii() => rest.get(2) == Some(&b'\''),
        // A lifetime in another script is legal and unheard of.
        Some(_) => true,
        None => false,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn word_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_word(**byte)).count()
}

fn tokens_of(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let length = if bytes[at..].starts_with(b"::") { 2 } else { word_length(&bytes[at..]) };
        let length = length.max(1);
        let word = String::from_utf8_lossy(&bytes[at..at + length]);
        if bytes[at] == b'\n' {
            line += 1;
        } else if !bytes[at].is_ascii_whitespace() {
            tokens.push(Token { text: word.into_owned(), line, test: false });
        }
        at += length;
    }
    tokens
}

fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at < tokens.len() {
        let inner = text_at(tokens, at + 1) == "!";
        let open = at + 1 + usize::from(inner);
        if tokens[at].text != "#" || text_at(tokens, open) != "[" {
            at += 1;
            continue;
        }
        let close = closing(tokens, open);
        if !is_test_attribute(&tokens[open..close]) {
            at = close;
            continue;
        }
        let end = if inner { tokens.len() } else { item_end(tokens, close + 1) };
        tokens[at..end].iter_mut().for_each(|token| token.test = true);
        at = end;
    }
}

fn is_test_attribute(attribute: &[Token]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token.text == word);
    text_at(attribute, 1) == "cfg" && has("test") && !has("not")
}

/// The index of the bracket that closes the one at `open`; the last index when none does.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len().saturating_sub(1)
}

/// Just behind the item that starts at `start`: behind its block, its `;`, or the `,` of a field.
fn item_end(tokens: &[Token], start: usize) -> usize {
    const ITEMS: [&str; 12] = [
        "async", "const", "enum", "extern", "fn", "impl", "mod", "pub", "static", "struct",
        "trait", "unsafe",
    ];
    let mut at = start;
    while text_at(tokens, at) == "#" {
        at = closing(tokens, at + 1) + 1;
    }
    let item = ITEMS.contains(&text_at(tokens, at));
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => return closing(tokens, at) + 1,
            ";" => return at + 1,
            "," if !item => return at + 1,
            "}" => return at,
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Source::new(text).tokens().iter().map(|token| token.text.clone()).collect()
    }

    fn tested(text: &str) -> Vec<String> {
        let source = Source::new(text);
        source.tokens().iter().filter(|token| token.test).map(|token| token.text.clone()).collect()
    }

    #[test]
    fn comments_and_literals_are_not_words() {
        assert_eq!(words("a // b\n/* c /* d */ e */ f"), ["a", "f"]);
        assert_eq!(words(r#"a("b \" c", 'd', '\'', b"e")"#), ["a", "(", ",", ",", ",", ")"]);
        assert_eq!(words("a(r#\"b \" c\"#, d)"), ["a", "(", ",", "d", ")"]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_words() {
        assert_eq!(words("&'a str"), ["&", "'", "a", "str"]);
        assert_eq!(words("r#type"), ["r", "#", "type"]);
        assert_eq!(words("for b in c"), ["for", "b", "in", "c"]);
    }

    #[test]
    fn a_name_that_ends_in_r_does_not_start_a_raw_string() {
        assert_eq!(words("bar\"x\" y"), ["bar", "y"]);
    }

    #[test]
    fn lines_survive_literals_that_span_them() {
        let source = Source::new("\"a\nb\"\nc");
        assert_eq!(source.tokens()[0].line, 3);
    }

    #[test]
    fn an_item_under_cfg_test_is_test_code_and_the_rest_is_not() {
        assert_eq!(tested("#[cfg(test)] use a; b").last().map(String::as_str), Some(";"));
        assert!(!tested("#[cfg(test)]\nmod t { x } y").contains(&"y".to_owned()));
        assert!(tested("#[cfg(test)]\n#[allow(z)]\nmod t { x }").contains(&"x".to_owned()));
        assert!(!tested("struct S { #[cfg(test)] a: u8, b: u8 }").contains(&"b".to_owned()));
    }

    #[test]
    fn other_conditions_are_not_test_code() {
        assert!(tested("#[cfg(not(test))] mod t { x }").is_empty());
        assert!(tested("#[test] fn t() { x }").is_empty());
        assert!(tested("#[cfg(unix)] mod t { x }").is_empty());
    }

    #[test]
    fn unfinished_text_does_not_panic() {
        for text in ["\"", "/*", "r#\"", "'", "#[", "#[cfg(test)]", "fn f(", "b'"] {
            Source::new(text);
        }
    }
}
