//! Where a command that stays serves the web page and its API, and who may look.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::Printer;
use crate::api::Login;
use crate::api::http::{Listen, ListenError, Listener};
use crate::secrets::{Secret, read_secret_file};

#[derive(Debug, Clone, Default, Args)]
pub(super) struct PageArgs {
    /// Where the web page listens [default: 127.0.0.1:4040, or the next free port]
    #[arg(long, value_name = "ADDRESS:PORT", env = "PORTHOLE_LISTEN")]
    listen: Option<String>,
    /// Ask for this user on the web page; needed where other computers can reach it
    #[arg(long, value_name = "USER", env = "PORTHOLE_UI_USER", requires = "ui_password_file")]
    ui_user: Option<String>,
    /// A file with the password for the web page, or an argon2id hash of it
    #[arg(long, value_name = "FILE", env = "PORTHOLE_UI_PASSWORD_FILE", requires = "ui_user")]
    ui_password_file: Option<PathBuf>,
}

/// What a command was told about its page, checked.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    listen: Option<Listen>,
    login: Option<Login>,
}

impl Page {
    /// Reads flags and variables. Empty ones count as absent.
    pub(super) fn read(args: &PageArgs) -> Result<Self, Failure> {
        let text = args.listen.as_deref().filter(|text| !text.trim().is_empty());
        let listen = text.map(str::parse::<Listen>).transpose().map_err(wrong)?;
        let login = match (&args.ui_user, &args.ui_password_file) {
            (Some(user), Some(file)) => {
                let text = read_secret_file(file).map_err(|error| Failure::usage("ui-password", error))?;
                let password = Secret::new(text);
                if user.trim().is_empty() || password.expose().is_empty() {
                    let message = "the page's login needs a user and a password that are not empty";
                    return Err(Failure::usage("ui-password", message));
                }
                Some(Login { user: user.trim().to_owned(), password })
            }
            _ => None,
        };
        if let Some(listen) = &listen {
            listen.check(login.is_some()).map_err(wrong)?;
        }
        Ok(Self { listen, login })
    }

    /// Whether the command was told where.
    pub(super) fn is_asked(&self) -> bool {
        self.listen.is_some() || self.login.is_some()
    }

    /// Binds it. Without a page traffic goes on, unless it was asked for.
    pub(super) fn bind(&self, printer: &mut Printer) -> Result<Option<Listener>, Failure> {
        let listen = self.listen.clone().unwrap_or_default();
        match Listener::bind(&listen, self.login.clone()) {
            Ok(listener) => {
                if listener.moved() && self.listen.is_some() {
                    let text = format!("port {} is taken: the page is at {}", listen.port, listener.url());
                    printer.note("page-moved", &text);
                }
                Ok(Some(listener))
            }
            Err(error) if self.listen.is_some() => Err(Failure::failed("listen", error)),
            Err(error) => {
                printer.warning("no-page", &format!("there is no web page: {error}"), None);
                Ok(None)
            }
        }
    }
}

fn wrong(error: ListenError) -> Failure {
    match error {
        ListenError::NeedsLogin(_) => Failure::usage("login-required", error),
        error => Failure::usage("listen", error),
    }
}
