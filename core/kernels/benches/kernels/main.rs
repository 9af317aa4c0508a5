//! The kernels as the library for phones is compiled, beside the same at `opt-level = 3`
//! throughout, one process of each in turn.
//!
//! `cargo dev bench kernels`; compiles itself in the profile `mobile`, too, the first time. A
//! process tells the least time of each; what is shown are the medians over processes, and the
//! median of the ratios of each turn with its interval of 95 %. The loops that call the kernels
//! belong to this package, and are compiled for speed in both; `kernel_callers` has what the rest
//! of the library makes of them.

mod turns;
mod works;

use std::process::ExitCode;

fn main() -> ExitCode {
    turns::run(["noctule-kernels", "kernels"], &works::NAMES, works::print)
}
