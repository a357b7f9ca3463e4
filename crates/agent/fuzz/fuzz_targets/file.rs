#![no_main]
//! The agent's `config.toml`: one sentence that names the place, or mappings that are whole.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use porthole_agent::config::Config;
use porthole_agent::mapping::MappingSpec;
use toml::Value;

fuzz_target!(|text: &str| {
    let Ok(table) = text.parse::<toml::Table>() else {
        let error = Config::parse(text, Path::new("config.toml")).expect_err("it is no TOML").to_string();
        assert!(!error.contains('\n'), "{error}");
        return;
    };
    if table.values().any(is_outside) {
        return;
    }
    match Config::parse(text, Path::new("config.toml")) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(config) => config.mappings.iter().for_each(whole),
    }
});

/// Values that name files, variables or commands, and passwords that take their time to hash: not what
/// a fuzzer should try out.
fn is_outside(value: &Value) -> bool {
    match value {
        Value::String(text) => ["exec:", "file:", "env:"].iter().any(|place| text.contains(place)),
        Value::Array(values) => values.iter().any(is_outside),
        Value::Table(table) => {
            table.contains_key("jwt_key_file")
                || table.contains_key("basic_auth")
                    && !table["basic_auth"].to_string().contains(":$argon2id$")
                || table.values().any(is_outside)
        }
        _ => false,
    }
}

fn whole(spec: &MappingSpec) {
    assert_eq!(spec.check(), Ok(()));
    assert!((1..=64).contains(&spec.id.len()));
    assert!((1..=86_400_000).contains(&spec.timeout_ms));
    let json = serde_json::to_string(spec).expect("a mapping can be written");
    assert_eq!(&serde_json::from_str::<MappingSpec>(&json).expect("and read"), spec);
    let wire = spec.serve(1).wire;
    let json = serde_json::to_string(&wire).expect("as can its wire form");
    assert_eq!(serde_json::from_str::<porthole_link::Mapping>(&json).expect("and read"), wire);
}
