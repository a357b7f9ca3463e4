//! Calls to servers of this computer, which has to be allowed first.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// Generous, on a busy machine.
const TIME: Duration = Duration::from_secs(30);
const BYTES: usize = 1000;

fn allowing(networks: &[&str]) -> Outgoing {
    Outgoing::new(networks.iter().map(|text| text.parse().unwrap()).collect())
}

/// Answers each connection with `answer` after one read; counts them.
struct Server {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    asked: Arc<std::sync::Mutex<String>>,
}

impl Server {
    async fn start(answer: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::default()));
        let server = Self { address, calls: Arc::clone(&calls), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                calls.fetch_add(1, Ordering::SeqCst);
                let mut io: Box<dyn Io> = match &tls {
                    None => Box::new(stream),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let mut head = vec![0; 4096];
                let read = io.read(&mut head).await.unwrap_or(0);
                *asked.lock().unwrap() = String::from_utf8_lossy(&head[..read]).into_owned();
                let _ = io.write_all(answer.as_bytes()).await;
                let _ = io.shutdown().await;
            }
        });
        server
    }

    fn url(&self, scheme: &str, host: &str) -> Url {
        parse_url(&format!("{scheme}://{host}:{}/keys?a=b", self.address.port())).unwrap()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nCache-Control: max-age=9\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn what_may_be_called_is_asked_once_and_its_answer_comes_whole() {
    let server = Server::start(answer("{}"), None).await;
    let url = server.url("http", "localhost");
    let answer = allowing(&["127.0.0.0/8"]).call(Call::get(&url, TIME, BYTES)).await.unwrap();
    assert_eq!((answer.status, &*answer.body, server.calls()), (200, &b"{}"[..], 1));
    assert_eq!(answer.fields[header::CACHE_CONTROL], "max-age=9");
    let asked = server.asked.lock().unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("get /keys?a=b http/1.1\r\n"), "{asked}");
    let host = format!("\r\nhost: localhost:{}\r\n", server.address.port());
    assert!(asked.contains(&host) && asked.contains("\r\nconnection: close\r\n"), "{asked}");
}

#[tokio::test]
async fn this_computer_and_its_neighbours_are_not_called_in_any_spelling() {
    let server = Server::start(answer("{}"), None).await;
    let closed = allowing(&["10.0.0.0/8"]);
    for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]"]
    {
        let url = server.url("http", host);
        let error = closed.call(Call::get(&url, TIME, BYTES)).await.unwrap_err();
        assert!(matches!(error, OutgoingError::Refused { .. }), "{host}: {error}");
        assert!(error.to_string().contains("--outgoing-allow"), "{error}");
    }
    for host in ["169.254.169.254", "[64:ff9b::a9fe:a9fe]", "100.64.0.1", "192.168.0.1"] {
        let url = parse_url(&format!("https://{host}/")).unwrap();
        let error = closed.call(Call::get(&url, TIME, BYTES)).await.unwrap_err();
        assert!(matches!(error, OutgoingError::Refused { .. }), "{host}: {error}");
    }
    assert_eq!(server.calls(), 0);
}

#[test]
fn of_a_names_addresses_only_those_that_may_be_called_are_connected_to() {
    let of = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
    let closed = allowing(&[]);
    let left = closed.permitted(of(&["10.0.0.1:443", "1.1.1.1:443", "[::1]:443"]), true).unwrap();
    assert_eq!(left, of(&["1.1.1.1:443"]));
    assert!(matches!(closed.permitted(of(&["10.0.0.1:443"]), true), Err(OutgoingError::Refused { .. })));
    assert!(matches!(closed.permitted(Vec::new(), true), Err(OutgoingError::Unresolved(_))));
    let open = allowing(&["10.0.0.0/8", "127.0.0.0/8"]);
    for public in ["1.1.1.1:80", "10.0.0.1:80"] {
        assert!(matches!(open.permitted(of(&[public]), false), Err(OutgoingError::Clear)), "{public}");
    }
    assert!(open.permitted(of(&["127.0.0.1:80"]), false).is_ok());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let other = Server::start(answer("secret"), None).await;
    let location = other.url("http", "127.0.0.1");
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let server = Server::start(redirect, None).await;
    let url = server.url("http", "127.0.0.1");
    let answer = allowing(&["127.0.0.1/32"]).call(Call::get(&url, TIME, BYTES)).await.unwrap();
    assert_eq!((answer.status, other.calls()), (302, 0));
}

#[tokio::test]
async fn an_answer_has_its_bounds_in_bytes_and_time() {
    let open = allowing(&["127.0.0.1/32"]);
    let ask = async |server: &Server, time| {
        let url = server.url("http", "127.0.0.1");
        open.call(Call::get(&url, time, BYTES)).await
    };
    let fits = Server::start(answer(&"x".repeat(BYTES)), None).await;
    assert_eq!(ask(&fits, TIME).await.unwrap().body.len(), BYTES);
    let long = Server::start(answer(&"x".repeat(BYTES + 1)), None).await;
    assert!(matches!(ask(&long, TIME).await, Err(OutgoingError::TooLong(BYTES))));
    // Without a length it is counted.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(50 * BYTES));
    assert!(matches!(ask(&Server::start(endless, None).await, TIME).await, Err(OutgoingError::TooLong(_))));
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx".to_owned();
    assert!(matches!(ask(&Server::start(half, None).await, TIME).await, Err(OutgoingError::Broken(_))));
    let nonsense = Server::start("220 mail.example ESMTP\r\n".to_owned(), None).await;
    assert!(matches!(ask(&nonsense, TIME).await, Err(OutgoingError::Broken(_))));
    // Accepts, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = parse_url(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
    let short = Duration::from_millis(50);
    let answered = open.call(Call::get(&url, short, BYTES)).await;
    assert!(matches!(answered, Err(OutgoingError::TimedOut(_))));
    drop(silent);
    assert!(matches!(open.call(Call::get(&url, TIME, BYTES)).await, Err(OutgoingError::Unreachable(_))));
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_name_in_the_url() {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)
        .unwrap();
    let server = Server::start(answer("{}"), Some(TlsAcceptor::from(Arc::new(tls)))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pair.cert.pem()).unwrap();
    let outgoing = allowing(&["127.0.0.1/32"]);
    outgoing.tls.set(crate::tls::trusting(Some(&file)).unwrap()).unwrap();
    let ask = async |host: &str| outgoing.call(Call::get(&server.url("https", host), TIME, BYTES)).await;
    assert_eq!(ask("localhost").await.unwrap().status, 200);
    assert!(matches!(ask("127.0.0.1").await, Err(OutgoingError::Tls(_))));
}

#[test]
fn a_url_that_is_called_has_a_scheme_a_host_and_nobodys_name() {
    for good in ["https://id.example.com/keys", "http://127.0.0.1:1/", "HTTPS://ID.example"] {
        assert!(parse_url(good).is_ok(), "{good}");
    }
    let long = format!("https://a.example/{}", "x".repeat(MAX_URL_BYTES));
    for bad in
        ["", "id.example.com", "file:///etc/passwd", "gopher://a.example", "https://", "unix:/a", &long]
    {
        assert_eq!(parse_url(bad), Err(UrlError::NoUrl), "{bad}");
    }
    assert_eq!(parse_url("https://a:b@c.example/"), Err(UrlError::Userinfo));
}
