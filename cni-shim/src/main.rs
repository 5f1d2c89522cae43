//! The binary: one CNI call in, one answer out. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    cni_shim::run::main()
}
