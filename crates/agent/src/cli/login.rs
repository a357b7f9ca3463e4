//! `porthole login`: remember a gateway, and keep its token where others do not see it.

use std::io::{IsTerminal as _, Read as _, Write as _};

use clap::Args;

use super::output::print_line;
use super::{Context, Failure};
use crate::credentials::{Place, keep};
use crate::gateway_choice::{self, Kept};
use crate::gateway_link;
use crate::gateway_url::GatewayUrl;
use crate::probe::{Connection, probe};
use crate::secrets::{Secret, resolve};
use crate::store::{Mend, Store, StoreError};

/// Longest token read, in bytes.
const TOKEN_BYTES: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// The gateway's URL, or a porthole://connect?… link that holds URL and token
    #[arg(value_name = "URL")]
    url: String,
    /// The token (also file:…, env:…, exec:…); asked for, or read from standard input, when absent
    #[arg(long, value_name = "TOKEN", env = "PORTHOLE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    tls: super::connection::TlsArgs,
    /// Keep the token without trying it
    #[arg(long)]
    no_verify: bool,
}

pub(super) async fn run(context: &Context, args: LoginArgs) -> Result<(), Failure> {
    let link = gateway_link::read(&args.url).map_err(|error| Failure::usage("link", error))?;
    let (text, linked) = match link {
        Some(link) => (link.gateway, link.token),
        None => (args.url.clone(), None),
    };
    let gateway: GatewayUrl = text.parse().map_err(|error| Failure::usage("gateway-url", error))?;
    let token = match (&args.token, linked) {
        (Some(option), _) if !option.trim().is_empty() => {
            resolve(option).map_err(|error| Failure::usage("token", error))?
        }
        (_, Some(token)) => token,
        _ => ask(&gateway)?,
    };
    if !args.no_verify {
        let connection = Connection {
            gateway: gateway.clone(),
            token: token.clone(),
            tls: args.tls.read()?.over(context),
        };
        let welcomed = probe(&connection).await.map_err(Failure::no_link)?;
        print_line(&format!("{gateway} accepts the token (gateway {})", welcomed.gateway_version));
    }
    let place = keep(&context.paths, &gateway.origin(), &token)
        .await
        .map_err(|error| Failure::failed("credentials", error))?;
    match place {
        Place::Keychain => print_line("The token is in the keychain."),
        Place::File { path, why } => {
            print_line(&format!("The token is in {}, which only you can read ({why}).", path.display()));
        }
    }
    let mend = Mend::Never;
    let failed = |error: StoreError| Failure::failed("store", error);
    let store = Store::open(&context.paths.database(), mend).await.map_err(failed)?.store;
    let remembered = format!("{gateway}{}", gateway.mapping_path.as_deref().unwrap_or_default());
    gateway_choice::save(&store, Kept::Gateway(remembered)).await.map_err(failed)?;
    print_line(&format!("{gateway} is the default gateway now. Try: porthole http 3000"));
    if let Some(other) = &context.config.gateway {
        print_line(&format!(
            "Note: {} names {other}, which goes first.",
            context.paths.config_file().display()
        ));
    }
    Ok(())
}

/// Asks at the terminal without showing what is typed, or reads what was piped in.
fn ask(gateway: &GatewayUrl) -> Result<Secret, Failure> {
    let stdin = std::io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        let _ = write!(std::io::stderr(), "Token for {gateway}: ").and_then(|()| std::io::stderr().flush());
        let quiet = Quiet::begin();
        let read = stdin.read_line(&mut text);
        drop(quiet);
        let _ = writeln!(std::io::stderr());
        read.map_err(|error| Failure::failed("token", format!("cannot read the token: {error}")))?;
    } else {
        stdin
            .lock()
            .take(TOKEN_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| Failure::failed("token", format!("cannot read the token: {error}")))?;
    }
    let token = Secret::new(text);
    if token.expose().is_empty() {
        return Err(Failure::usage(
            "token-missing",
            "no token was given: add --token, pipe it in, or use the link of `porthole-gateway token create`",
        ));
    }
    Ok(token)
}

/// The terminal does not echo while this lives.
struct Quiet {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Quiet {
    fn begin() -> Self {
        #[cfg(unix)]
        {
            use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
            let stdin = std::io::stdin();
            let before = tcgetattr(&stdin).ok();
            if let Some(before) = &before {
                let mut now = before.clone();
                now.local_modes.remove(LocalModes::ECHO);
                let _ = tcsetattr(&stdin, OptionalActions::Now, &now);
            }
            Self { before }
        }
        #[cfg(not(unix))]
        Self {}
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let now = rustix::termios::OptionalActions::Now;
            let _ = rustix::termios::tcsetattr(std::io::stdin(), now, before);
        }
    }
}
