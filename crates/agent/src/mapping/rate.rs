//! Rate limits as people write them: `10/s`, `600/m`, `5/10s`.

use porthole_link::control::RateLimit;

use super::{MappingError, shown};

/// The letters after a number, largest first, with their seconds.
const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// `10/s`, `600/m`, `5/10s`: requests within a time of 1 s to 24 h.
pub fn parse_rate(text: &str) -> Result<RateLimit, MappingError> {
    read(text.trim()).filter(|limit| limit.is_usable()).ok_or_else(|| MappingError::Rate(shown(text)))
}

fn read(text: &str) -> Option<RateLimit> {
    let (requests, time) = text.split_once('/')?;
    let time = time.trim();
    let (count, seconds) =
        UNITS.into_iter().find_map(|(unit, seconds)| Some((time.strip_suffix(unit)?, seconds)))?;
    let count = match count {
        "" => 1,
        count => number(count)?,
    };
    Some(RateLimit { requests: number(requests.trim())?, seconds: count.checked_mul(seconds)? })
}

/// Digits only: `+5` and `0x5` mean something else to somebody.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The same the other way round, in the largest unit that fits.
pub fn rate_text(limit: RateLimit) -> String {
    let fitting = |(_, seconds): &(char, u32)| limit.seconds.is_multiple_of(*seconds);
    let (unit, seconds) = UNITS.into_iter().find(fitting).unwrap_or(('s', 1));
    match limit.seconds / seconds {
        1 => format!("{}/{unit}", limit.requests),
        count => format!("{}/{count}{unit}", limit.requests),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_requests_within_a_time() {
        for (text, requests, seconds) in [
            ("10/s", 10, 1),
            (" 600 / m ", 600, 60),
            ("5/10s", 5, 10),
            ("1/90m", 1, 5_400),
            ("1000000/d", 1_000_000, 86_400),
            ("1/24h", 1, 86_400),
        ] {
            assert_eq!(parse_rate(text), Ok(RateLimit { requests, seconds }), "{text}");
        }
        let odd = ["", "10", "/s", "10/", "10/x", "+1/s", "1/+1s", "1/1.5s", "-1/s", "1/sm", "1/ss", "1//s"];
        let beyond = ["0/s", "1/0s", "1000001/s", "1/25h", "1/86401s", "1/4294967295d", "4294967297/s"];
        for text in odd.iter().chain(&beyond) {
            let error = parse_rate(text).expect_err(text);
            assert!(error.to_string().contains(&format!("“{text}”")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_rate_that_is_shown_reads_as_itself(
            requests in 1..=RateLimit::MAX_REQUESTS,
            seconds in 1..=RateLimit::MAX_SECONDS,
        ) {
            let limit = RateLimit { requests, seconds };
            prop_assert_eq!(parse_rate(&rate_text(limit)), Ok(limit));
        }
    }
}
