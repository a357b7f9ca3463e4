//! Floods and slow peers: the gateway and the agent stay within a bound of memory (held by a memory
//! cgroup where one can be made), and another visitor is served throughout.

mod http1;
mod http2;
mod slow;
mod websocket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use porthole_testkit::certificates::Authority;
use porthole_testkit::cgroup::Memory;
use porthole_testkit::h2_frames;
use porthole_testkit::wait::{PATIENCE, eventually, within_time};
use porthole_testkit::{LocalService, Visitor, World, long};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// MiB that either program may grow by under a flood that names no other number.
const MORE_MIB: u64 = 64;

/// Requests of the other visitor before a flood, to compare with.
const QUIET: usize = 50;

/// Pause between two requests of the other visitor.
const PAUSE: Duration = Duration::from_millis(5);

/// In the long form 99 of 100 requests of the other visitor are answered within this: attackers, service
/// and both programs (in a debug build) share two cores. `faults` compares more exactly.
const SERVED_WITHIN: Duration = Duration::from_secs(5);

/// The smaller number in the short form.
fn size(short: usize, full: usize) -> usize {
    if long() { full } else { short }
}

/// Lets this process open as many sockets as it may.
fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Someone else, who only wants to be served.
#[derive(Clone)]
enum Other {
    Clear(Visitor),
    Tls(Visitor, Arc<rustls::ClientConfig>),
}

impl Other {
    /// How long a request on a fresh connection took.
    async fn served(&self) -> Duration {
        let begun = Instant::now();
        match self {
            Self::Clear(visitor) => {
                let reply = visitor.get("/hello").await;
                assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
            }
            Self::Tls(visitor, config) => {
                let mut stream = h2_frames::tls(visitor.address, &visitor.host, config.clone()).await;
                let host = &visitor.host;
                let request = format!("GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                stream.write_all(request.as_bytes()).await.expect("sent");
                let mut answer = String::new();
                let read = within_time("an answer over TLS", PATIENCE, stream.read_to_string(&mut answer));
                read.await.expect("an answer over TLS");
                assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
            }
        }
        begun.elapsed()
    }

    /// Asks again and again, on a thread of its own, until told to stop.
    fn keep_asking(&self, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Duration>> {
        let other = self.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    times.push(other.served().await);
                    tokio::time::sleep(PAUSE).await;
                }
                times
            })
        })
    }
}

/// Runs a flood with both programs held and another visitor asking all the while. What was measured is
/// printed.
async fn withstands(name: &str, world: World, attack: impl AsyncFnOnce(&World)) {
    let other = Other::Clear(world.visitor());
    withstands_within(name, world, other, [MORE_MIB, MORE_MIB], attack).await;
}

/// The same with another bound, in MiB for gateway and agent.
async fn withstands_within(
    name: &str,
    mut world: World,
    other: Other,
    more_mib: [u64; 2],
    attack: impl AsyncFnOnce(&World),
) {
    raise_descriptors();
    let mut quiet = Vec::new();
    for _ in 0..QUIET {
        quiet.push(other.served().await);
    }
    let gateway = Memory::bound(&world.gateway.process, more_mib[0]);
    let agent = Memory::bound(&world.agent.process, more_mib[1]);
    let stop = Arc::new(AtomicBool::new(false));
    let asking = other.keep_asking(stop.clone());
    let begun = Instant::now();
    attack(&world).await;
    let lasted = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    // Not joined before: the local service runs on this thread.
    eventually("the other visitor's last answer", || asking.is_finished()).await;
    let mut times = asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    // Once more, now that it is over.
    times.push(other.served().await);

    let [quiet_middle, quiet_p99] = percentiles(&mut quiet);
    let [middle, p99] = percentiles(&mut times);
    let taken = [gateway.check(&mut world.gateway.process), agent.check(&mut world.agent.process)];
    eprintln!(
        "{name} ({lasted:.1?}): gateway {}, agent {}; each held to {gateway}; {} requests of another \
         visitor, p50 {middle:.1?} p99 {p99:.1?} (quiet {quiet_middle:.1?} {quiet_p99:.1?})",
        taken[0],
        taken[1],
        times.len(),
    );
    if long() {
        assert!(p99 < SERVED_WITHIN, "{name}: another visitor waited {p99:?}");
    }
}

fn percentiles(times: &mut [Duration]) -> [Duration; 2] {
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() * 99 / 100]]
}

/// The sample service on a thread of its own, so that an attacker at work does not make it slow.
fn service_apart() -> LocalService {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let _ = tell.send(LocalService::sample().await);
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("a service")
}

async fn world() -> World {
    World::of(service_apart()).await
}

/// A world whose gateway speaks TLS, and the authority that signed its certificate.
async fn tls_world() -> (World, Authority, tempfile::TempDir) {
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    authority.issue(&["localhost", "app.localhost"]).write(folder.path());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file can be written");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let world = World::builder()
        .gateway(|gateway| {
            gateway.public_url(Some("https://localhost:0")).args(["--tls-cert", &cert, "--tls-key", &key])
        })
        .agent_args(["--ca-file", &file("ca.pem")])
        .service(service_apart())
        .tls()
        .start()
        .await;
    (world, authority, folder)
}
