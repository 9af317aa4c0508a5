//! What a library exports, as text that two versions can be compared by.

use std::fmt::Write as _;

use uniffi_bindgen::interface::{
    AsType as _, Callable, DefaultValue, Enum, Field, Object, Record, Type,
};
use uniffi_bindgen::{BindgenLoader, BindgenPaths, ComponentInterface, GlobalConfig};

/// The surface of the library in the file `library`, in alphabetical order; enum variants, which
/// cross the boundary as numbers, in their own.
///
/// # Errors
/// Those of the generator, which has no enum of them: a file that is none or has no metadata.
pub(crate) fn of(library: &str) -> Result<String, Box<dyn std::error::Error>> {
    let loader = BindgenLoader::new(BindgenPaths::default(), GlobalConfig::default());
    let metadata = loader.load_metadata(library.into())?;
    let mut text = String::new();
    for interface in loader.load_cis(metadata)? {
        text.push_str(&surface(&interface));
    }
    Ok(text)
}

/// The number that `ffi/src/boundary.rs` makes of a surface: 64-bit FNV-1a.
pub(crate) fn number_of(surface: &str) -> u64 {
    surface.bytes().fold(0xcbf2_9ce4_8422_2325, |number, byte| {
        (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn surface(interface: &ComponentInterface) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for function in interface.function_definitions() {
        blocks.push(format!("fun {}\n", signature(function.name(), function)));
    }
    blocks.extend(interface.object_definitions().iter().map(object));
    blocks.extend(interface.record_definitions().iter().map(record));
    for choice in interface.enum_definitions() {
        blocks.push(variants(choice, interface.is_name_used_as_error(choice.name())));
    }
    blocks.sort();
    blocks.concat()
}

fn object(object: &Object) -> String {
    let mut lines: Vec<String> =
        object.constructors().into_iter().map(|new| signature(new.name(), new)).collect();
    lines.extend(object.methods().into_iter().map(|method| signature(method.name(), method)));
    // Those that the app implements cross the boundary as a table in their own order.
    if object.has_callback_interface() {
        return block("trait", object.name(), lines);
    }
    lines.sort();
    block("object", object.name(), lines)
}

fn record(record: &Record) -> String {
    block("record", record.name(), record.fields().iter().map(field).collect())
}

fn variants(choice: &Enum, error: bool) -> String {
    let variant = |variant: &uniffi_bindgen::interface::Variant| {
        let fields: Vec<String> = variant.fields().iter().map(field).collect();
        match fields.is_empty() {
            true => variant.name().to_owned(),
            false => format!("{}({})", variant.name(), fields.join(", ")),
        }
    };
    let kind = if error { "error" } else { "enum" };
    block(kind, choice.name(), choice.variants().iter().map(variant).collect())
}

fn block(kind: &str, name: &str, lines: Vec<String>) -> String {
    lines.into_iter().fold(format!("{kind} {name}\n"), |mut text, line| {
        let _ = writeln!(text, "  {line}");
        text
    })
}

fn signature(name: &str, callable: &dyn Callable) -> String {
    let arguments: Vec<String> = callable
        .arguments()
        .into_iter()
        .map(|argument| {
            let default = default(argument.default_value());
            format!("{}: {}{default}", argument.name(), shown(&argument.as_type()))
        })
        .collect();
    let mut text = format!("{name}({})", arguments.join(", "));
    if let Some(returned) = callable.return_type() {
        let _ = write!(text, " -> {}", shown(returned));
    }
    if let Some(thrown) = callable.throws_type() {
        let _ = write!(text, " throws {}", shown(thrown));
    }
    text
}

fn field(field: &Field) -> String {
    format!("{}: {}{}", field.name(), shown(&field.as_type()), default(field.default_value()))
}

fn default(value: Option<&DefaultValue>) -> String {
    value.map(|value| format!(" = {}", literal(value))).unwrap_or_default()
}

fn literal(value: &DefaultValue) -> String {
    use uniffi_bindgen::interface::Literal;
    match value {
        DefaultValue::Default => "default".to_owned(),
        DefaultValue::Literal(Literal::None) => "none".to_owned(),
        DefaultValue::Literal(Literal::Boolean(value)) => value.to_string(),
        DefaultValue::Literal(Literal::UInt(value, ..)) => value.to_string(),
        DefaultValue::Literal(Literal::Int(value, ..)) => value.to_string(),
        DefaultValue::Literal(Literal::EmptySequence) => "[]".to_owned(),
        DefaultValue::Literal(other) => format!("{other:?}"),
    }
}

fn shown(kind: &Type) -> String {
    match kind {
        Type::Object { name, .. } | Type::Record { name, .. } | Type::Enum { name, .. } => {
            name.clone()
        }
        Type::Optional { inner_type } => format!("{}?", shown(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", shown(inner_type)),
        other => format!("{other:?}"),
    }
}
