//! What metrics and status say of automatic certificates and of the Caddy in front.

use porthole_testkit::certificates::Authority;
use porthole_testkit::front::{Front, free_address};
use porthole_testkit::wait::until;
use porthole_testkit::{Admin, Gateway, Pebble, has_program};
use serde_json::{Value, json};

/// Asks for the status until `holds`; returns it with the metrics of the same time.
async fn told(admin: &Admin, what: &str, holds: impl Fn(&Value) -> bool) -> (Value, String) {
    let status = until(what, || async {
        let status = admin.look("/api/v1/status").await.json();
        holds(&status).then_some(status)
    });
    (status.await, admin.look("/metrics").await.text())
}

fn has(metrics: &str, sample: &str) -> bool {
    metrics.lines().any(|line| line == format!("porthole_gateway_{sample}"))
}

#[tokio::test]
async fn an_authority_that_is_away_is_told_by_its_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, Authority::new().pem()).expect("written");
    let directory = format!("https://{}/directory", free_address());
    let mut gateway = Gateway::builder()
        .public_url(Some("https://gate.test"))
        .args(["--admin-listen", "127.0.0.1:0", "--acme-email", "admin@gate.test"])
        .args(["--acme-directory", &directory, "--acme-ca-file", ca.to_str().expect("a path")])
        .start()
        .await;
    let admin = Admin::of(&mut gateway).await;
    let failed = |status: &Value| status["acme"]["orders_failed"].as_u64() > Some(0);
    let (status, metrics) = told(&admin, "a failed order", failed).await;
    let last = &status["acme"]["last_failure"];
    assert_eq!((&last["code"], &last["name"]), (&"authority-away".into(), &"gate.test".into()), "{status}");
    assert_eq!(status["caddy"], Value::Null);
    assert_eq!(status["acme"]["expiring"], json!({ "1d": 0, "7d": 0, "30d": 0, "longer": 0 }));
    for sample in [
        "acme_names 1",
        "acme_certificates{within=\"1d\"} 0",
        "acme_certificates{within=\"longer\"} 0",
        "acme_last_failure{code=\"authority-away\"} 1",
        "acme_orders_total 0",
    ] {
        assert!(has(&metrics, sample), "{sample}: {metrics}");
    }
    assert!(!metrics.contains("gate.test"), "names are no labels: {metrics}");
    // Beyond metrics and status nobody is told of Caddy or certificates.
    assert!(!metrics.contains("caddy_"), "{metrics}");
}

#[tokio::test]
async fn a_certificate_is_counted_by_how_long_it_holds_and_named_in_the_status() {
    if !has_program("pebble") {
        return;
    }
    let pebble = Pebble::start(24 * 60 * 60).await;
    let admin_listen = ["--admin-listen", "127.0.0.1:0"];
    let mut gateway = pebble.at(Gateway::builder().args(admin_listen)).start().await;
    let admin = Admin::of(&mut gateway).await;
    let at_hand = |status: &Value| status["acme"]["certificates"] == 1;
    let (status, metrics) = told(&admin, "a certificate", at_hand).await;
    let soonest = &status["acme"]["soonest"][0];
    assert_eq!(soonest["name"], "gate.test");
    assert!(soonest["days"].as_i64() <= Some(1), "{soonest}");
    assert!(has(&metrics, "acme_certificates{within=\"1d\"} 1"), "{metrics}");
    assert!(has(&metrics, "acme_orders_total 1"), "{metrics}");
}

#[tokio::test]
async fn a_caddy_that_is_away_and_back_is_told() {
    let door = free_address();
    let away = free_address();
    let mut gateway = Gateway::builder()
        .public_url(Some(&format!("http://localhost:{}", door.port())))
        .args(["--caddy-admin", &format!("http://{away}"), "--trusted-proxies", "127.0.0.1"])
        .args(["--admin-listen", "127.0.0.1:0"])
        .start()
        .await;
    let admin = Admin::of(&mut gateway).await;
    let down = |status: &Value| status["caddy"]["state"] == "down";
    let (status, metrics) = told(&admin, "a Caddy that is down", down).await;
    assert!(status["caddy"]["problem"].as_str().is_some_and(|text| text.contains("reach")), "{status}");
    assert!(status["caddy"]["failures"]["unreachable"].as_u64() >= Some(1), "{status}");
    assert!(has(&metrics, "caddy_up 0"), "{metrics}");
    assert!(metrics.contains("caddy_failures_total{code=\"unreachable\"}"), "{metrics}");
    if !has_program("caddy") {
        return;
    }
    let caddy = Front::caddy(|admin| json!({ "admin": { "listen": admin.to_string() } })).await;
    let mut gateway = Gateway::builder()
        .public_url(Some(&format!("http://localhost:{}", door.port())))
        .args(["--caddy-admin", &format!("http://localhost:{}", caddy.address.port())])
        .args(["--trusted-proxies", "127.0.0.1", "--admin-listen", "127.0.0.1:0"])
        .start()
        .await;
    let admin = Admin::of(&mut gateway).await;
    let good = |status: &Value| status["caddy"]["state"] == "good";
    let (status, metrics) = told(&admin, "a Caddy that has its routes", good).await;
    assert_eq!(status["caddy"]["problem"], Value::Null);
    assert!(has(&metrics, "caddy_up 1") && has(&metrics, "caddy_routes 1"), "{metrics}");
}
