//! Who may enter.

mod floor;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base64::Engine;
use porthole_http1::Fields;
use porthole_link::control::{BasicAuth, Policy};
use proptest::prelude::*;

use super::*;

fn hash(password: &str) -> String {
    let cheap = Params::new(64, 1, 1, None).expect("valid cost");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap)
        .hash_password_with_salt(password.as_bytes(), b"saltsaltsalt")
        .expect("hashes")
        .to_string()
}

fn with_user(user: &str, password: &str) -> Compiled {
    let policy = Policy {
        basic_auth: vec![BasicAuth { user: user.into(), hash: hash(password) }],
        ..Policy::default()
    };
    Compiled::new(&policy, "shop").expect("valid")
}

fn lists(allow: &[&str], deny: &[&str]) -> Compiled {
    let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    Compiled::new(&Policy { allow_ip: own(allow), deny_ip: own(deny), ..Policy::default() }, "shop")
        .expect("valid")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn status(policy: &Compiled, visitor: &str) -> Option<u16> {
    let fields = Fields::new();
    match decide(policy, &request(visitor, &fields)) {
        Decision::Allow(_) => None,
        Decision::Refuse(refusal) => Some(refusal.status()),
        Decision::NeedsPassword(..) | Decision::NeedsKey(..) | Decision::NeedsToken(..) => Some(0),
    }
}

fn request<'a>(visitor: &str, fields: &'a Fields) -> PolicyRequest<'a> {
    PolicyRequest { visitor: ip(visitor), method: "GET", path: "/", fields, now: Instant::now() }
}

fn with_authorization(value: impl AsRef<[u8]>) -> Fields {
    Fields::from_iter([("Authorization", value)])
}

#[test]
fn deny_wins_over_allow_and_an_allow_list_keeps_others_out() {
    let policy = lists(&["10.0.0.0/8", "2001:db8::/32"], &["10.1.0.0/16", "::ffff:10.2.0.0/112"]);
    assert_eq!(status(&policy, "10.0.0.1"), None);
    assert_eq!(status(&policy, "::ffff:10.0.0.1"), None);
    assert_eq!(status(&policy, "2001:db8::1"), None);
    for visitor in ["10.1.0.1", "10.2.0.1", "11.0.0.1", "2001:db9::1", "::1", "::ffff:10.1.0.1"] {
        assert_eq!(status(&policy, visitor), Some(403), "{visitor}");
    }
    assert_eq!(status(&lists(&[], &["10.0.0.1"]), "10.0.0.2"), None);
    assert_eq!(status(&Compiled::default(), "203.0.113.9"), None);
}

#[test]
fn a_policy_that_cannot_be_read_is_refused_with_a_sentence() {
    let wrong = |policy: Policy| Compiled::new(&policy, "shop").expect_err("refused");
    assert!(
        wrong(Policy { allow_ip: vec!["10.0.0.0/33".into()], ..Policy::default() }).contains("10.0.0.0/33")
    );
    let user = |user: &str, hash: &str| Policy {
        basic_auth: vec![BasicAuth { user: user.into(), hash: hash.into() }],
        ..Policy::default()
    };
    assert!(wrong(user("ann", "secret")).contains("argon2id"));
    let dear = hash("x").replace("m=64", "m=65537");
    assert!(wrong(user("ann", &dear)).contains("64 MiB"));
    let at_the_bound = hash("x").replace("m=64", "m=65536");
    assert!(Compiled::new(&user("ann", &at_the_bound), "shop").is_ok());
    assert!(wrong(user("a:b", &hash("x"))).contains("colon"));
}

#[test]
fn a_realm_cannot_split_the_header() {
    let policy =
        Policy { basic_auth: vec![BasicAuth { user: "a".into(), hash: hash("x") }], ..Policy::default() };
    let compiled = Compiled::new(&policy, "sh\"op\r\nSet-Cookie: a=b\\").expect("valid");
    let values = compiled.challenge().www_authenticate;
    assert_eq!(values, ["Basic realm=\"shopSet-Cookie: a=b\", charset=\"UTF-8\""]);
}

#[tokio::test]
async fn the_right_password_enters_and_the_wrong_one_is_asked_again() {
    let policy = with_user("ann", "s3cret: with colon");
    let passwords = Passwords::default();
    let ask = async |text: &str| {
        let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
        let fields = with_authorization(value);
        let request = request("203.0.113.1", &fields);
        match decide(&policy, &request) {
            Decision::NeedsPassword(credentials, _) => {
                passwords.check(&policy, credentials, request.visitor).await
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(ask("ann:s3cret: with colon").await.is_ok());
    assert!(ask("ann:s3cret: with colon").await.is_ok());
    assert_eq!(ask("ann:wrong").await.map_err(|refusal| refusal.status), Err(401));
    assert_eq!(ask("bob:s3cret: with colon").await.map_err(|refusal| refusal.status), Err(401));
    for _ in 0..20 {
        let _ = ask("ann:wrong").await;
    }
    let slowed = ask("ann:wrong").await.expect_err("slowed down");
    assert_eq!((slowed.status, slowed.code), (429, "too-many-attempts"));
    assert!(ask("ann:s3cret: with colon").await.is_ok(), "known credentials are not slowed");
}

#[tokio::test]
async fn guesses_from_many_addresses_slow_down_a_name_and_not_its_neighbours() {
    let (policy, other) = (with_user("ann", "right"), with_user("ann", "right"));
    let passwords = Passwords::default();
    let ask = async |policy: &Compiled, user: &str, password: &str, visitor: u32| {
        let credentials = Credentials { user: user.into(), password: password.into() };
        let answer = passwords.check(policy, credentials, IpAddr::from(visitor.to_be_bytes())).await;
        answer.map_err(|refusal| refusal.status)
    };
    assert_eq!(ask(&policy, "ann", "right", 0).await, Ok(()));
    for user in ["ann", "nobody"] {
        for visitor in 1..=100 {
            assert_eq!(ask(&policy, user, "wrong", visitor).await, Err(401), "{user} {visitor}");
        }
        assert_eq!(ask(&policy, user, "wrong", 200).await, Err(429), "an address that never failed");
    }
    assert_eq!(ask(&policy, "ann", "right", 201).await, Ok(()), "known credentials are not slowed");
    assert_eq!(ask(&policy, "bob", "wrong", 202).await, Err(401), "nor is another name");
    assert_eq!(ask(&other, "ann", "right", 203).await, Ok(()), "nor the same name of another mapping");
}

#[test]
fn what_is_no_basic_authorization_is_asked_for_one() {
    let policy = with_user("ann", "x");
    let long = format!("Basic {}", "A".repeat(5000));
    for value in ["", "Basic", "Basic !!!", "Bearer abc", "Basic YWJj", long.as_str()] {
        let fields = with_authorization(value);
        let request = request("::1", &fields);
        let Decision::Refuse(refusal) = decide(&policy, &request) else { panic!("{value}") };
        assert_eq!(refusal.status(), 401, "{value}");
    }
    let fields = with_authorization("bAsIc YW5uOng=");
    let request = request("::1", &fields);
    assert!(matches!(decide(&policy, &request), Decision::NeedsPassword(..)));
}

proptest! {
    #[test]
    fn an_address_on_the_deny_list_never_enters(v4 in any::<[u8; 4]>(), bits in 0_u8..=32, mapped in any::<bool>()) {
        let address = IpAddr::from(v4);
        let network = format!("{address}/{bits}");
        let policy = lists(&["0.0.0.0/0", "::/0"], &[&network]);
        let visitor = match (address, mapped) {
            (IpAddr::V4(v4), true) => IpAddr::V6(v4.to_ipv6_mapped()),
            (address, _) => address,
        };
        prop_assert!(!policy.admits(visitor));
    }

    #[test]
    fn any_authorization_is_read_without_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let policy = with_user("ann", "x");
        let fields = with_authorization(&value);
        let _ = decide(&policy, &request("::1", &fields));
    }
}
