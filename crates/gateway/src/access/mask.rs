//! What of a request's target may stand in a log.

/// Query parameters whose values never reach a log, by a part of their name.
const SECRET_PARTS: [&str; 12] = [
    "token",
    "key",
    "signature",
    "sig",
    "code",
    "pass",
    "pwd",
    "secret",
    "auth",
    "session",
    "credential",
    "jwt",
];

/// The target with the values of secret-looking query parameters masked.
pub fn masked(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let mut text = String::with_capacity(target.len());
    text.push_str(path);
    let mut separator = '?';
    for pair in query.split('&') {
        text.push(separator);
        separator = '&';
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                text.push_str(name);
                text.push_str("=***");
            }
            _ => text.push_str(pair),
        }
    }
    text
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // An encoded name is not decoded to look inside: it is masked.
    name.contains('%') || SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_a_query_are_masked_and_the_rest_stays() {
        assert_eq!(masked("/a?x=1&access_token=abc&y"), "/a?x=1&access_token=***&y");
        assert_eq!(masked("/a?TOKEN=abc&X-Amz-Signature=q"), "/a?TOKEN=***&X-Amz-Signature=***");
        assert_eq!(masked("/a?p%61ssword=abc"), "/a?p%61ssword=***");
        assert_eq!(masked("/a?code=1=2&&b=?"), "/a?code=***&&b=?");
        assert_eq!(masked("/token=abc"), "/token=abc");
        assert_eq!(masked("/"), "/");
    }
}
