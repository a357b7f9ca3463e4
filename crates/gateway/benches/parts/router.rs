//! From a host and a path to an endpoint.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use porthole_gateway::router::{Entry, Place, Route, RouteRequest, Router, Target, normalise_host};
use porthole_http1::Fields;

pub fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("router");
    let fields = Fields::new();
    group.bench_function("normalise a host", |bencher| {
        bencher.iter(|| normalise_host(black_box("Shop.Tunnel.Example.com:8443")).map(|host| host.len()));
    });
    for count in [1, 100, 10_000] {
        let router = table(count);
        let host = format!("name{}.tunnel.example.com", count / 2);
        group.bench_with_input(
            BenchmarkId::new("one of so many hosts", count),
            &router,
            |bencher, router| {
                let request =
                    RouteRequest { host: &host, path: "/items/17", query: Some("page=2"), fields: &fields };
                assert!(matches!(router.route(&request), Route::Endpoint { .. }));
                bencher.iter(|| matches!(router.route(black_box(&request)), Route::Endpoint { .. }));
            },
        );
    }
    group.bench_function("the longest of several path prefixes", |bencher| {
        let host = "shop.tunnel.example.com";
        let rows = ["", "/api", "/api/v1", "/api/v1/items"].map(|path| entry(host, path));
        let router = Router::build(Some("tunnel.example.com"), rows);
        let request = RouteRequest { host, path: "/api/v1/items/17", query: None, fields: &fields };
        assert!(matches!(router.route(&request), Route::Endpoint { .. }));
        bencher.iter(|| matches!(router.route(black_box(&request)), Route::Endpoint { .. }));
    });
    group.bench_function("build the table for 10,000 hosts", |bencher| bencher.iter(|| table(10_000).len()));
    group.finish();
}

fn table(count: usize) -> Router<usize> {
    let entries = (0..count).map(|number| entry(&format!("name{number}.tunnel.example.com"), ""));
    Router::build(Some("tunnel.example.com"), entries)
}

fn entry(host: &str, path: &str) -> Entry<usize> {
    let place = Place::Host { host: host.to_owned(), path: path.to_owned() };
    Entry { place, matches: Vec::new(), strip: false, target: Target::Live(Arc::new(1)) }
}
