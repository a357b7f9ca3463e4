//! The parts of the agent that read what comes from outside, taken in as they stand. The whole of it
//! would bring a database, TLS and keychains into the fuzzer's build, which would then take several
//! times as long.

#[path = "../src"]
#[allow(dead_code, unused_imports, reason = "the targets use a part")]
mod sources {
    pub mod config;
    pub mod door;
    pub mod events;
    pub mod fields;
    pub mod forward {
        pub mod devserver;
        pub mod rewrite;
    }
    pub mod gateway_url;
    pub mod mapping;
    pub mod paths;
    pub mod secrets;
    pub mod target;
}

pub use sources::{config, door, events, fields, forward, gateway_url, mapping, paths, secrets, target};
