//! The parts of the gateway that read what comes from outside, taken in as they stand. The whole of it
//! would bring HTTP/2, TLS and a web framework into the fuzzer's build, which would then take several
//! times as long.

#[path = "../src"]
#[allow(dead_code, unused_imports, reason = "the targets use a part")]
mod sources {
    pub mod agents {
        pub mod plan;
    }
    pub mod allowance;
    pub mod caddy {
        pub mod address;
    }
    pub mod claims;
    pub mod config;
    pub mod files;
    pub mod forwarded;
    pub mod policy;
    pub mod prefix;
    pub mod proxy_protocol;
    pub mod rescue;
    pub mod router;
    pub mod secret;
    pub mod throttle;
    pub mod tokens;
    pub mod way_back;
}

pub use sources::{
    agents, allowance, caddy, claims, config, files, forwarded, policy, prefix, proxy_protocol, rescue,
    router, secret, throttle, tokens, way_back,
};
