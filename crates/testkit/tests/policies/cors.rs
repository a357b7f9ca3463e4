//! What pages of other origins are told, in the service's place.

use porthole_testkit::agent::Home;
use porthole_testkit::{LocalService, Reply, World};

use super::{ask, ask_http2, ask_with};

const APP: &str = "https://app.example";

/// A service with CORS of its own, which lets anybody in.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\n\
                      Vary: Accept\r\nAccess-Control-Expose-Headers: X-Inner\r\n\r\nok";

const ARGS: [&str; 11] = [
    "--cors-origin",
    "https://App.example/,http://localhost:5173",
    "--cors-method",
    "put,PATCH",
    "--cors-header",
    "Content-Type,X-Env",
    "--cors-credentials",
    "--cors-expose",
    "X-Total",
    "--cors-max-age",
    "10m",
];

async fn preflight(world: &World, origin: &str, http2: bool) -> Reply {
    let fields = [
        ("origin", origin),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-env"),
    ];
    if http2 {
        ask_http2(world, "OPTIONS", "/x", &fields).await
    } else {
        ask_with(world, "OPTIONS", "/x", &fields).await
    }
}

fn all<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    reply.fields.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

/// Nothing but that it depends on the origin.
fn is_told_nothing(reply: &Reply) -> bool {
    let none = reply.fields.keys().all(|name| !name.as_str().starts_with("access-control-"));
    none && all(reply, "vary").contains(&"Origin")
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_gateway_before_anybody_asks_for_a_password() {
    let (service, received) = LocalService::recording(|_| ANSWER.to_owned()).await;
    let world = World::builder().service(service).agent_args(ARGS);
    let more = ["--basic-auth", "u:p", "--allow-method", "GET,PUT"];
    let world = world.agent_args(more).start().await;
    for http2 in [false, true] {
        let reply = preflight(&world, APP, http2).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply:?}");
        for (name, value) in [
            ("access-control-allow-origin", APP),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH"),
            ("access-control-allow-headers", "Content-Type, X-Env"),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
        ] {
            assert_eq!(all(&reply, name), [value], "{name}");
        }
        for stranger in
            ["https://evil.example", "null", "https://app.example.evil", "https://app.example:8443"]
        {
            let reply = preflight(&world, stranger, http2).await;
            assert!(reply.status == 204 && is_told_nothing(&reply), "{stranger}: {reply:?}");
        }
    }
    assert_eq!(received.requests().len(), 0, "nothing reaches the service");
    // An OPTIONS request that asks nothing beforehand is one like any other.
    assert_eq!(ask_with(&world, "OPTIONS", "/x", &[("origin", APP)]).await.status, 405);
}

#[tokio::test]
async fn what_the_service_says_is_replaced_for_listed_origins_and_taken_off_for_others() {
    let (service, received) = LocalService::recording(|_| ANSWER.to_owned()).await;
    let world = World::builder().service(service).agent_args(ARGS).start().await;
    for http2 in [false, true] {
        let get = async |origin: Option<&str>| {
            let fields: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
            if http2 { ask_http2(&world, "GET", "/", &fields).await } else { ask(&world, "/", &fields).await }
        };
        let reply = get(Some(APP)).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert_eq!(all(&reply, "access-control-allow-origin"), [APP]);
        assert_eq!(all(&reply, "access-control-allow-credentials"), ["true"]);
        assert_eq!(all(&reply, "access-control-expose-headers"), ["X-Total"]);
        assert_eq!(all(&reply, "vary"), ["Accept", "Origin"]);
        for other in [None, Some("https://evil.example"), Some("null"), Some("*")] {
            let reply = get(other).await;
            assert!(reply.status == 200 && is_told_nothing(&reply), "{other:?}: {reply:?}");
        }
    }
    assert!(received.requests().iter().any(|seen| seen.contains(APP)), "the service sees who asks");
}

#[tokio::test]
async fn a_page_reads_why_it_was_refused_where_it_may_read_answers() {
    let world = World::builder().agent_args(["--cors-origin", APP, "--private-path", "/admin"]).start().await;
    let refused = ask(&world, "/admin", &[("origin", APP)]).await;
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (404, Some(APP)));
    let other = ask(&world, "/admin", &[("origin", "https://evil.example")]).await;
    assert!(other.status == 404 && is_told_nothing(&other), "{other:?}");
    // Nothing listens any more where this one leads.
    let service = LocalService::canned(b"").await;
    let more = ["--name", "gone", "--cors-origin", "*"];
    let agent = world.another_agent(&service, &more).await;
    drop(service);
    let mut visitor = world.visitor();
    visitor.host = visitor.host.replace("app.", "gone.");
    let down = visitor.get("/x").await;
    assert_eq!((down.status, down.field("access-control-allow-origin")), (502, Some("*")), "{down:?}");
    drop(agent);
}

#[tokio::test]
async fn any_origin_is_told_so_and_what_pages_ask_for_is_allowed_where_any_is() {
    let more = ["--cors-origin", "*", "--cors-method", "*", "--cors-header", "*"];
    let world = World::builder().agent_args(more).start().await;
    let reply = preflight(&world, "https://anybody.example", false).await;
    assert_eq!(reply.status, 204);
    assert_eq!(all(&reply, "access-control-allow-origin"), ["*"]);
    assert_eq!(all(&reply, "access-control-allow-methods"), ["PUT"]);
    assert_eq!(all(&reply, "access-control-allow-headers"), ["x-env"]);
    assert_eq!((reply.field("access-control-allow-credentials"), reply.field("vary")), (None, None));
    assert_eq!(ask(&world, "/hello", &[]).await.field("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn cors_that_cannot_be_is_refused_with_2() {
    let home = Home::new();
    for (options, said) in [
        (&["--cors-origin", "app.example"][..], "“app.example”"),
        (&["--cors-origin", "null"], "“null”"),
        (&["--cors-origin", "https://a.example/x"], "“https://a.example/x”"),
        (&["--cors-origin", "*", "--cors-credentials"], "credentials"),
        (&["--cors-origin", "*,https://a.example"], "alone"),
        (&["--cors-method", "PUT"], "--cors-origin"),
        (&["--cors-origin", "*", "--cors-method", "P T"], "“P T”"),
        (&["--cors-origin", "*", "--cors-header", "X Env"], "CORS"),
        (&["--cors-origin", "*", "--cors-expose", "*"], "CORS"),
        (&["--cors-origin", "*", "--cors-max-age", "2d"], "“2d”"),
    ] {
        let outcome = home.run(&[&["http", "3000"][..], options].concat()).await;
        assert_eq!(outcome.code, Some(2), "{options:?}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{options:?}: {outcome:?}");
    }
    let tcp = home.run(&["mappings", "add", "tcp://db:1", "--cors-origin", "*"]).await;
    assert_eq!((tcp.code, tcp.stderr.contains("HTTP only")), (Some(2), true), "{tcp:?}");
}
