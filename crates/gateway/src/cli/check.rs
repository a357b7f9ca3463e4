//! `porthole-gateway check`: says what is wrong before `serve` does.

use std::net::TcpListener;
use std::process::ExitCode;

use super::{Failure, Serve, USAGE, folders};
use crate::config::{AccessLogTo, CADDY_UNTRUSTED, Config, GOOD_CLIENT_TOKEN_BYTES, Layers};

pub(super) fn run(flags: &Serve) -> Result<ExitCode, Failure> {
    let folders = folders()?;
    let layers: Layers = flags.layers(&folders)?;
    let config = Config::inspect(&layers, &folders)?;
    let mut wrong = false;
    println!("ok      listens on {}", config.listen);
    if let Err(error) = TcpListener::bind(config.listen) {
        println!(
            "note    {} cannot be bound now: {error}; unless this gateway runs already, choose another --listen",
            config.listen
        );
    }
    match &config.public {
        Some(public) => match public.host_of("NAME").filter(|_| !config.single_host) {
            Some(host) => println!("ok      names are served at {}", public.url_of(&host)),
            None => println!("ok      mappings are served at {}/pub/ID/", public.url()),
        },
        None => println!(
            "note    no --public-url: mappings are served at /pub/ID/ of whatever host a request names"
        ),
    }
    match config.secrets.all() {
        Ok(secrets) if secrets.is_empty() => {
            println!("note    no secret yet: `serve` makes one in {}", config.data.display());
        }
        Ok(secrets) => println!("ok      {} secret(s); signs with {}", secrets.len(), secrets[0].key_id()),
        Err(error) => {
            wrong = true;
            println!("wrong   {error}");
        }
    }
    if let Some(tls) = &config.tls {
        match crate::server::check_tls(tls) {
            Ok(()) => println!("ok      certificate {}", tls.cert.display()),
            Err(problem) => {
                wrong = true;
                println!("wrong   {problem}");
            }
        }
    }
    if let Some(file) = &config.client_ca {
        match crate::tls::Asking::load(file) {
            Ok(_) => println!("ok      agents show a certificate of {}", file.display()),
            Err(problem) => {
                wrong = true;
                println!("wrong   {problem}");
            }
        }
    }
    if let Some(acme) = &config.acme {
        match crate::tls::trusting(acme.ca_file.as_deref()) {
            Ok(_) => {
                println!("ok      certificates come from {}", acme.directory);
                if let Some(hook) = &acme.dns_hook {
                    println!("ok      a wildcard's by DNS, with {}", hook.display());
                }
            }
            Err(problem) => {
                wrong = true;
                println!("wrong   {problem}");
            }
        }
    }
    if let Some(token) = &config.client_token
        && token.bytes().len() < GOOD_CLIENT_TOKEN_BYTES
    {
        println!(
            "note    the shared client token is short; {GOOD_CLIENT_TOKEN_BYTES} random bytes or more are better"
        );
    }
    if let Some(ports) = config.tcp_ports {
        println!("ok      TCP ports {ports}");
        if ports.contains(config.listen.port()) {
            println!(
                "note    --tcp-ports holds the gateway's own port {}; that one is never given out",
                config.listen.port()
            );
        }
    }
    if !config.token_limits.is_none() {
        println!("ok      each token has at most {}", config.token_limits);
    }
    if !config.floor.is_none() {
        let password = if config.floor.require_auth {
            ", and only those that ask for a password are served"
        } else {
            ""
        };
        println!("ok      the floor holds for all mappings{password}");
    }
    if let Some(admin) = config.admin_listen {
        if admin.ip().is_loopback() {
            println!("ok      admin listener on {admin}");
        } else {
            println!(
                "note    the admin listener on {admin} can be reached from elsewhere: all but /health asks for its key, which travels in clear text"
            );
        }
    }
    if let Some(to) = &config.access_log {
        match (crate::access::check(to), to) {
            (Err(error), _) => {
                wrong = true;
                println!("wrong   the access log cannot be written: {error}");
            }
            (Ok(()), AccessLogTo::Output) => println!("ok      tells each exchange on standard output"),
            (Ok(()), AccessLogTo::File(file)) => {
                println!("ok      tells each exchange in {}", file.display());
            }
        }
    }
    if config.trusted_proxies.is_empty() {
        println!("ok      believes no proxy's forwarded headers");
    } else {
        println!("ok      believes {} network(s) of proxies", config.trusted_proxies.len());
    }
    if !config.outgoing_allow.is_empty() {
        println!(
            "note    calls {} network(s) beside public addresses where a mapping names a URL",
            config.outgoing_allow.len()
        );
    }
    if config.proxy_protocol {
        println!("ok      takes no connection but theirs, each with a PROXY protocol header");
    }
    if let Some(admin) = &config.caddy_admin {
        println!("ok      tells the Caddy at {admin} of its routes");
        if config.trusted_proxies.is_empty() {
            println!("note    {CADDY_UNTRUSTED}");
        }
    }
    Ok(if wrong { ExitCode::from(USAGE) } else { ExitCode::SUCCESS })
}
