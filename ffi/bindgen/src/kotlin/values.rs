//! How values are read and written: with as few classes and calls as it can be done, since a first
//! start loads every one of them.
//!
//! UniFFI has an object for each type, and asks each value for its size before it is written. Here
//! records and enums are read and written by functions, texts, numbers, and what is optional or a
//! list, in place, and nobody asks for a size: see [`values.kt`](values.kt).

use super::Result;

const CONVERTER: &str = "FfiConverter";

/// How a number is read, how `{}` is written, and how both cross the boundary on their own.
struct Number {
    kind: &'static str,
    read: &'static str,
    written: &'static str,
    lifted: &'static str,
    lowered: &'static str,
}

const fn number(kind: &'static str, texts: [&'static str; 4]) -> Number {
    let [read, written, lifted, lowered] = texts;
    Number { kind, read, written, lifted, lowered }
}

const NUMBERS: [Number; 9] = [
    number(
        "Boolean",
        [
            "buf.get().toInt() != 0",
            "buf.put(if ({}) 1.toByte() else 0.toByte())",
            "{}.toInt() != 0",
            "if ({}) 1.toByte() else 0.toByte()",
        ],
    ),
    number("UByte", ["buf.get().toUByte()", "buf.put({}.toByte())", "{}.toUByte()", "{}.toByte()"]),
    number(
        "UShort",
        [
            "buf.getShort().toUShort()",
            "buf.putShort({}.toShort())",
            "{}.toUShort()",
            "{}.toShort()",
        ],
    ),
    number("Int", ["buf.getInt()", "buf.putInt({})", "{}", "{}"]),
    number(
        "UInt",
        ["buf.getInt().toUInt()", "buf.putInt({}.toInt())", "{}.toUInt()", "{}.toInt()"],
    ),
    number("Long", ["buf.getLong()", "buf.putLong({})", "{}", "{}"]),
    number(
        "ULong",
        ["buf.getLong().toULong()", "buf.putLong({}.toLong())", "{}.toULong()", "{}.toLong()"],
    ),
    number("Float", ["buf.getFloat()", "buf.putFloat({})", "{}", "{}"]),
    number("Double", ["buf.getDouble()", "buf.putDouble({})", "{}", "{}"]),
];

/// `text` without converters but those of objects, whose handles they make.
pub(super) fn adapted(text: &str) -> Result<String> {
    let (text, handles) = without_objects(text)?;
    Values { handles }.in_place(&text)
}

/// `text` with functions in the place of the converters of records and enums, and none of those
/// whose values are read and written in place; and the kinds that keep theirs.
fn without_objects(text: &str) -> Result<(String, Vec<String>)> {
    const SUPPRESSED: [&str; 3] = ["/**", " * @suppress", " */"];
    let mut kept: Vec<&str> = Vec::new();
    let mut functions = String::new();
    let mut handles = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((kind, parent)) = object(line) else {
            kept.push(line);
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
        let is_composed = kind.starts_with("Type");
        if is_composed && parent == CONVERTER {
            handles.push(kind.to_owned());
            kept.push(line);
            kept.extend(block);
            kept.push("}");
            continue;
        }
        if kept.ends_with(&SUPPRESSED) {
            kept.truncate(kept.len() - SUPPRESSED.len());
        }
        if is_composed {
            functions.push_str(&as_functions(kind, &block)?);
        }
    }
    Ok((kept.join("\n") + "\n" + &functions, handles))
}

/// Kind and parent of the converter that begins in `line`.
fn object(line: &str) -> Option<(&str, &str)> {
    let (kind, parent) = line.strip_prefix("public object FfiConverter")?.split_once(':')?;
    Some((kind.trim(), parent.trim().split('<').next().unwrap_or_default()))
}

/// The functions of a converter that has `lines`.
fn as_functions(kind: &str, lines: &[&str]) -> Result<String> {
    let place = |name: &str| {
        let begin = format!("    override fun {name}(");
        lines.iter().position(|line| line.starts_with(&begin))
    };
    let places = (place("read"), place("allocationSize"), place("write"));
    let (Some(read), Some(size), Some(write)) = places else {
        return Err(format!("the converter of {kind} has other functions").into());
    };
    if !(read < size && size < write) {
        return Err(format!("the converter of {kind} has another order").into());
    }
    let function = |name: &str, verb: &str, lines: &[&str]| {
        let text = lines.join("\n").trim_end().to_owned();
        let begin = format!("override fun {name}(");
        text.replacen(&begin, &format!("private fun uniffi{verb}{kind}("), 1) + "\n\n"
    };
    Ok(function("read", "Read", &lines[read..size]) + &function("write", "Write", &lines[write..]))
}

struct Values {
    handles: Vec<String>,
}

impl Values {
    /// `text` with every use of a converter in place.
    fn in_place(&self, text: &str) -> Result<String> {
        let mut adapted = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(CONVERTER) {
            let (before, found) = rest.split_at(at);
            adapted.push_str(before);
            let end = found[CONVERTER.len()..].find(|letter: char| !letter.is_alphanumeric());
            let (name, behind) = found.split_at(CONVERTER.len() + end.unwrap_or_default());
            let kind = &name[CONVERTER.len()..];
            let verb = [".read(", ".write(", ".lift(", ".lower("]
                .into_iter()
                .find(|verb| behind.starts_with(verb));
            let Some(verb) = verb.filter(|_| !self.is_handle(kind)) else {
                adapted.push_str(name);
                rest = behind;
                continue;
            };
            let (argument, behind) = argument(&behind[verb.len()..])
                .ok_or_else(|| format!("{name}{verb} has no end"))?;
            let argument = self.in_place(argument)?;
            adapted.push_str(&match verb {
                ".read(" => self.reading(kind),
                ".lift(" => self.lifting(kind, &argument),
                ".lower(" => self.lowering(kind, &argument),
                _ => {
                    let value = argument.strip_suffix(", buf");
                    let value = value.ok_or_else(|| format!("{name} is written elsewhere"))?;
                    self.writing(kind, value)
                }
            });
            rest = behind;
        }
        adapted.push_str(rest);
        Ok(adapted)
    }

    fn is_handle(&self, kind: &str) -> bool {
        self.handles.iter().any(|handle| handle == kind)
    }

    /// An expression that reads a value.
    fn reading(&self, kind: &str) -> String {
        if let Some(number) = number_of(kind) {
            number.read.to_owned()
        } else if let Some(kind) = kind.strip_prefix("Optional") {
            format!("uniffiReadOptional(buf) {{ {} }}", self.reading(kind))
        } else if let Some(kind) = kind.strip_prefix("Sequence") {
            format!("uniffiReadSequence(buf) {{ {} }}", self.reading(kind))
        } else if self.is_handle(kind) {
            format!("{CONVERTER}{kind}.read(buf)")
        } else {
            format!("uniffiRead{kind}(buf)")
        }
    }

    /// A statement that writes the expression `value`.
    fn writing(&self, kind: &str, value: &str) -> String {
        if let Some(number) = number_of(kind) {
            number.written.replace("{}", value)
        } else if let Some(kind) = kind.strip_prefix("Optional") {
            format!("uniffiWriteOptional({value}, buf) {{ {} }}", self.writing(kind, "it"))
        } else if let Some(kind) = kind.strip_prefix("Sequence") {
            format!("uniffiWriteSequence({value}, buf) {{ {} }}", self.writing(kind, "it"))
        } else if self.is_handle(kind) {
            format!("{CONVERTER}{kind}.write({value}, buf)")
        } else {
            format!("uniffiWrite{kind}({value}, buf)")
        }
    }

    /// An expression for what the expression `value` of the boundary stands for.
    fn lifting(&self, kind: &str, value: &str) -> String {
        match number_of(kind) {
            Some(number) => number.lifted.replace("{}", &format!("({value})")),
            None if kind == "String" => format!("uniffiLiftedString({value})"),
            None => format!("uniffiLifted({value}) {{ buf -> {} }}", self.reading(kind)),
        }
    }

    /// An expression of the boundary that stands for the expression `value`.
    fn lowering(&self, kind: &str, value: &str) -> String {
        match number_of(kind) {
            Some(number) => number.lowered.replace("{}", value),
            None if kind == "String" => format!("uniffiLoweredString({value})"),
            None => format!("uniffiLowered {{ buf -> {} }}", self.writing(kind, value)),
        }
    }
}

fn number_of(kind: &str) -> Option<&'static Number> {
    NUMBERS.iter().find(|number| number.kind == kind)
}

/// What `text` has up to the parenthesis that closes, and what is behind that.
fn argument(text: &str) -> Option<(&str, &str)> {
    let mut open = 1;
    for (at, letter) in text.char_indices() {
        open += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if open == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_place(text: &str) -> String {
        Values { handles: vec!["TypeHeld".to_owned()] }.in_place(text).unwrap()
    }

    #[test]
    fn what_is_optional_or_a_list_is_read_and_written_in_place() {
        assert_eq!(
            in_place("a(FfiConverterOptionalSequenceUInt.read(buf), FfiConverterTypeX.read(buf))"),
            "a(uniffiReadOptional(buf) { uniffiReadSequence(buf) { buf.getInt().toUInt() } }, \
             uniffiReadTypeX(buf))"
        );
        assert_eq!(
            in_place("FfiConverterSequenceString.write(value.`a`, buf)"),
            "uniffiWriteSequence(value.`a`, buf) { uniffiWriteString(it, buf) }"
        );
    }

    #[test]
    fn what_crosses_on_its_own_is_lifted_and_lowered_around_what_is_in_it() {
        assert_eq!(
            in_place("FfiConverterBoolean.lift(\nf(FfiConverterOptionalTypeX.lower(`x`), 1)\n)"),
            "(\nf(uniffiLowered { buf -> uniffiWriteOptional(`x`, buf) { uniffiWriteTypeX(it, buf) \
             } }, 1)\n).toInt() != 0"
        );
    }

    #[test]
    fn objects_keep_their_converters() {
        for text in ["FfiConverterTypeHeld.lower(`x`)", "FfiConverter<Held, Long>"] {
            assert_eq!(in_place(text), text);
        }
        assert_eq!(
            in_place("FfiConverterOptionalTypeHeld.write(x, buf)"),
            "uniffiWriteOptional(x, buf) { FfiConverterTypeHeld.write(it, buf) }"
        );
    }

    #[test]
    fn a_converter_becomes_two_functions_and_asks_for_no_size() {
        let text = "/**
 * @suppress
 */
public object FfiConverterTypeX: FfiConverterRustBuffer<X> {
    override fun read(buf: ByteBuffer): X {
        return X()
    }

    override fun allocationSize(value: X) = 4UL

    override fun write(value: X, buf: ByteBuffer) {
        buf.putInt(1)
    }
}
public object FfiConverterOptionalTypeX: FfiConverterRustBuffer<X?> {
}
public object FfiConverterTypeHeld: FfiConverter<Held, Long> {
    override fun read(buf: ByteBuffer) = 1
}
";
        let (text, handles) = without_objects(text).unwrap();
        assert_eq!(handles, ["TypeHeld"]);
        assert!(text.starts_with("public object FfiConverterTypeHeld"), "{text}");
        assert!(text.contains("private fun uniffiReadTypeX(buf: ByteBuffer): X {\n"), "{text}");
        assert!(text.contains("private fun uniffiWriteTypeX(value: X, buf: ByteBuffer) {\n"));
        assert!(!text.contains("allocationSize") && !text.contains("Optional"), "{text}");
    }

    #[test]
    fn what_is_generated_otherwise_is_an_error() {
        assert!(Values { handles: vec![] }.in_place("FfiConverterTypeX.write(x, other)").is_err());
        assert!(Values { handles: vec![] }.in_place("FfiConverterTypeX.lift(x").is_err());
        assert!(as_functions("TypeX", &["    override fun read(buf: ByteBuffer) = 1"]).is_err());
    }
}
