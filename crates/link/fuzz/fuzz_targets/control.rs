#![no_main]
//! Control messages of both ends: what is read is written so that it is read again as the same.

use libfuzzer_sys::fuzz_target;
use porthole_link::{ToAgent, ToGateway};
use serde::{Serialize, de::DeserializeOwned};

fn survives<M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
    let Ok(message) = serde_json::from_str::<M>(text) else { return };
    let again = serde_json::to_string(&message).expect("a message can be written");
    assert_eq!(serde_json::from_str::<M>(&again).expect("and read"), message);
}

fuzz_target!(|text: &str| {
    survives::<ToGateway>(text);
    survives::<ToAgent>(text);
});
