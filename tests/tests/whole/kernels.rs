//! Whatever multiplies, the slates are the same. `cargo dev arm` compares them across processors.

use std::process::Command;

use noctule_core::scoring::Kernel;

/// What a process prints that has to use `kernel`.
fn published_with(kernel: &str) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"));
    child.arg("slates").arg(scratch.path()).env("NOCTULE_KERNEL", kernel);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_kernel_makes_the_same_slates() {
    let expected = published_with("portable");
    // Five releases, two nights, six slates.
    assert_eq!(expected.len(), 1 + 60);
    for kernel in Kernel::available() {
        let found = published_with(kernel.name());
        assert_eq!(found[0], format!("kernel {}", kernel.name()));
        for (found, expected) in found.iter().zip(&expected).skip(1) {
            assert_eq!(found, expected, "{}", kernel.name());
        }
        assert_eq!(found.len(), expected.len());
    }
}
