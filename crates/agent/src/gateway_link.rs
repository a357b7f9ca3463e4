//! `porthole://connect?…`: gateway and token in one link, as `porthole-gateway token create` prints it.

use url::Url;

use crate::secrets::Secret;

/// What a link asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectLink {
    /// The gateway's URL as it was written.
    pub gateway: String,
    pub token: Option<Secret>,
}

/// Something of ours, but not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the porthole:// link is not complete: copy it again from `porthole-gateway token create`")]
pub struct BrokenLink;

/// Reads a link; none if the text is no link at all.
pub fn read(text: &str) -> Result<Option<ConnectLink>, BrokenLink> {
    let text = text.trim();
    if !text.to_ascii_lowercase().starts_with("porthole:") {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|_| BrokenLink)?;
    let find = |wanted: &str| {
        url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let gateway = find("gateway").filter(|_| url.host_str() == Some("connect")).ok_or(BrokenLink)?;
    Ok(Some(ConnectLink { gateway, token: find("token").map(Secret::new) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_gateway_and_token() {
        let link = "porthole://connect?gateway=https%3A%2F%2Ftunnel.example.com&token=a%2Bb";
        let ConnectLink { gateway, token } = read(link).unwrap().unwrap();
        assert_eq!((gateway.as_str(), token.unwrap().expose()), ("https://tunnel.example.com", "a+b"));
        assert_eq!(read("https://tunnel.example.com"), Ok(None));
        for broken in ["porthole://connect", "porthole://other?gateway=https://x", "porthole:"] {
            assert_eq!(read(broken), Err(BrokenLink), "{broken}");
        }
    }
}
