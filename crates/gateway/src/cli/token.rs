//! `porthole-gateway token …`

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{Failure, Place, folders, limits};
use crate::audit::{self, Change, Who};
use crate::config::{Config, Folders, PortRange};
use crate::secret::Secrets;
use crate::tokens::{Book, BookError, HostGrant, LoadError, NewToken};

/// Longest life a token may be given: beyond it a typing error is likelier.
const MAX_EXPIRES: Duration = Duration::from_secs(100 * 365 * 86_400);
/// Characters of a subject's name.
const MAX_NAME: usize = 64;

#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it; it is not kept here.
    Create(Box<Create>),
    /// Show the tokens given out.
    List {
        #[arg(long)]
        json: bool,
    },
    /// End a token; links that use it end within seconds.
    Revoke {
        /// As `token create` printed it and `token list` shows it
        id: String,
    },
    /// Add a new secret that signs from now on; tokens signed before stay good.
    Rotate,
}

#[derive(Debug, Args)]
struct Create {
    /// Whom the token is for: names claimed with it belong to this subject
    #[arg(long)]
    name: String,
    /// Names and hosts it may claim, like 'alice-*,*.alice,shop.example.com' [default: any free name]
    #[arg(long, value_name = "PATTERN,…", value_delimiter = ',')]
    hosts: Vec<String>,
    /// TCP ports it may claim [default: none]
    #[arg(long, value_name = "FIRST-LAST")]
    tcp: Option<String>,
    /// For how long it is good, like 90d [default: until revoked]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    limits: limits::OfOne,
    /// The gateway's URL for the login line and the link [default: that of the last `serve`]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Made<'a> {
    token: &'a str,
    id: &'a str,
    link: Option<&'a str>,
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Secret(error) => Self::usage(error),
            LoadError::Book(error) => Self::running(error),
        }
    }
}

impl From<BookError> for Failure {
    fn from(error: BookError) -> Self {
        Self::running(error)
    }
}

pub(super) fn run(token: Token) -> Result<ExitCode, Failure> {
    let folders = folders()?;
    match token.action {
        Action::Create(create) => self::create(&token.place, *create, &folders),
        Action::List { json } => list(json, &folders),
        Action::Revoke { id } => {
            let revoked = Book::new(&folders.data).revoke(&id, Timestamp::now())?;
            note(&folders, &Change::revoked(&revoked));
            println!(
                "revoked token {} of {}; a running gateway ends its links within seconds",
                revoked.id, revoked.name
            );
            Ok(ExitCode::SUCCESS)
        }
        Action::Rotate => {
            let layers = token.place.layers([], &folders)?;
            let secrets = Secrets::find(&layers, &folders.data)?;
            let file = secrets.rotate().map_err(Failure::running)?;
            let signing = secrets.all().ok().and_then(|all| all.first().map(crate::secret::Secret::key_id));
            note(&folders, &Change::SecretRotated { key_id: signing });
            println!(
                "new tokens are signed with {}; older ones stay good until the secret that signed them is removed",
                file.display()
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Enters what was done in the audit log. It is done by then: a log that cannot be written is told.
fn note(folders: &Folders, change: &Change) {
    if let Err(error) = audit::append(&folders.data, change, Who::Command) {
        eprintln!("warning: this is not in the audit log: {error}");
    }
}

fn create(place: &Place, create: Create, folders: &Folders) -> Result<ExitCode, Failure> {
    let new = new_token(&create)?;
    let layers = place.layers([("public-url", create.public_url.clone())], folders)?;
    let public = match Config::public_url(&layers)? {
        Some(public) => Some(public.url()),
        None => crate::server::remembered_url(&folders.data),
    };
    let secrets = Secrets::find(&layers, &folders.data)?;
    let (token, id) = crate::tokens::create(&secrets, &folders.data, &new, Timestamp::now())?;
    note(folders, &Change::created(&id, &new));
    let link = public.as_ref().map(|gateway| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("gateway", gateway)
            .append_pair("token", &token)
            .finish();
        format!("porthole://connect?{query}")
    });
    if create.json {
        let made = Made { token: &token, id: &id, link: link.as_deref() };
        println!("{}", serde_json::to_string(&made).map_err(Failure::running)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("token {id} for {}:\n\n{token}\n", new.name);
    let gateway = public.as_deref().unwrap_or("https://YOUR-GATEWAY");
    println!("on the agent's computer:\n  porthole login {gateway} --token {token}");
    if let Some(link) = link {
        println!("or open there:\n  {link}");
    }
    Ok(ExitCode::SUCCESS)
}

fn new_token(create: &Create) -> Result<NewToken, Failure> {
    let name = create.name.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        return Err(Failure::usage(format!("--name takes 1 to {MAX_NAME} letters, digits and -_.@+")));
    }
    if name == "shared" {
        return Err(Failure::usage(
            "--name shared is the subject of the shared client token; give another name",
        ));
    }
    let hosts: Vec<String> =
        create.hosts.iter().map(|host| host.trim().to_owned()).filter(|host| !host.is_empty()).collect();
    HostGrant::from_patterns(&hosts).map_err(|error| Failure::usage(format!("--hosts: {error}")))?;
    let tcp = create.tcp.as_deref().map(str::parse::<PortRange>).transpose();
    let tcp = tcp.map_err(|problem| Failure::usage(format!("--tcp: {problem}")))?;
    let expires = match create.expires.as_deref() {
        None => None,
        Some(text) => match humantime::parse_duration(text) {
            Ok(time) if !time.is_zero() && time <= MAX_EXPIRES => Some(time),
            _ => {
                return Err(Failure::usage(format!(
                    "--expires \"{text}\": give a time like 90d or 12h, up to 100 years"
                )));
            }
        },
    };
    Ok(NewToken { name: name.to_owned(), hosts, tcp, expires, limits: create.limits.limits()? })
}

fn list(json: bool, folders: &Folders) -> Result<ExitCode, Failure> {
    let tokens = Book::new(&folders.data).list()?;
    if json {
        let text = serde_json::to_string(&tokens).map_err(Failure::running)?;
        println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    if tokens.is_empty() {
        println!("no tokens yet; `porthole-gateway token create --name NAME` makes one");
    }
    let now = Timestamp::now();
    for token in tokens {
        let state = match (token.revoked, token.expires) {
            (Some(at), _) => format!("revoked {}", at.strftime("%Y-%m-%d")),
            (None, Some(at)) if at < now => format!("expired {}", at.strftime("%Y-%m-%d")),
            (None, Some(at)) => format!("good until {}", at.strftime("%Y-%m-%d")),
            (None, None) => "good".to_owned(),
        };
        let hosts = if token.hosts.is_empty() { "any free name".to_owned() } else { token.hosts.join(",") };
        let tcp = token.tcp.map(|ports| format!("  tcp {ports}")).unwrap_or_default();
        let limits = token.limits;
        let limits = if limits.is_none() { String::new() } else { format!("  at most {limits}") };
        println!("{}  {}  {state}  {hosts}{tcp}{limits}", token.id, token.name);
    }
    Ok(ExitCode::SUCCESS)
}
