use std::sync::OnceLock;

use rusm_codegen::section;
use rusm_codegen::value::{parse_value, print_value};
use rusm_codegen::{Contract, Wit};

/// Takes the first byte as the number of a function of the test vectors' contract, and the rest as its argument on the wire. What
/// can be decoded is a value: its text is that of the same value, in as many bytes or fewer.
///
/// Also reads the input as a component's contracts.
///
/// # Panics
/// If a value changes on the way.
pub fn wire(input: &[u8]) {
    let _ = section::read(input);
    let Some((number, body)) = input.split_first() else { return };
    let contract = contract();
    let functions: Vec<_> = contract.all_functions().filter(|function| !function.params.is_empty()).collect();
    let function = functions[usize::from(*number) % functions.len()];
    let ty = &function.params[0].ty;
    let Ok(text) = print_value(contract, ty, body) else { return };
    let again = parse_value(contract, ty, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
    // A number may have been spelled with more bytes than it needs.
    assert!(again.len() <= body.len(), "{text}");
    assert_eq!(print_value(contract, ty, &again).as_ref(), Ok(&text));
}

fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let text = include_str!("../../codegen/tests/vectors/vectors.wit");
        let wit = Wit::parse("vectors.wit", text).expect("the vectors' WIT");
        wit.contract("test:vectors/vectors").expect("a contract")
    })
}
