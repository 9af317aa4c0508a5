//! Reads a built `noctule-ffi` library and writes its bindings: `generate --language python LIB`.
//!
//! `surface LIB` prints what the library exports, one line for each name with its types: the list
//! in `ffi/surface.txt` is compared with it, so that nothing that apps use changes by accident.
//! `kotlin LIB FOLDER` writes the Kotlin bindings as they ship.

mod kotlin;
mod surface;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["surface", library] => surface::of(library).map(|text| print!("{text}")),
        ["kotlin", library, folder] => kotlin::write(library, Path::new(folder)),
        _ => {
            uniffi::uniffi_bindgen_main();
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noctule-bindgen: {error}");
            ExitCode::FAILURE
        }
    }
}
