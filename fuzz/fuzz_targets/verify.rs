#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oadr_sign::fuzzing::verify(bytes));
