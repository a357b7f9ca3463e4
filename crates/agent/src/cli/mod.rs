//! The `porthole` command: what may be typed, and which exit code means what.
//!
//! Exit codes: 0 done, 1 failed while running, 2 wrong usage, 3 refused by the gateway, 4 gateway
//! unreachable with `--no-wait`.

pub(crate) mod attach;
pub(crate) mod connection;
mod doctor;
mod exchanges;
mod expose;
mod failure;
mod login;
mod manual;
mod mappings;
mod output;
mod page;
mod signals;
mod status;
mod talk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::fields::MappingFields;
use crate::log_file::LogFile;
use crate::logging::LogOptions;
pub use failure::Failure;

/// Put a local port on the internet through a gateway that you own.
#[derive(Debug, Parser)]
#[command(name = "porthole", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Remember a gateway and keep its token in the OS keychain
    Login(login::LoginArgs),
    /// Give a local HTTP service a public URL as long as this command runs
    Http(Box<expose::HttpArgs>),
    /// Give a local TCP service a public port as long as this command runs
    Tcp(Box<expose::TcpArgs>),
    /// Serve every enabled mapping, stored or in the file; what a service runs
    Up(expose::UpArgs),
    /// List, add, change and remove stored mappings
    #[command(subcommand)]
    Mappings(mappings::MappingsCommand),
    /// Show the requests that came through, and their answers
    #[command(subcommand)]
    Exchanges(exchanges::ExchangesCommand),
    /// Show what the running engine is doing
    Status(status::StatusArgs),
    /// Check everything between this computer and the gateway, with a remedy for each problem
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Write the manual pages of all commands, and the app's, into a folder
    #[command(hide = true)]
    Man { folder: PathBuf },
}

/// Which gateway, as whom. Also from `PORTHOLE_…` variables and the file, in this order.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConnectionArgs {
    /// The gateway's URL, like https://tunnel.example.com
    #[arg(long, value_name = "URL", env = "PORTHOLE_GATEWAY")]
    gateway: Option<String>,
    /// The token for the gateway (also file:…, env:…, exec:…)
    #[arg(long, value_name = "TOKEN", env = "PORTHOLE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    tls: connection::TlsArgs,
}

/// How a command that stays prints what happens.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct RunArgs {
    /// Give up (exit code 4) when the gateway cannot be reached at once
    #[arg(long, env = "PORTHOLE_NO_WAIT", value_parser = clap::builder::FalseyValueParser::new())]
    no_wait: bool,
    /// Print one JSON object a line
    #[arg(long, env = "PORTHOLE_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    json: bool,
}

impl Command {
    /// Whether the command prints JSON, errors included.
    fn json(&self) -> bool {
        match self {
            Self::Http(args) => args.run.json,
            Self::Tcp(args) => args.run.json,
            Self::Up(args) => args.run.json,
            Self::Mappings(command) => command.json(),
            Self::Exchanges(command) => command.json(),
            Self::Status(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Login(_) | Self::Completions { .. } | Self::Man { .. } => false,
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    let json = cli.command.json();
    // These need no configuration and leave no folder behind: packages are built with them.
    match &cli.command {
        Command::Completions { shell } => {
            manual::completions(*shell);
            return ExitCode::SUCCESS;
        }
        Command::Man { folder } => {
            return manual::pages(folder)
                .map_or_else(|failure| report(&failure, json), |()| ExitCode::SUCCESS);
        }
        _ => {}
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::failed("runtime", format!("the system gives no event queue: {error}"));
            return report(&failure, json);
        }
    };
    let done = runtime.block_on(run(cli));
    // A keychain that never answers must not keep the command from ending.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure, json),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let (context, config_error) = Context::load(&cli.log, matches!(cli.command, Command::Up(_)))?;
    if let Command::Doctor(args) = cli.command {
        return doctor::run(&context, args, config_error).await;
    }
    if let Some(error) = config_error {
        return Err(Failure::usage("config", error));
    }
    context.paths.create_data().map_err(|error| Failure::failed("data-folder", error))?;
    match cli.command {
        Command::Login(args) => login::run(&context, args).await,
        Command::Http(args) => expose::http(&context, *args).await,
        Command::Tcp(args) => expose::tcp(&context, *args).await,
        Command::Up(args) => expose::up(&context, args).await,
        Command::Mappings(command) => mappings::run(&context, command).await,
        Command::Exchanges(command) => exchanges::run(&context, command).await,
        Command::Status(args) => status::run(&context, args).await,
        Command::Doctor(args) => doctor::run(&context, args, None).await,
        // Done before anything was read.
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) paths: crate::paths::Paths,
    config: Config,
}

impl Context {
    /// Also why the file could not be read, for the one command that goes on without it.
    pub(crate) fn load(log: &LogOptions, service: bool) -> Result<(Self, Option<ConfigError>), Failure> {
        Self::load_with(log, service, |_| None)
    }

    /// The same; what is told goes into a file, too.
    pub(crate) fn load_with(
        log: &LogOptions,
        service: bool,
        file: impl FnOnce(&crate::paths::Paths) -> Option<LogFile>,
    ) -> Result<(Self, Option<ConfigError>), Failure> {
        let paths = crate::paths::Paths::find().map_err(|error| Failure::failed("paths", error))?;
        let (config, error) = match Config::load(&paths.config_file()) {
            Ok(config) => (config, None),
            Err(error) => (Config::default(), Some(error)),
        };
        crate::logging::start(log, config.log_format.as_deref(), service, file(&paths))
            .map_err(|error| Failure::usage("log-filter", error))?;
        Ok((Self { paths, config }, error))
    }

    /// A command's settings over the file's.
    fn fields(&self, mut fields: MappingFields, tcp: bool) -> MappingFields {
        self.config.underlay(&mut fields, tcp);
        fields
    }
}

fn wrong_usage(error: &clap::Error) -> ExitCode {
    let code = error.exit_code();
    let _ = error.print();
    if code != 0 && std::env::args_os().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        // Up to the first empty line; what follows is advice for people.
        let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
        let sentence = lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned();
        output::print_error_json("usage", &sentence);
    }
    ExitCode::from(u8::try_from(code).unwrap_or(2))
}

fn report(failure: &Failure, json: bool) -> ExitCode {
    if json {
        output::print_error_json(&failure.code, &failure.message);
    } else {
        output::print_error(&failure.message);
    }
    ExitCode::from(failure.exit)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
