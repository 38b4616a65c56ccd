//! What users see of their mistakes, recorded. `TRYBUILD=overwrite` writes the records anew.

#[test]
fn mistakes_are_explained_where_they_are() {
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wit");
    // SAFETY: this is the only test of its process, and nothing has started a thread yet.
    unsafe { std::env::set_var("RUSM_WIT", wit) };
    let cases = trybuild::TestCases::new();
    cases.pass("tests/diagnostics/pass/*.rs");
    cases.compile_fail("tests/diagnostics/*.rs");
}
