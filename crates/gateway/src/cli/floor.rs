//! What `serve` asks of all mappings' visitors, as options.

use clap::Args;

#[derive(Debug, Args, Clone, Default)]
pub(super) struct Floor {
    /// Serve only mappings that ask their visitors for a password
    #[arg(long)]
    floor_require_auth: bool,
    /// For all mappings: let in only visitors from these networks
    #[arg(long, value_name = "CIDR,…")]
    floor_allow_ip: Option<String>,
    /// For all mappings: keep out visitors from these networks
    #[arg(long, value_name = "CIDR,…")]
    floor_deny_ip: Option<String>,
    /// For each mapping: requests of all its visitors, like 100/s
    #[arg(long, value_name = "RATE")]
    floor_rate_limit: Option<String>,
    /// For each mapping: requests of each visitor, like 600/m
    #[arg(long, value_name = "RATE")]
    floor_visitor_rate_limit: Option<String>,
    /// For each mapping: requests or TCP connections at once
    #[arg(long, value_name = "NUMBER")]
    floor_max_concurrent: Option<String>,
    /// For all mappings: bytes of a request's body, like 100MiB
    #[arg(long, value_name = "BYTES")]
    floor_max_body: Option<String>,
    /// For all mappings: let in only requests of these methods
    #[arg(long, value_name = "METHOD,…")]
    floor_allow_methods: Option<String>,
    /// For all mappings: serve nothing under these paths, like /.git
    #[arg(long, value_name = "PATH,…")]
    floor_private_paths: Option<String>,
}

impl Floor {
    pub(super) fn flags(&self) -> [(&'static str, Option<String>); 9] {
        [
            ("floor-require-auth", self.floor_require_auth.then(|| "true".to_owned())),
            ("floor-allow-ip", self.floor_allow_ip.clone()),
            ("floor-deny-ip", self.floor_deny_ip.clone()),
            ("floor-rate-limit", self.floor_rate_limit.clone()),
            ("floor-visitor-rate-limit", self.floor_visitor_rate_limit.clone()),
            ("floor-max-concurrent", self.floor_max_concurrent.clone()),
            ("floor-max-body", self.floor_max_body.clone()),
            ("floor-allow-methods", self.floor_allow_methods.clone()),
            ("floor-private-paths", self.floor_private_paths.clone()),
        ]
    }
}
