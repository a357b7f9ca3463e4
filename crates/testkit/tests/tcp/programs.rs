//! Databases and shells, as people reach them through TCP mappings.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_testkit::front::Front;
use porthole_testkit::process::{self, Finished, Process};
use porthole_testkit::service::body;
use porthole_testkit::{exchanges, has_program, is_root, long};

use super::{Lead, lead_to};

fn program(name: &str) -> Command {
    process::command(Path::new(name))
}

/// Runs a client with `input` on its standard input, to its end.
async fn fed(name: &str, command: Command, input: &str) -> Finished {
    let mut client = Process::start(name, command);
    client.type_in(input);
    client.close_stdin();
    let code = client.exit_code().await;
    Finished { code, stdout: client.stdout(), stderr: client.stderr() }
}

/// Beyond every limit that HTTP exchanges have where the long form is asked for, else beyond the 10 s
/// in which a silent link is given up.
fn idle_seconds() -> u64 {
    if long() { 130 } else { 11 }
}

#[tokio::test]
async fn redis_cli_pipes_subscribes_and_waits() {
    if !has_program("redis-cli") {
        return;
    }
    let redis = Front::start("redis", |address, folder| {
        let mut command = program("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", ""]);
        command.arg("--dir").arg(folder);
        command
    })
    .await;
    let lead = lead_to(redis.address.port(), &[]).await;
    let port = lead.address.port().to_string();
    let client = || {
        let mut command = program("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &port]);
        command
    };
    // Ten thousand commands before the first answer is read.
    let mut commands = String::new();
    for number in 0..10_000 {
        let _ = writeln!(commands, "SET key:{number} value-{number}\r");
    }
    let mut pipe = client();
    pipe.arg("--pipe");
    let piped = fed("redis-cli", pipe, &commands).await;
    assert!(piped.stdout.contains("errors: 0, replies: 10000"), "{piped:?}");
    assert_eq!(fed("redis-cli", client(), "GET key:9999\n").await.stdout, "value-9999\n");

    let mut waiting = client();
    waiting.args(["BLPOP", "list", "30"]);
    let mut waiting = Process::start("redis-cli", waiting);
    waiting.close_stdin();
    let blocked = "blocked_clients:1";
    porthole_testkit::wait::until("a client that waits", async || {
        fed("redis-cli", client(), "INFO clients\n").await.stdout.contains(blocked).then_some(())
    })
    .await;
    fed("redis-cli", client(), "RPUSH list pushed\n").await;
    assert_eq!(waiting.exit_code().await, Some(0));
    assert_eq!(waiting.stdout(), "list\npushed\n");
}

/// PostgreSQL with a cluster of its own; it refuses to be root.
struct Postgres {
    _server: Front,
    port: u16,
}

impl Postgres {
    async fn start() -> Option<Self> {
        let tools = installed("/usr/lib/postgresql")?;
        let as_user = |program: &Path| {
            if !rustix::process::geteuid().is_root() {
                return process::command(program);
            }
            let mut command = process::command(Path::new("setpriv"));
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        };
        let cluster = tempfile::Builder::new().prefix("porthole-postgres-").tempdir().expect("a folder");
        // The server's own user is to come here.
        std::fs::set_permissions(cluster.path(), std::fs::Permissions::from_mode(0o777)).expect("open");
        let data = cluster.path().join("data");
        let mut make = as_user(&tools.join("initdb"));
        make.args(["--no-sync", "--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C", "-D"]);
        make.arg(&data).current_dir("/");
        let made = process::finish("initdb", make).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        let server = Front::start("postgres", move |address, _| {
            let mut command = as_user(&tools.join("postgres"));
            command.arg("-D").arg(&data).args([
                "-h",
                "127.0.0.1",
                "-k",
                "",
                "-p",
                &address.port().to_string(),
            ]);
            command.args(["-c", "fsync=off"]).current_dir("/");
            // Kept as long as the server runs.
            let _ = &cluster;
            command
        })
        .await;
        Some(Self { port: server.address.port(), _server: server })
    }
}

/// The newest version's programs.
fn installed(folder: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
}

#[tokio::test]
async fn psql_copies_both_ways_and_outlives_a_long_idle() {
    if !has_program("psql") {
        return;
    }
    let Some(postgres) = Postgres::start().await else { panic!("psql is here, and PostgreSQL is not") };
    let lead = lead_to(postgres.port, &[]).await;
    let psql = |sql: &str| {
        let mut command = program("psql");
        command.args(["-h", "127.0.0.1", "-p", &lead.address.port().to_string(), "-U", "tester", "-XAtq"]);
        command.args(["-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql]);
        command
    };
    let mut rows = String::new();
    for number in 0..50_000 {
        let _ = writeln!(rows, "{number}\tvalue {number}");
    }
    let mut copy = psql("CREATE TABLE things (number int, text text)");
    copy.args(["-c", "COPY things FROM STDIN"]);
    let copied = fed("psql", copy, &rows).await;
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let back = process::finish("psql", psql("COPY (SELECT * FROM things ORDER BY number) TO STDOUT")).await;
    assert!(back.stdout == rows, "{} bytes of {}", back.stdout.len(), rows.len());
    // The same session says nothing for long, and goes on.
    let mut patient = psql("SELECT 1");
    patient.args([
        "-c",
        &format!("SELECT pg_sleep({})", idle_seconds()),
        "-c",
        "SELECT count(*) FROM things",
    ]);
    let mut patient = Process::start("psql", patient);
    patient.close_stdin();
    let bound = std::time::Duration::from_secs(idle_seconds()) + porthole_testkit::wait::PATIENCE;
    let end = patient.line("the count", |line| (line == "50000").then_some(()));
    tokio::time::timeout(bound, end).await.expect("the session is alive");
}

#[tokio::test]
async fn ssh_carries_megabytes_and_ends_each_half_on_its_own() {
    if !has_program("sshd") || !has_program("ssh") || !is_root("start an SSH server with users") {
        return;
    }
    let keys = tempfile::tempdir().expect("a folder");
    for name in ["host", "user"] {
        let mut make = program("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(keys.path().join(name));
        assert_eq!(process::finish("ssh-keygen", make).await.code, Some(0));
    }
    // sshd of root wants an empty folder there, which the service's unit would have made.
    let _ = std::fs::create_dir_all("/run/sshd");
    let own = keys.path().to_owned();
    let sshd = Front::start("sshd", move |address, folder| {
        let own = own.display();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {}\nHostKey {own}/host\nPidFile none\n\
             AuthorizedKeysFile {own}/user.pub\nStrictModes no\nUsePAM no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nLogLevel ERROR\n",
            address.port()
        );
        let file = folder.join("sshd_config");
        std::fs::write(&file, config).expect("a file can be written");
        let mut command = program("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(file);
        command
    })
    .await;
    let lead = lead_to(sshd.address.port(), &[]).await;
    let ssh = |what: &str| {
        let mut command = program("ssh");
        command.args(["-F", "none", "-p", &lead.address.port().to_string(), "-i"]);
        command.arg(keys.path().join("user"));
        for option in ["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "LogLevel=ERROR"] {
            command.args(["-o", option]);
        }
        command.args(["-o", "UserKnownHostsFile=/dev/null", "root@127.0.0.1", what]);
        command
    };
    // What the shell counts is only told after the end of what it is sent.
    let sent = String::from_utf8_lossy(&body::pattern(3_000_000)).replace('\0', "");
    let counted = fed("ssh", ssh("wc -c; exit 7"), &sent).await;
    assert_eq!(
        (counted.code, counted.stdout.trim()),
        (Some(7), sent.len().to_string().as_str()),
        "{counted:?}"
    );
}

/// What an agent keeps of a TCP connection: from whom, how long, how much.
#[tokio::test]
async fn a_connection_is_seen_in_the_inspector_with_its_bytes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let service = super::echo().await;
    let Lead { agent, gateway: _gateway, address, .. } = lead_to(service.port(), &[]).await;
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("the public port accepts");
    socket.write_all(b"hello").await.expect("open");
    socket.shutdown().await.expect("half a close");
    let mut rest = Vec::new();
    porthole_testkit::wait::within("the end", socket.read_to_end(&mut rest)).await.expect("a clean end");
    let row = porthole_testkit::wait::until("the connection among the exchanges", async || {
        exchanges::listed(agent.home())
            .await
            .into_iter()
            .find(|row| row["kind"] == "tcp" && row["state"] == "done")
    })
    .await;
    assert_eq!(row["request_bytes"], 5, "{row}");
    assert_eq!(row["response_bytes"], 10, "hello[end]: {row}");
    assert_eq!(row["visitor"], "127.0.0.1", "{row}");
}

#[tokio::test]
async fn nginx_believes_what_it_is_told_of_the_visitor() {
    if !has_program("nginx") {
        return;
    }
    let nginx = Front::nginx(|address, folder| {
        let folder = folder.display();
        format!(
            "events {{ worker_connections 64; }}\n\
             http {{\n\
               access_log off;\n  client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
               fastcgi_temp_path {folder}/f;\n  uwsgi_temp_path {folder}/u;\n  scgi_temp_path {folder}/s;\n\
               server {{ listen {address} proxy_protocol; return 200 $proxy_protocol_addr; }}\n}}\n"
        )
    })
    .await;
    for version in ["v1", "v2"] {
        let lead = lead_to(nginx.address.port(), &["--proxy-protocol", version]).await;
        let visitor = porthole_testkit::Visitor::new(lead.address, "any").from([127, 0, 0, 2].into());
        assert_eq!(visitor.get("/").await.text(), "127.0.0.2", "{version}");
    }
}
