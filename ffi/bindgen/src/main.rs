//! Reads a built `noctule-ffi` library and writes its bindings: `generate --language python LIB`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
