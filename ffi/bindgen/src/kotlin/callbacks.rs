//! What Rust calls: here JNA has to know the structures, so callbacks have some of their own.

use super::Result;

/// The types of the section `library` that callbacks need; there are no futures.
pub(super) fn types(library: &str) -> String {
    let mut kept = String::new();
    let mut block: Vec<&str> = Vec::new();
    for line in library.lines() {
        let begins = line.starts_with("@Structure") || line.starts_with("internal interface ");
        if !block.is_empty() || begins {
            block.push(line);
        }
        if line == "}" {
            let text = block.join("\n");
            if !text.is_empty() && !text.contains("ForeignFuture") && !text.contains("RustFuture") {
                kept.push_str(&text);
                kept.push('\n');
            }
            block.clear();
        }
    }
    kept
}

/// `text` with callbacks that take the structures of `callbacks.kt`, and that Rust is told of when
/// the first listener is handed over.
pub(super) fn adapted(text: &str) -> Result<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut buffers: Vec<String> = Vec::new();
    let mut converter = String::new();
    let mut code = String::new();
    let mut told = 0;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let indent = &line[..line.len() - trimmed.len()];
        if let Some(name) = trimmed.strip_prefix("public object FfiConverterType") {
            converter = name.split([':', ' ']).next().unwrap_or_default().to_owned();
        }
        let is_callback = trimmed.starts_with("fun callback(")
            || trimmed.starts_with("override fun callback(")
            || trimmed.starts_with("callStatus: UniffiRustCallStatus");
        if is_callback {
            buffers = buffer_arguments(line);
            let line = line.replace("RustBuffer.ByValue", "UniffiCallbackBuffer.ByValue");
            lines.push(line.replace("UniffiRustCallStatus", "UniffiCallbackStatus"));
        } else if let Some(value) = trimmed.strip_prefix("callStatus.code = ") {
            value.clone_into(&mut code);
        } else if let Some(value) = trimmed.strip_prefix("callStatus.error_buf = ") {
            lines.push(format!("{indent}callStatus.fail({code}, {value})"));
        } else if trimmed == "internal fun register(lib: UniffiLib) {" {
            lines.push(format!("{indent}internal val registered: Unit = run {{"));
            told += 1;
        } else if trimmed.starts_with("lib.") && trimmed.ends_with("(vtable)") {
            lines.push(line.replace("lib.", "UniffiLib."));
        } else if trimmed == "return handleMap.insert(value)" {
            lines.push(format!("{indent}uniffiCallbackInterface{converter}.registered"));
            lines.push(line.to_owned());
            told += 1;
        } else {
            lines.push(buffers.iter().fold(line.to_owned(), |line, name| {
                line.replace(&format!("lift({name})"), &format!("lift({name}.taken())"))
            }));
        }
    }
    lines.push(String::new());
    match told > 0 && told % 2 == 0 {
        true => Ok(lines.join("\n")),
        false => Err("the generator registers callbacks otherwise".into()),
    }
}

/// The names of the arguments of a callback that are buffers.
fn buffer_arguments(line: &str) -> Vec<String> {
    let arguments = line.split_once('(').map(|(_, arguments)| arguments).unwrap_or_default();
    let pairs = arguments.split(',').filter_map(|argument| argument.split_once(": "));
    let buffers = pairs.filter(|(_, kind)| *kind == "RustBuffer.ByValue");
    buffers.map(|(name, _)| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: &str = "\
    internal object `onProgress`: Method0 {
        override fun callback(`id`: Long,`step`: RustBuffer.ByValue,status: UniffiRustCallStatus,) {
            call(Step.lift(`step`), Long.lift(`id`))
    internal fun register(lib: UniffiLib) {
        lib.init(vtable)
public object FfiConverterTypeListener: FfiConverter<Listener, Long> {
            return handleMap.insert(value)
";

    #[test]
    fn a_callback_takes_structures_of_its_own_and_is_told_of_with_the_first_listener() {
        let text = adapted(GENERATED).unwrap();
        assert!(
            text.contains("`step`: UniffiCallbackBuffer.ByValue,status: UniffiCallbackStatus,")
        );
        assert!(text.contains("Step.lift(`step`.taken()), Long.lift(`id`)"));
        assert!(text.contains("registered: Unit = run {\n        UniffiLib.init(vtable)"));
        assert!(text.contains("uniffiCallbackInterfaceListener.registered\n            return"));
    }

    #[test]
    fn a_listener_that_is_never_told_of_is_an_error() {
        let (begin, _) = GENERATED.split_once("public object").unwrap();
        assert!(adapted(begin).is_err());
    }

    #[test]
    fn types_of_futures_are_left_out() {
        let library = "// x\ninternal interface UniffiFree : C {\n    f\n}\n\
                       @Structure.FieldOrder(\"a\")\nclass ForeignFuture(\n) {\n}\n";
        assert_eq!(types(library), "internal interface UniffiFree : C {\n    f\n}\n");
    }
}
