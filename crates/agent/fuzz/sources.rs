//! The parts of the agent that read what comes from outside, taken in as they stand. The whole of it
//! would bring a database, TLS and keychains into the fuzzer's build, which would then take several
//! times as long.

#[path = "../src"]
#[allow(dead_code, unused_imports, reason = "the targets use a part")]
mod sources {
    pub mod capture {
        pub mod frames {
            mod events;
            mod frame;
            mod websocket;
            pub use events::EventReader;
            pub use frame::{FRAME_BYTES, Frame};
            pub use websocket::MessageReader;
        }
    }
    pub mod config;
    pub mod door;
    pub mod events;
    pub mod fields;
    pub mod forward {
        pub mod devserver;
        pub mod rewrite;
    }
    pub mod gateway_link;
    pub mod gateway_url;
    pub mod inspect {
        pub mod decode;
        /// Without its way to the store.
        pub mod filter {
            mod error;
            mod keys;
            mod matches;
            mod parse;
            mod term;
            mod value;
            mod write;
            pub use error::{FilterError, Problem};
            pub use keys::{Flag, KEYS, Key, Known};
            pub use matches::Subject;
            use term::media_parts;
            pub use term::{Filter, MAX_FILTER_BYTES, MAX_LIST, MAX_TERMS, Phrase, Term, Test};
            pub use value::{Compare, StatusTest, When, bytes, bytes_text};
        }
        pub mod har;
        pub mod name;
        pub mod recorded;
    }
    pub mod mapping;
    pub mod paths;
    pub mod secrets;
    pub mod target;
}

pub use sources::{
    capture, config, door, events, fields, forward, gateway_link, gateway_url, inspect, mapping, paths,
    secrets, target,
};
