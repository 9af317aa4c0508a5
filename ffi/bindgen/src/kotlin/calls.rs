//! The functions of the library, as Kotlin declares and calls them.

use std::fmt::Write as _;

use super::Result;

/// What is called for each screen, with `noctule_buffer_new` and `noctule_buffer_free`. JNA calls
/// fast what is bound, but takes milliseconds to bind the first of all; so the first slate goes
/// without, and `UniffiCalls.bind` is for a thread that nobody waits for.
const OFTEN: [&str; 4] = [
    "clone_recommender",
    "method_recommender_recommend",
    "method_recommender_record",
    "method_recommender_consent",
];

/// One function as UniFFI declares it.
#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    name: &'a str,
    /// Name and type, without the status.
    arguments: Vec<(&'a str, &'a str)>,
    returns: &'a str,
}

/// How a function is called.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// Through two addresses.
    Buffered,
    /// As it is, with the address of a status: a handle is cloned or freed.
    Handle,
    /// With a structure of functions that Rust calls.
    VTable,
    /// Not at all: futures, which there are none of, and what `calls.kt` has other functions for.
    Unused,
}

impl Function<'_> {
    fn form(&self) -> Form {
        let Some((_, what)) = self.name.split_once("_fn_") else { return Form::Unused };
        match what {
            _ if self.name.starts_with("ffi_") => Form::Unused,
            _ if what.starts_with("init_callback_vtable_") => Form::VTable,
            _ if what.starts_with("clone_") || what.starts_with("free_") => Form::Handle,
            _ => Form::Buffered,
        }
    }

    /// Whether JNA binds it.
    fn often(&self) -> bool {
        self.name.split_once("_fn_").is_some_and(|(_, what)| OFTEN.contains(&what))
    }

    /// The function of the library.
    fn symbol(&self) -> String {
        match (self.form(), self.name.strip_prefix("uniffi_")) {
            (Form::Buffered, Some(rest)) => format!("uniffi_ffibuffer_{rest}"),
            _ => self.name.to_owned(),
        }
    }

    /// The arguments that the rest of the bindings hand over.
    fn parameters(&self) -> String {
        self.arguments.iter().fold(String::new(), |mut text, (name, kind)| {
            let _ = write!(text, "{name}: {kind}, ");
            text
        })
    }
}

/// The declarations of the section `library` of the generated bindings, as they are written
/// instead; `surface` is the number of what the library exports.
pub(super) fn declared(library: &str, surface: u64) -> Result<String> {
    let functions = functions(library)?;
    let contract = functions.iter().find(|f| f.name.ends_with("_uniffi_contract_version"));
    let contract = contract.ok_or("no function tells the version of UniFFI's contract")?.name;
    let version = number_behind(library, "val bindings_contract_version = ")?;
    let used: Vec<&Function> = functions.iter().filter(|f| f.form() != Form::Unused).collect();
    if used.iter().filter(|function| function.often()).count() != OFTEN.len() {
        return Err(format!("not all of {OFTEN:?} are there").into());
    }
    let most = used.iter().map(|function| elements(function)).max().unwrap_or_default();
    let mut text = format!(
        "/** Elements that the arguments of a call take at most. */
internal const val UNIFFI_ARGUMENTS = {most}

/** The element where how a call ended begins, how many there are, and the bytes of each. */
internal const val UNIFFI_ENDING = UNIFFI_ARGUMENTS + 3
internal const val UNIFFI_ELEMENTS = UNIFFI_ENDING + 4
internal const val UNIFFI_ELEMENT = 8

/** What the library says of itself, and has to say for these bindings. */
internal const val UNIFFI_CONTRACT = \"{contract}\"
internal const val UNIFFI_CONTRACT_VERSION = {version}
internal const val UNIFFI_SURFACE = {}L

",
        surface.cast_signed(),
    );
    text.push_str(include_str!("calls.kt"));
    text.push_str(&bound(&used));
    text.push_str("internal object UniffiLib {\n");
    text.push_str("    internal val CLEANER: Cleaner = Cleaner.getCleaner()\n");
    for function in used {
        text.push_str(&call(function)?);
    }
    text.push_str("}\n\n");
    Ok(text)
}

/// The object whose functions JNA binds.
fn bound(functions: &[&Function]) -> String {
    let mut text = "
/** @suppress */
internal object UniffiBound {
    init {
        Native.register(UniffiBound::class.java, findLibraryName(componentName = \"noctule\"))
    }

    /** Binds, since this is what using the object does. */
    fun ensure() = Unit

    external fun noctule_buffer_new(size: Long, buffer: Pointer, status: Pointer)
    external fun noctule_buffer_free(buffer: Pointer, status: Pointer)
"
    .to_owned();
    for function in functions.iter().filter(|function| function.often()) {
        let arguments = match function.form() {
            Form::Handle => "handle: Long, status: Pointer",
            _ => "arguments: Pointer, results: Pointer",
        };
        let returns = match function.form() {
            Form::Handle => function.returns,
            _ => "Unit",
        };
        text.push_str(&format!("    external fun {}({arguments}): {returns}\n", function.symbol()));
    }
    text.push_str("}\n\n");
    text
}

/// How `function` is called, by the name and with the arguments that the rest of the bindings know.
fn call(function: &Function) -> Result<String> {
    let Function { name, arguments, returns } = function;
    let (symbol, parameters) = (function.symbol(), function.parameters());
    let addresses = match function.form() {
        Form::VTable => {
            let table = arguments.first().ok_or("a table is told that is no argument")?.0;
            let parameters = parameters.trim_end_matches(", ");
            return Ok(format!(
                "
    fun {name}({parameters}) =
        UniffiCalls.tell(\"{symbol}\", {table})
"
            ));
        }
        Form::Handle => {
            let handle = arguments.first().ok_or("a handle is cloned that is no argument")?.0;
            format!("{handle}, status.ending")
        }
        _ => format!("status.arguments, status.results({})", elements_of(returns)?),
    };
    let mut text =
        format!("\n    fun {name}({parameters}status: UniffiRustCallStatus): {returns} {{\n");
    if function.form() == Form::Handle {
        text.push_str("        status.expect()\n");
    } else {
        let mut at = 0;
        for (argument, kind) in arguments {
            writeln!(text, "        status.put({at}, {argument})")?;
            at += elements_of(kind)?;
        }
    }
    let (returned, kind, result) = match (function.form(), *returns) {
        (Form::Handle, "Long") => ("return ", "clone", ""),
        (Form::Handle, "Unit") => ("", "free", ""),
        (_, "Unit") => ("", "call", ""),
        (_, "Byte") => ("", "call", "        return status.byte()\n"),
        (_, "Long") => ("", "call", "        return status.long()\n"),
        (_, "RustBuffer.ByValue") => ("", "call", "        return status.buffer()\n"),
        (_, other) => {
            return Err(format!("`{name}` returns {other}, which boundary.kt cannot").into());
        }
    };
    let slowly = format!("UniffiCalls.{kind}(\"{symbol}\", {addresses})");
    match function.often() {
        true => writeln!(
            text,
            "        {returned}if (UniffiCalls.bound) UniffiBound.{symbol}({addresses})
        else {slowly}"
        )?,
        false => writeln!(text, "        {returned}{slowly}")?,
    }
    text.push_str(result);
    text.push_str("    }\n");
    Ok(text)
}

fn elements(function: &Function) -> usize {
    let kinds = function.arguments.iter().map(|(_, kind)| elements_of(kind).unwrap_or_default());
    kinds.sum()
}

/// Elements that a value of a type takes, as `FfiSerialize` has them.
fn elements_of(kind: &str) -> Result<usize> {
    match kind {
        "Unit" => Ok(0),
        "Byte" | "Int" | "Long" => Ok(1),
        "RustBuffer.ByValue" => Ok(3),
        _ => Err(format!("boundary.kt cannot hand over a {kind}").into()),
    }
}

/// Every `external fun name(argument: Type, ...): Type`.
fn functions(library: &str) -> Result<Vec<Function<'_>>> {
    library.split("external fun ").skip(1).map(function).collect()
}

fn function(text: &str) -> Result<Function<'_>> {
    let wrong = || format!("the generator declares functions otherwise: {text:.80}");
    let (name, rest) = text.split_once('(').ok_or_else(wrong)?;
    let (arguments, rest) = rest.split_once("):").ok_or_else(wrong)?;
    let returns = rest.lines().next().ok_or_else(wrong)?.trim();
    let arguments = arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty());
    let arguments = arguments.filter(|argument| !argument.starts_with("uniffi_out_err"));
    let arguments = arguments.map(|argument| argument.split_once(": ").ok_or_else(wrong));
    Ok(Function { name, arguments: arguments.collect::<std::result::Result<_, _>>()?, returns })
}

fn number_behind<'a>(text: &'a str, what: &str) -> Result<&'a str> {
    let (_, behind) = text.split_once(what).ok_or_else(|| format!("no longer there: {what}"))?;
    Ok(behind.lines().next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: &str =
        "uniffi_n_fn_free_recommender(`handle`: Long,uniffi_out_err: Status, \n): Unit";

    #[test]
    fn a_declaration_is_read_without_its_status() {
        let free = function(FREE).unwrap();
        assert_eq!(
            (free.arguments.as_slice(), free.returns),
            (&[("`handle`", "Long")][..], "Unit")
        );
        assert_eq!((free.form(), free.often()), (Form::Handle, false));
    }

    #[test]
    fn arguments_lie_behind_each_other_and_the_result_before_the_end() {
        let text = "uniffi_n_fn_method_recommender_x(`a`: Long,`b`: RustBuffer.ByValue,`c`: Int,\n\
                    uniffi_out_err: Status,): RustBuffer.ByValue\n";
        let text = call(&function(text).unwrap()).unwrap();
        for line in [
            "status.put(0, `a`)",
            "status.put(1, `b`)",
            "status.put(4, `c`)",
            "UniffiCalls.call(\"uniffi_ffibuffer_n_fn_method_recommender_x\", status.arguments, \
             status.results(3))",
            "return status.buffer()",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
    }

    #[test]
    fn a_type_that_the_boundary_does_not_know_is_an_error() {
        for text in ["uniffi_n_fn_func_x(`a`: Float,): Unit", "uniffi_n_fn_func_x(): Double"] {
            assert!(call(&function(text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn futures_and_buffers_are_not_declared() {
        for name in
            ["ffi_n_rust_future_poll_u8", "uniffi_n_checksum_func_x", "ffi_n_rustbuffer_free"]
        {
            let text = format!("{name}(): Unit");
            assert_eq!(function(&text).unwrap().form(), Form::Unused, "{name}");
        }
    }
}
