//! Whether a visitor is let in, short of the password's own check, which costs 20 ms by design.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use porthole_gateway::policy::{Compiled, Decision, PolicyRequest, decide};
use porthole_http1::{Fields, RequestHead, Version};
use porthole_link::control::{
    BasicAuth, CannedAnswer, Cors, HeaderField, HeaderRules, Maintenance, Policy, RateLimit, Rewrite,
};

/// A hash of agents' own cost; nothing here checks a password against it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy");
    let visitor = "192.0.2.77".parse().expect("an address");
    let now = Instant::now();
    let plain = Fields::from_iter([("Host", "shop.example"), ("Accept", "*/*"), ("Content-Length", "2")]);
    let mut with_password = plain.clone();
    with_password.push("Authorization", "Basic YWRhOmxvdmVsYWNl");
    let stranger = PolicyRequest { visitor, method: "POST", path: "/api/orders/17", fields: &plain, now };
    let known = PolicyRequest { fields: &with_password, ..stranger };
    let networks = |count: u32| (0..count).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    let password = vec![BasicAuth { user: "ada".into(), hash: HASH.into() }];
    let paths = |part: &str| (0..100).map(|n| format!("/api/{part}-{n}")).collect();
    let methods = ["GET", "PATCH", "DELETE", "POST"].map(str::to_owned).to_vec();
    let answer = |n| CannedAnswer { path: format!("/old/{n}"), status: 410, ..CannedAnswer::default() };
    let answers = (0..32).map(answer).collect();
    let maintenance = Maintenance { message: None, retry_after: 300 };
    let origins = (0..100).map(|n| format!("https://app-{n}.example")).collect();
    let cors = Cors { origins, ..Cors::default() };
    let cases: [(&str, Policy, PolicyRequest<'_>); 10] = [
        ("no policy", Policy::default(), stranger),
        ("1,000 networks denied", Policy { deny_ip: networks(1000), ..Policy::default() }, stranger),
        ("a password asked for", Policy { basic_auth: password.clone(), ..Policy::default() }, stranger),
        ("a password given", Policy { basic_auth: password, ..Policy::default() }, known),
        ("a list of methods", Policy { allow_methods: methods, ..Policy::default() }, stranger),
        (
            "100 private and 100 public paths",
            Policy { private_paths: paths("private"), public_paths: paths("public"), ..Policy::default() },
            stranger,
        ),
        ("32 answers", Policy { answers, ..Policy::default() }, stranger),
        ("maintenance", Policy { maintenance: Some(maintenance), ..Policy::default() }, stranger),
        ("CORS of 100 origins, no preflight", Policy { cors: Some(cors), ..Policy::default() }, stranger),
        ("a bound on bodies", Policy { max_body: Some(1000), ..Policy::default() }, stranger),
    ];
    for (name, policy, request) in cases {
        let compiled = Compiled::new(&policy, "shop").expect("the policy is valid");
        group.bench_function(name, |bencher| {
            bencher.iter(|| matches!(decide(black_box(&compiled), black_box(&request)), Decision::Allow(_)));
        });
    }
    let limit = Some(RateLimit { requests: 1_000_000, seconds: 1 });
    let limits = Policy { rate_limit: limit, visitor_rate_limit: limit, ..Policy::default() };
    let compiled = Compiled::new(&limits, "shop").expect("the policy is valid");
    group.bench_function("two rate limits", |bencher| {
        let mut now = now;
        bencher.iter(|| {
            // As fast as the limits let it.
            now += Duration::from_micros(1);
            let request = PolicyRequest { now, ..stranger };
            matches!(decide(black_box(&compiled), black_box(&request)), Decision::Allow(_))
        });
    });
    group.finish();
    changes(criterion);
}

/// What is changed of a request's head after it was let in; the head's own copy is part of it.
fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy/change");
    let of = |range: std::ops::Range<usize>| {
        range.map(|n| HeaderField { name: format!("X-Field-{n}"), value: "v".into() }).collect()
    };
    let headers = HeaderRules {
        remove: (0..10).map(|n| format!("X-Gone-{n}")).collect(),
        set: of(0..11),
        add: of(11..22),
    };
    let rewrites =
        (0..32).rev().map(|n| Rewrite { from: format!("/v{}", n + 1), to: "/api/2024".into() }).collect();
    let pairs = (0..20).map(|n| (format!("X-Field-{}", 2 * n), "visitors"));
    let fields = pairs.chain([("Host".to_owned(), "shop.example")]).collect();
    let head =
        RequestHead { method: "GET".into(), target: "/v1/x?y".into(), version: Version::Http11, fields };
    for (name, policy) in [
        ("nothing", Policy::default()),
        ("the last of 32 paths", Policy { rewrites, ..Policy::default() }),
        ("32 changes to 21 fields", Policy { request_headers: headers, ..Policy::default() }),
    ] {
        let compiled = Compiled::new(&policy, "shop").expect("the policy is valid");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut head = head.clone();
                black_box(&compiled).change_request(&mut head);
                head
            });
        });
    }
    group.finish();
}
