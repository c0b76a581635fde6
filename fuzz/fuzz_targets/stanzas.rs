#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oadr_xmpp::fuzzing::stanzas(bytes));
