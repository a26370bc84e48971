//! Tests that need what not every machine has.

use std::io::Write as _;

/// Says on the terminal that a test tests nothing because `what` is missing. In CI, and where the variable
/// `required` is set, that is a failure.
pub(crate) fn skip(what: &str, required: &str) {
    for variable in ["CI", required] {
        let is_set = std::env::var_os(variable).is_some();
        assert!(!is_set, "{what}, and {variable} is set");
    }
    // Straight to the handle: the output of the macros is swallowed in tests that pass.
    let mut out = std::io::stderr();
    writeln!(out, "\n*** SKIPPED, nothing was tested: {what} ***\n").unwrap();
}
