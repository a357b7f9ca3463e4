//! Reverse proxies as two hops: the nearest thing to a tunnel that everybody knows. One worker or
//! thread at each hop (Caddy takes what it gets), kept connections between them, no access log.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::{Door, Plan, program};
use crate::child::{Kept, free_port};

/// What every nginx here has. `user root` lets a worker of root's read our folders; nginx only warns
/// where it is not root.
fn nginx_conf(folder: &Path, inside: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr error;\n\
         events {{ worker_connections 65536; }}\nworker_rlimit_nofile 100000;\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 300;\n\
         \x20 tcp_nodelay on;\n  client_max_body_size 0;\n  reset_timedout_connection on;\n\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
         \x20 fastcgi_temp_path {folder}/f;\n  uwsgi_temp_path {folder}/u;\n  scgi_temp_path {folder}/s;\n\
         {inside}\n}}\n"
    )
}

fn nginx_run(name: &str, folder: &Path, inside: &str) -> Result<Kept> {
    let room = folder.join(name.replace(' ', "-"));
    std::fs::create_dir_all(&room)?;
    let file = room.join("nginx.conf");
    std::fs::write(&file, nginx_conf(&room, inside))?;
    let (file, prefix) = (file.display().to_string(), room.display().to_string());
    Kept::start(name, folder, &program("nginx")?, &["-e", "stderr", "-p", &prefix, "-c", &file])
}

/// The half of the local service that sends files.
pub fn nginx_service(folder: &Path, port: u16) -> Result<Kept> {
    let root = folder.display();
    let inside = format!(
        "  sendfile on;\n  open_file_cache max=10 inactive=1h;\n\
         \x20 server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; default_type application/octet-stream; }}"
    );
    nginx_run("nginx service", folder, &inside)
}

/// One hop: two ports in, two ports on.
fn nginx_hop(plan: &mut Plan, name: &str, ports: [u16; 2], to: [u16; 2]) -> Result<()> {
    let mut inside = String::from(
        "  map $http_upgrade $hop { default upgrade; '' ''; }\n\
         \x20 proxy_http_version 1.1;\n  proxy_set_header Connection $hop;\n\
         \x20 proxy_set_header Upgrade $http_upgrade;\n  proxy_set_header Host $http_host;\n\
         \x20 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
         \x20 proxy_request_buffering off;\n  proxy_max_temp_file_size 0;\n  proxy_read_timeout 300;\n",
    );
    for (number, (port, to)) in ports.into_iter().zip(to).enumerate() {
        let _ = write!(
            inside,
            "  upstream up{number} {{ server 127.0.0.1:{to}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 300; }}\n\
             \x20 server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://up{number}; }} }}\n"
        );
    }
    plan.children.push(nginx_run(name, plan.folder, &inside)?);
    Ok(())
}

pub fn nginx(plan: &mut Plan) -> Result<(Door, Door)> {
    let inner = [free_port()?, free_port()?];
    let outer = [free_port()?, free_port()?];
    let service = [plan.service.files, plan.service.own];
    nginx_hop(plan, "nginx inner", inner, service)?;
    nginx_hop(plan, "nginx outer", outer, inner)?;
    Ok((Door::new(outer[0], "localhost"), Door::new(outer[1], "localhost")))
}

// Two files for each of maxconn must be within the limit of 20,000 that a machine may have.
fn haproxy_hop(plan: &mut Plan, name: &str, ports: [u16; 2], to: [u16; 2]) -> Result<()> {
    let mut text = String::from(
        "global\n  nbthread 1\n  maxconn 9500\ndefaults\n  mode http\n  http-reuse always\n  option forwardfor\n\
         \x20 timeout connect 5s\n  timeout client 300s\n  timeout server 300s\n  timeout tunnel 300s\n",
    );
    for (number, (port, to)) in ports.into_iter().zip(to).enumerate() {
        let _ = write!(
            text,
            "listen l{number}\n  bind 127.0.0.1:{port}\n  server s{number} 127.0.0.1:{to} pool-max-conn 512\n"
        );
    }
    let file = plan.file(&format!("{}.cfg", name.replace(' ', "-")), &text)?;
    plan.run(name, &program("haproxy")?, &["-db", "-f", &file])
}

pub fn haproxy(plan: &mut Plan) -> Result<(Door, Door)> {
    let inner = [free_port()?, free_port()?];
    let outer = [free_port()?, free_port()?];
    let service = [plan.service.files, plan.service.own];
    haproxy_hop(plan, "haproxy inner", inner, service)?;
    haproxy_hop(plan, "haproxy outer", outer, inner)?;
    Ok((Door::new(outer[0], "localhost"), Door::new(outer[1], "localhost")))
}

fn caddy_hop(plan: &mut Plan, name: &str, ports: [u16; 2], to: [u16; 2]) -> Result<()> {
    let mut text = String::from("{\n  admin off\n  auto_https off\n  log {\n    level ERROR\n  }\n}\n");
    for (port, to) in ports.into_iter().zip(to) {
        let _ = write!(
            text,
            "http://:{port} {{\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:{to} {{\n    transport http {{\n\
             \x20     keepalive_idle_conns_per_host 256\n      compression off\n    }}\n  }}\n}}\n"
        );
    }
    let file = plan.file(&format!("{}.caddyfile", name.replace(' ', "-")), &text)?;
    let home = plan.folder.display().to_string();
    let arguments = ["run", "--config", &file, "--adapter", "caddyfile"];
    let own_home = |command: &mut std::process::Command| {
        command.env("XDG_DATA_HOME", &home).env("XDG_CONFIG_HOME", &home).env("HOME", &home);
    };
    let caddy = Kept::start_with(name, plan.folder, &program("caddy")?, &arguments, own_home)?;
    plan.children.push(caddy);
    Ok(())
}

pub fn caddy(plan: &mut Plan) -> Result<(Door, Door)> {
    let inner = [free_port()?, free_port()?];
    let outer = [free_port()?, free_port()?];
    let service = [plan.service.files, plan.service.own];
    caddy_hop(plan, "caddy inner", inner, service)?;
    caddy_hop(plan, "caddy outer", outer, inner)?;
    Ok((Door::new(outer[0], "localhost"), Door::new(outer[1], "localhost")))
}
