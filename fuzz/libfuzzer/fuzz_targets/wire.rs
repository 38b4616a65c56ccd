#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rusm_fuzz::wire(input));
