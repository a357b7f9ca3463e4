//! Connection management: keep-alive, upgrade, hop-by-hop fields.

use crate::{Fields, RequestHead, Version};

/// True when the connection may carry another message after this one, as far as this head says
/// (RFC 9112 §9.3: 1.1 unless `close`, 1.0 only with `keep-alive`).
pub fn keeps_alive(_version: Version, _fields: &Fields) -> bool {
    todo!()
}

/// The protocol asked for with `Connection: upgrade` and `Upgrade: …` (HTTP/1.1 only), as it came.
pub fn upgrade(_head: &RequestHead) -> Option<String> {
    todo!()
}

/// Removes what ends at this hop: Connection and everything it names, Keep-Alive, Proxy-Connection,
/// TE (kept as `TE: trailers` when it said so), Trailer is kept, Transfer-Encoding, Upgrade,
/// Proxy-Authenticate, Proxy-Authorization.
/// Names such as Host, Content-Length or Authorization that `Connection` tries to nominate are not
/// removed.
pub fn strip_hop_by_hop(_fields: &mut Fields) {
    todo!()
}
