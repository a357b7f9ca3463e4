#![no_main]
//! Lines between a command and the engine of another process, of this version or another: what is
//! read is written so that it is read again as the same.

use libfuzzer_sys::fuzz_target;
use porthole_agent::door::{FromEngine, ToEngine};
use serde::{Serialize, de::DeserializeOwned};

fn survives<M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &M) {
    let again = serde_json::to_string(message).expect("a message can be written");
    assert!(!again.contains('\n'), "one line");
    assert_eq!(&serde_json::from_str::<M>(&again).expect("and read"), message);
}

fuzz_target!(|text: &str| {
    if let Ok(message) = serde_json::from_str::<ToEngine>(text) {
        survives(&message);
    }
    if let Ok(mut message) = serde_json::from_str::<FromEngine>(text) {
        // Not every number with a point is read back to its last digit.
        if let FromEngine::Status(status) = &mut message {
            status.latency_ms = None;
        }
        survives(&message);
    }
});
