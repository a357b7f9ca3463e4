//! Whose TLS is not ended here, by the host that a handshake names.

use std::collections::HashMap;
use std::sync::Arc;

use crate::router::Endpoint;

/// Hosts of mappings that end their TLS themselves.
#[derive(Debug, Default)]
pub struct ServerNames {
    passed: HashMap<String, Arc<Endpoint>>,
}

impl ServerNames {
    pub(super) fn new(passed: impl IntoIterator<Item = (String, Arc<Endpoint>)>) -> Self {
        Self { passed: passed.into_iter().collect() }
    }

    /// Nobody's handshake need be looked at.
    pub fn is_empty(&self) -> bool {
        self.passed.is_empty()
    }

    /// Where the connection goes as it is; `host` is normalised.
    pub fn passed(&self, host: &str) -> Option<&Arc<Endpoint>> {
        self.passed.get(host)
    }
}
