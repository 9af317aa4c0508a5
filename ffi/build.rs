//! How the library for phones is linked. Only where it is built for size (profile `mobile`): the
//! linkers of other builds need not know these flags.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    if of("OPT_LEVEL") != "z" {
        return;
    }
    let packed = match (of("CARGO_CFG_TARGET_OS").as_str(), of("CARGO_CFG_TARGET_ARCH").as_str()) {
        // Android knows this form since API 23, and the shorter one since 28.
        ("android", _) => "-Wl,--pack-dyn-relocs=android",
        // Rust brings LLD for this target.
        ("linux", "x86_64") => "-Wl,-z,pack-relative-relocs",
        _ => return,
    };
    // Functions with the same code are there once: a tenth of the library are such twins, made of
    // generics for types of one layout. Nothing of ours compares the addresses of functions.
    println!("cargo:rustc-link-arg-cdylib=-Wl,--icf=all");
    println!("cargo:rustc-link-arg-cdylib={packed}");
}
