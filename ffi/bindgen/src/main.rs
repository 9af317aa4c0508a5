//! Reads a built `noctule-ffi` library and writes its bindings: `generate --language python LIB`.
//!
//! `surface LIB` prints what the library exports, one line for each name with its types: the list in
//! `ffi/surface.txt` is compared with it, so that nothing that apps use changes by accident.

mod surface;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ["surface", library] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        uniffi::uniffi_bindgen_main();
        return ExitCode::SUCCESS;
    };
    match surface::of(library) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("noctule-bindgen: {library}: {error}");
            ExitCode::FAILURE
        }
    }
}
