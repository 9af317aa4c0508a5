//! The Kotlin bindings as they ship: what UniFFI writes, with another way over the boundary.
//!
//! UniFFI 0.32 hands buffers and statuses over as JNA structures. JNA describes each by reflection
//! and gives it memory of its own: most of the time to the first slate went there, and more than
//! half of a call. Here every call goes through the form of it that takes two addresses (UniFFI's
//! `scaffolding-ffi-buffer-fns`), [`boundary.kt`](boundary.kt) writes the numbers there, and
//! structures are left to callbacks, which no app meets before its first night.
//!
//! | step | file |
//! |---|---|
//! | calls: two addresses each; those of each screen are bound when there is time | `calls.rs` |
//! | values: read and written by functions, not objects | `values.rs` |
//! | callbacks: structures of their own, registered with the first listener | `callbacks.rs` |
//! | places that must be there exactly once | `text.rs` |
//!
//! Each checksum that UniFFI compares is a call of its own, and knows nothing of records. One
//! number over the whole surface takes their place: see `ffi/src/boundary.rs`.

mod callbacks;
mod calls;
mod text;
mod values;

use std::path::{Path, PathBuf};

use uniffi::{GenerateOptions, TargetLanguage};

use crate::surface;
use text::Text;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Writes the bindings of `library` below `folder`.
///
/// # Errors
/// A library without metadata, files that cannot be read or written, and a place to change that is
/// not there: another version of the generator, whose output somebody has to look at.
pub(crate) fn write(library: &str, folder: &Path) -> Result<()> {
    uniffi::generate(GenerateOptions {
        languages: vec![TargetLanguage::Kotlin],
        source: library.into(),
        out_dir: folder.to_string_lossy().into_owned().into(),
        format: false,
        ..GenerateOptions::default()
    })?;
    let files = kotlin_files(folder)?;
    let [file] = files.as_slice() else {
        return Err(format!("the generator wrote {} files of Kotlin", files.len()).into());
    };
    let surface = surface::number_of(&surface::of(library)?);
    let text = rewritten(std::fs::read_to_string(file)?, surface)?;
    Ok(std::fs::write(file, text)?)
}

fn kotlin_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "kt") {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// The bindings `text` with the other way over the boundary.
fn rewritten(text: String, surface: u64) -> Result<String> {
    let mut text = Text::new(text);
    text.replace_between(
        "@Structure.FieldOrder(\"capacity\", \"len\", \"data\")\nopen class RustBuffer",
        "// A handful of classes and functions",
        concat!(include_str!("boundary.kt"), include_str!("values.kt")),
    )?;
    text.replace_between(
        "@Structure.FieldOrder(\"code\", \"error_buf\")",
        "class InternalException(",
        include_str!("callbacks.kt"),
    )?;
    text.replace(NEW_EACH_TIME, USED_AGAIN)?;
    let library =
        text.replace_between("// Define FFI callback types\n", "// Async support\n", "")?;
    let mut between = callbacks::types(&library);
    between.push_str(&calls::declared(&library, surface)?);
    text.replace("// Public interface members begin here.\n", &between)?;
    text.replace(
        "return FfiConverterTypeRecommender.lift(",
        "return Recommender(UniffiWithHandle, ",
    )?;
    text.replace("        RustBuffer.free(error_buf)\n", "        uniffiFree(error_buf)\n")?;
    text.replace_between(
        "/**\n * The cleaner interface for Object finalization",
        "/**\n * @suppress\n */\npublic object FfiConverterUByte",
        "",
    )?;
    for (have, need) in IMPORTS {
        text.replace(have, &format!("{have}{need}"))?;
    }
    let text = values::adapted(&callbacks::adapted(&text.into_string())?)?;
    // An object that nobody uses, for each record and variant.
    let text = text.lines().filter(|line| line.trim() != "companion object");
    let text = text.fold(String::new(), |text, line| text + line + "\n");
    Ok(text.replace("UniffiCleaner.Cleanable", "Cleaner.Cleanable"))
}

/// What is imported, and what has to be behind it.
const IMPORTS: [(&str, &str); 2] = [
    ("import com.sun.jna.Callback\n", "import com.sun.jna.internal.Cleaner\n"),
    (
        "import java.nio.charset.CodingErrorAction\n",
        "import java.nio.charset.StandardCharsets\nimport java.nio.BufferOverflowException\n",
    ),
];

/// What a call looks like as it is generated.
const NEW_EACH_TIME: &str = "
    var status = UniffiRustCallStatus()
    val return_value = callback(status)
    uniffiCheckCallStatus(errorHandler, status)
    return return_value
}
";

/// And as it is written instead.
const USED_AGAIN: &str = "
    val statuses = uniffiStatuses()
    val status = statuses.take()
    try {
        val return_value = callback(status)
        uniffiCheckCallStatus(errorHandler, status)
        return return_value
    } finally {
        statuses.give(status)
    }
}
";
