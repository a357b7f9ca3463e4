//! `porthole-gateway top`: what the admin listener's page shows, in a terminal.

mod picture;
mod seen;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use rustls::{ClientConfig, RootCertStore};

use super::Failure;
use crate::config::Source;
use crate::logging::shown;
use crate::secret::Secret;
use picture::{Sample, picture};
use seen::Status;

/// Between two pictures.
const EVERY: Duration = Duration::from_secs(2);
/// For one answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Bytes of an answer: ten thousand links with a hundred mappings each come to so much.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Clears a terminal and goes to its beginning.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Debug, Args)]
pub(super) struct Top {
    /// Where the admin listener is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    admin: String,
    /// File with its key, where it asks for one
    #[arg(long, value_name = "FILE")]
    key_file: Option<String>,
    /// Authorities in PEM that vouch for what is in front of it, for an https URL [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print it once and leave
    #[arg(long)]
    once: bool,
    /// Print what the API says, one line of JSON each time
    #[arg(long)]
    json: bool,
}

pub(super) fn run(top: &Top) -> Result<ExitCode, Failure> {
    let asked = Asked::new(top)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::running)?;
    runtime.block_on(look(top, &asked))?;
    Ok(ExitCode::SUCCESS)
}

async fn look(top: &Top, asked: &Asked) -> Result<(), Failure> {
    let clears = !top.once && !top.json && io::stdout().is_terminal();
    let mut before: Option<Sample> = None;
    loop {
        let text = match asked.status().await {
            Ok(bytes) if top.json => one_line(&bytes)?,
            Ok(bytes) => {
                let status: Status = serde_json::from_slice(&bytes).map_err(|_| asked.no_gateway())?;
                let now = Sample { at: Instant::now(), status };
                let text = picture(&asked.base, &now, before.as_ref());
                before = Some(now);
                text
            }
            // Whoever watches waits for its return; whoever asks once, or for the first time, is told.
            Err(failure) if top.once || top.json || before.is_none() => return Err(failure),
            Err(failure) => format!("{}\n", failure.sentence),
        };
        let mut out = io::stdout().lock();
        let written = write!(out, "{}{text}", if clears { CLEAR } else { "" }).and_then(|()| out.flush());
        if top.once || written.is_err() {
            // A reader that has gone (`| head`) has seen enough.
            return Ok(());
        }
        drop(out);
        tokio::time::sleep(EVERY).await;
    }
}

fn one_line(bytes: &[u8]) -> Result<String, Failure> {
    let json: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|_| Failure::running("the answer is no JSON"))?;
    Ok(format!("{json}\n"))
}

/// Whom to ask, and how.
struct Asked {
    http: reqwest::Client,
    /// Without a slash at the end.
    base: String,
    key: Option<Secret>,
}

impl Asked {
    fn new(top: &Top) -> Result<Self, Failure> {
        let base = top.admin.trim_end_matches('/').to_owned();
        let url = url::Url::parse(&base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let wrong = "--admin is not usable: give a URL like http://127.0.0.1:9090";
        let url = url.filter(url::Url::has_host).ok_or_else(|| Failure::usage(wrong))?;
        let key = top.key_file.as_deref();
        let key = key.map(|file| Secret::from_file_option(file, &Source::Flag("key-file"))).transpose()?;
        let tls = if url.scheme() == "https" {
            crate::tls::trusting(top.ca_file.as_deref()).map_err(Failure::usage)?
        } else {
            nobody_trusted().map_err(Failure::running)?
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .redirect(reqwest::redirect::Policy::none())
            // The key is for the gateway, and not for a proxy on the way to another network.
            .no_proxy()
            .timeout(ANSWER_TIME)
            .build()
            .map_err(Failure::running)?;
        Ok(Self { http, base, key })
    }

    async fn status(&self) -> Result<Vec<u8>, Failure> {
        let mut request = self.http.get(format!("{}/api/v1/status", self.base));
        if let Some(key) = &self.key {
            request = request.bearer_auth(String::from_utf8_lossy(key.bytes()));
        }
        let failed = |error: &dyn std::fmt::Display| {
            let problem = shown(&error.to_string());
            Failure::running(format!("no answer from {}: {problem}; is --admin-listen there?", self.base))
        };
        let response: http::Response<reqwest::Body> =
            request.send().await.map_err(|error| failed(&innermost(&error)))?.into();
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED if self.key.is_some() => {
                return Err(Failure::usage("this is not the admin API's key: look at --key-file"));
            }
            StatusCode::UNAUTHORIZED => {
                return Err(Failure::usage(
                    "the admin listener asks for its key: name its file with --key-file",
                ));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(Failure::running("too many wrong keys came from here: wait a minute"));
            }
            _ => return Err(self.no_gateway()),
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        Ok(body.map_err(|error| failed(&error))?.to_bytes().to_vec())
    }

    fn no_gateway(&self) -> Failure {
        Failure::running(format!("what answers at {} is no gateway's admin listener", self.base))
    }
}

/// For clear text, which needs no authority; the client wants to have settings all the same.
fn nobody_trusted() -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
}

/// The cause that says most.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
