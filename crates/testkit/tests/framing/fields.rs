//! Fields that end at a hop, and fields that say who the visitor is.

use super::{OK, Scene, values};

#[tokio::test]
async fn hop_by_hop_fields_and_what_connection_names_stop_in_both_directions() {
    let answer = |_: &str| {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Inner, keep-alive\r\nX-Inner: canary\r\n\
         Connection: x-second\r\nX-SECOND: canary\r\nKeep-Alive: timeout=canary\r\nProxy-Authenticate: canary\r\n\
         Proxy-Connection: canary\r\nTE: canary\r\nUpgrade: canary\r\nX-Kept: yes\r\n\r\nok"
            .to_owned()
    };
    let scene = Scene::answering(answer, |world| world).await;
    let request = "GET /hops HTTP/1.1\r\nHost: HOST\r\nConnection: X-Outer , ,close\r\nX-Outer: canary\r\n\
         Connection: \"x\", x-second\r\nX-SECOND: canary\r\nKeep-Alive: canary\r\nProxy-Connection: canary\r\n\
         Proxy-Authorization: canary\r\nTE: canary, trailers;q=0.5, trailers\r\nUpgrade: canary\r\nX-Kept: yes\r\n\r\n";
    let answer = scene.attack(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("canary"), "{answer:?}");
    assert_eq!(values(&answer, "x-kept"), ["yes"], "{answer:?}");
    assert_eq!(values(&answer, "connection"), ["close"], "{answer:?}");
    let seen = scene.received.request("/hops").expect("the request arrives");
    assert!(!seen.contains("canary"), "{seen:?}");
    assert_eq!(values(&seen, "te"), ["trailers"], "{seen:?}");
    assert_eq!(values(&seen, "x-kept"), ["yes"], "{seen:?}");
    assert!(values(&seen, "connection").is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_visitor_cannot_name_away_what_the_gateway_or_the_service_relies_on() {
    // The same by the service: what browsers rely on.
    let answer = |_: &str| {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Content-Length, Set-Cookie, Content-Security-Policy,\
         X-Forwarded-For, Location, Vary\r\nSet-Cookie: a=b; HttpOnly\r\nContent-Security-Policy: default-src 'none'\r\n\
         Location: /x\r\nVary: Accept\r\n\r\nok"
            .to_owned()
    };
    let scene = Scene::answering(answer, |world| world).await;
    let request = "POST /named HTTP/1.1\r\nHost: HOST\r\nConnection: close, Host, Content-Length, Authorization, \
         Cookie, Origin, Content-Type, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Real-IP, Sec-Fetch-Site\r\n\
         Content-Length: 5\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nOrigin: http://o\r\nContent-Type: text/plain\r\n\
         Sec-Fetch-Site: cross-site\r\n\r\nhello";
    let answer = scene.attack(request).await;
    let seen = scene.received.request("/named").expect("the request arrives");
    for (name, value) in [
        ("host", scene.host().as_str()),
        ("content-length", "5"),
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("origin", "http://o"),
        ("content-type", "text/plain"),
        ("sec-fetch-site", "cross-site"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", scene.host().as_str()),
        ("x-forwarded-proto", "http"),
    ] {
        assert_eq!(values(&seen, name), [value], "{name}: {seen:?}");
    }
    assert!(seen.ends_with("\r\n\r\nhello"), "{seen:?}");
    for (name, value) in [
        ("content-length", "2"),
        ("set-cookie", "a=b; HttpOnly"),
        ("content-security-policy", "default-src 'none'"),
        ("location", "/x"),
        ("vary", "Accept"),
    ] {
        assert_eq!(values(&answer, name), [value], "{name}: {answer:?}");
    }
}

/// What a visitor may try to pass for: each names another address, host or scheme.
const FORGED: &str = "X-Forwarded-For: 6.6.6.6\r\nX-FORWARDED-FOR: 6.6.6.6, 127.0.0.1\r\nX_Forwarded_For: 6.6.6.6\r\n\
     X.Forwarded.For: 6.6.6.6\r\nX-Forwarded_For: 6.6.6.6\r\nx_forwarded-for: 6.6.6.6\r\nX-Forwarded.For: 6.6.6.6\r\n\
     X-Forwarded-Proto: evil\r\nX_Forwarded_Proto: evil\r\nX-Forwarded-Scheme: evil\r\nX-Forwarded-Ssl: evil\r\n\
     X-Forwarded-Host: evil\r\nX_FORWARDED_HOST: evil\r\nX-Forwarded-Server: evil\r\nX-Forwarded-Port: 666\r\n\
     X-Forwarded-Prefix: /evil\r\nX-Forwarded-User: evil\r\nX-Real-IP: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\n\
     X.Real.Ip: 6.6.6.6\r\nForwarded: for=6.6.6.6;host=evil;proto=evil\r\nforwarded: for=\"[6:6:6::6]\"\r\n";

#[tokio::test]
async fn what_a_visitor_says_of_itself_is_overwritten_in_every_spelling() {
    let scene = Scene::new().await;
    let port = scene.world.gateway.port().to_string();
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let request = format!("GET /forged {version}\r\nHost: HOST\r\n{FORGED}Connection: close\r\n\r\n");
        assert!(scene.attack(request).await.starts_with("HTTP/1.1 200 "));
        let seen = scene.received.request("/forged").expect("the request arrives");
        for forged in ["6.6.6", "evil", "666", "6:6:6"] {
            assert!(!seen.contains(forged), "{forged}: {seen:?}");
        }
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", scene.host().as_str()),
            ("x-forwarded-port", port.as_str()),
        ] {
            assert_eq!(values(&seen, name), [value], "{name}: {seen:?}");
        }
        scene.received.clear();
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_only_under_the_standard_names_and_from_the_right() {
    let scene = Scene::with(|world| {
        let world = world.gateway(|gateway| gateway.args(["--trusted-proxies", "127.0.0.0/8"]));
        world.agent_args(["--allow-ip", "203.0.113.7"])
    })
    .await;
    let ask =
        |fields: &str| format!("GET /told HTTP/1.1\r\nHost: HOST\r\n{fields}\r\nConnection: close\r\n\r\n");
    let rows = [
        ("X-Forwarded-For: 203.0.113.7", "200"),
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.7", "200"),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.7", "200"),
        ("X-Forwarded-For: 203.0.113.7, 127.0.0.9", "200"),
        ("Forwarded: for=6.6.6.6, for=203.0.113.7", "200"),
        ("X-Forwarded-For: 203.0.113.7, 6.6.6.6", "403"),
        ("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 6.6.6.6", "403"),
        ("X-Forwarded-For: 203.0.113.7, nonsense", "403"),
        ("X_Forwarded_For: 203.0.113.7", "403"),
        ("X.Forwarded.For: 203.0.113.7", "403"),
        ("X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 203.0.113.7", "403"),
        ("X-Forwarded-For: 6.6.6.6\r\nForwarded: for=203.0.113.7", "403"),
        ("X-Real-IP: 203.0.113.7", "403"),
        ("X-Other: nothing", "403"),
    ];
    for (fields, status) in rows {
        let answer = scene.attack(ask(fields)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields:?}: {answer:?}");
    }
    scene.received.clear();
    let odd = "X-Forwarded-For: 203.0.113.7\r\nX_Forwarded_For: canary\r\nX.Forwarded.Host: canary\r\n\
         X-Forwarded-Host: a b\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 99999";
    assert!(scene.attack(ask(odd)).await.starts_with("HTTP/1.1 200 "));
    let seen = scene.received.request("/told").expect("the request arrives");
    assert!(!seen.contains("canary") && !seen.contains("gopher"), "{seen:?}");
    assert_eq!(values(&seen, "x-forwarded-host"), [scene.host()], "an invalid host is not believed");
    assert_eq!(values(&seen, "x-forwarded-proto"), ["http"], "{seen:?}");
}

#[tokio::test]
async fn no_origin_is_ever_reflected_by_the_gateway() {
    for more in
        [&["--basic-auth", "u:p"][..], &["--basic-auth", "u:p", "--cors-origin", "https://app.example"]]
    {
        no_origin_is_reflected(&Scene::with(|world| world.agent_args(more)).await).await;
    }
}

async fn no_origin_is_reflected(scene: &Scene) {
    let own = format!("localhost:{}", scene.world.gateway.port());
    for (host, path) in [
        (scene.host().as_str(), "/"),
        ("nobody.localhost", "/"),
        (own.as_str(), "/health"),
        (own.as_str(), "/api/v1/status"),
        (own.as_str(), "/tunnel"),
    ] {
        for method in ["GET", "OPTIONS"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://evil.example\r\n\
                 Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n"
            );
            let answer = scene.attack(request).await.to_ascii_lowercase();
            assert!(answer.starts_with("http/1.1 "), "{method} {host}{path}: {answer:?}");
            assert!(!answer.contains("access-control-"), "{method} {host}{path}: {answer:?}");
            assert!(!answer.contains("evil.example"), "{method} {host}{path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_services_cors_fields_pass_as_they_are() {
    let cors =
        "Access-Control-Allow-Origin: https://app.example\r\nAccess-Control-Allow-Credentials: true\r\n";
    let answer = move |_: &str| OK.replace("\r\n\r\n", &format!("\r\n{cors}\r\n"));
    let scene = Scene::answering(answer, |world| world).await;
    let request = "GET / HTTP/1.1\r\nHost: HOST\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n";
    let answer = scene.attack(request).await;
    assert_eq!(values(&answer, "access-control-allow-origin"), ["https://app.example"], "{answer:?}");
    assert!(answer.contains(cors), "{answer:?}");
}
