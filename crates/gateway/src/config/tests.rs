//! Flag, variable, file, default: and a sentence for each mistake.

use std::collections::HashMap;

use super::*;

struct World {
    home: tempfile::TempDir,
    flags: Vec<(&'static str, Option<String>)>,
    variables: HashMap<String, String>,
}

impl World {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder"), flags: Vec::new(), variables: HashMap::new() }
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.flags.push((name, Some(value.to_owned())));
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(self.home.path().join("gateway.toml"), text).expect("written");
        self
    }

    fn resolve(&self) -> Result<Config, ConfigError> {
        let folders = Folders::find(self.home.path().to_str())?;
        let variable = |name: &str| self.variables.get(name).cloned();
        let layers = Layers::collect(self.flags.clone(), variable, None, &folders)?;
        Config::resolve(&layers, &folders)
    }

    fn sentence(&self) -> String {
        self.resolve().expect_err("refused").to_string()
    }
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let world = World::new();
    assert_eq!(world.resolve().expect("defaults").listen.to_string(), "0.0.0.0:8080");
    let world =
        world.file("listen = \"127.0.0.1:1\"\ngrace = \"5s\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n");
    let config = world.resolve().expect("the file");
    assert_eq!((config.listen.to_string(), config.grace.as_secs()), ("127.0.0.1:1".into(), 5));
    assert_eq!(config.trusted_proxies.len(), 2);
    let world = world.variable("PORT", "3").variable("PUBLIC_BASE_URL", "https://a.example");
    assert_eq!(world.resolve().expect("PORT").listen.to_string(), "0.0.0.0:3");
    let world =
        world.variable("PORTHOLE_GATEWAY_LISTEN", "127.0.0.1:2").variable("PORTHOLE_GATEWAY_NEW_THING", "1");
    let config = world.resolve().expect("the variable");
    assert_eq!(config.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.public.expect("set").url(), "https://a.example");
    assert_eq!(world.flag("listen", "127.0.0.1:4").resolve().expect("the flag").listen.port(), 4);
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    assert!(World::new().file("public_ulr = \"x\"").sentence().contains("did you mean `public_url`?"));
    assert!(World::new().file("listn = \"x\"").sentence().contains("did you mean `listen`?"));
    assert!(World::new().file("public-url = \"http://a.b\"").resolve().is_ok());
    assert!(World::new().file("listen = ").sentence().contains("gateway.toml"));
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_line() {
    let line = |text: &str| World::new().file(text).sentence();
    let told = line("# one\n\ngrace = \"soon\"\n");
    assert!(told.contains("`grace` in line 3 of ") && told.contains("gateway.toml"), "{told}");
    let told = line("log = \"info\"\npublic_ulr = \"x\"\n");
    assert!(told.contains("line 2"), "{told}");
    let told = line("log = \"info\"\nlisten = \n");
    assert!(told.contains("line 2"), "{told}");
}

#[test]
fn a_mistake_is_told_with_where_it_was_made() {
    for (option, wrong) in [
        ("listen", "0.0.0.0:70000"),
        ("listen", "nonsense"),
        ("public-url", "tunnel.example.com:8080"),
        ("public-url", "ftp://tunnel.example.com"),
        ("public-url", "https://tunnel.example.com/path"),
        ("tcp-ports", "0-10"),
        ("tcp-ports", "1-65536"),
        ("tcp-ports", "20-10"),
        ("token-mappings", "0"),
        ("token-links", "1000001"),
        ("token-streams", "many"),
        ("token-connections", "-1"),
        ("token-rate", "1KiB"),
        ("floor-allow-ip", "10.0.0.0/33"),
        ("floor-rate-limit", "10"),
        ("floor-visitor-rate-limit", "0/s"),
        ("floor-max-body", "much"),
        ("floor-max-concurrent", "0"),
        ("floor-allow-methods", "get"),
        ("floor-private-paths", "a//b"),
        ("floor-require-auth", "perhaps"),
        ("grace", "soon"),
        ("grace", "86401"),
        ("claim-days", "0"),
        ("claim-days", "3651"),
        ("trusted-proxies", "10.0.0.0/33"),
        ("outgoing-allow", "intranet"),
        ("tls-cert", "/nonexistent/cert.pem"),
        ("acme-email", "nobody"),
        ("acme-email", "a@b.example,c@d.example"),
        ("acme-email", "a@b.example?subject=x"),
        ("acme-directory", "http://ca.example/directory"),
        ("acme-directory", "ca.example"),
        ("acme-ca-file", "/nonexistent/ca.pem"),
        ("acme-challenge", "dns-01"),
        ("acme-dns-hook", "/nonexistent/hook"),
        ("acme-dns-hook", "/"),
        ("http-listen", "nonsense"),
        ("hsts", "for ever"),
        ("hsts", "3651d"),
        ("log-format", "xml"),
        ("access-log", " "),
        ("single-host", "perhaps"),
        ("client-token", " "),
    ] {
        let sentence = World::new().flag(option, wrong).sentence();
        assert!(sentence.contains(&format!("--{option}")), "{option} {wrong}: {sentence}");
        assert!(!sentence.contains('\n'), "{sentence}");
    }
    for (option, right) in [
        ("grace", "86400"),
        ("claim-days", "3650"),
        ("tcp-ports", "1-65535"),
        ("token-mappings", "1"),
        ("token-rate", "10MiB/s"),
        ("listen", "65535"),
        ("client-token", "x"),
        ("acme-email", "admin@example.com"),
    ] {
        assert!(World::new().flag(option, right).resolve().is_ok(), "{option} {right}");
    }
}

#[test]
fn the_floor_is_a_table_of_the_file_or_options_and_says_what_a_policy_says() {
    let text = r#"
        grace = "5s"
        [floor]
        require_auth = true
        allow_ip = ["10.0.0.0/8", "203.0.113.7"]
        rate_limit = "100/s"
        max_body = "10MiB"
        private-paths = ["/.git", "/.env"]
    "#;
    let world = World::new().file(text);
    let floor = world.resolve().expect("a floor").floor;
    assert!(floor.require_auth && floor.allow_ip == ["10.0.0.0/8", "203.0.113.7"]);
    assert_eq!((floor.max_body, floor.private_paths.len()), (Some(10 * 1024 * 1024), 2));
    assert_eq!(floor.rate_limit.map(|limit| (limit.requests, limit.seconds)), Some((100, 1)));
    let world = world.flag("floor-allow-ip", "192.0.2.0/24").flag("floor-allow-methods", "GET, POST");
    let floor = world.resolve().expect("a floor").floor;
    assert!(floor.allow_ip == ["192.0.2.0/24"] && floor.allow_methods == ["GET", "POST"]);
    assert!(World::new().file("[floor]\nalow_ip = []").sentence().contains("did you mean `floor_allow_ip`?"));
    assert!(World::new().file("[flor]\nallow_ip = []").resolve().is_err());
    assert!(World::new().resolve().expect("defaults").floor.is_none());
}

#[test]
fn a_proxy_protocol_without_trusted_proxies_would_let_in_nobody_and_is_refused() {
    let asked = || World::new().flag("proxy-protocol", "true");
    assert!(asked().sentence().contains("--trusted-proxies"));
    let config = asked().flag("trusted-proxies", "10.0.0.0/8").resolve().expect("both");
    assert!(config.proxy_protocol);
    assert!(!World::new().resolve().expect("neither").proxy_protocol);
}

#[test]
fn automatic_certificates_need_an_address_and_go_together_with_files() {
    let config = World::new().flag("acme-email", "admin@example.com").resolve().expect("enough");
    assert_eq!(config.acme.expect("set").directory.as_str(), LETS_ENCRYPT);
    let alone = World::new().flag("acme-directory", "https://ca.example/directory").sentence();
    assert!(alone.contains("--acme-directory") && alone.contains("--acme-email"), "{alone}");
    let world = World::new();
    let file = world.home.path().join("cert.pem");
    std::fs::write(&file, "").expect("written");
    let file = file.to_str().expect("text");
    let both = World::new().flag("tls-cert", file).flag("tls-key", file).flag("acme-email", "a@b.example");
    let both = both.resolve().expect("files for some names");
    assert!(both.tls.is_some() && both.acme.is_some());
}

#[cfg(unix)]
#[test]
fn a_dns_hook_is_a_program_beside_an_address_and_a_public_url() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let file = world.home.path().join("hook");
    std::fs::write(&file, "#!/bin/sh\n").expect("written");
    let hook = file.to_str().expect("text").to_owned();
    let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("set");
    mode(0o600);
    assert!(World::new().flag("acme-dns-hook", &hook).sentence().contains("may be executed"));
    mode(0o700);
    let asked = || World::new().flag("acme-dns-hook", &hook);
    assert!(asked().sentence().contains("--acme-email"));
    let asked = || asked().flag("acme-email", "admin@example.com");
    assert!(asked().sentence().contains("--public-url"));
    let config = asked().flag("public-url", "https://tunnel.example.com").resolve().expect("all of it");
    assert_eq!(config.acme.expect("set").dns_hook.as_deref(), Some(file.as_path()));
}

#[test]
fn nobody_is_sent_to_https_where_none_is_spoken() {
    let clear = World::new().flag("http-listen", "127.0.0.1:80");
    assert!(clear.sentence().contains("--http-listen"));
    assert!(clear.flag("acme-email", "admin@example.com").resolve().is_ok());
    let asked = World::new().flag("client-ca", "/");
    assert!(asked.sentence().contains("--client-ca"));
    let config = asked.flag("acme-email", "admin@example.com").resolve().expect("both");
    assert!(config.client_ca.is_some());
    let hsts = World::new().flag("hsts", "365d");
    assert!(hsts.sentence().contains("--hsts"));
    let config = hsts.flag("acme-email", "admin@example.com").resolve().expect("both");
    assert_eq!(config.hsts, Some(31_536_000));
}

#[test]
fn caddy_is_told_where_it_is_to_lead_and_speaks_clear_text() {
    let asked = |admin: &str| World::new().flag("caddy-admin", admin);
    assert!(asked("http://localhost:2019").sentence().contains("--public-url"));
    let with_url = |admin: &str| asked(admin).flag("public-url", "https://t.example");
    assert!(with_url("unix//run/caddy.sock").resolve().expect("valid").caddy_admin.is_some());
    assert!(with_url("https://localhost:2019").sentence().contains("plain HTTP"));
    let behind = with_url("http://localhost:2019").flag("trusted-proxies", "127.0.0.1");
    assert!(behind.flag("proxy-protocol", "true").sentence().contains("leave out --proxy-protocol"));
    let own = with_url("http://localhost:2019").flag("acme-email", "admin@example.com");
    assert!(own.sentence().contains("leave out --acme-email"));
}

#[test]
fn a_secret_never_shows_in_debug() {
    let secret = "canary-canary-canary-canary-canary";
    let world = World::new().variable("PORTHOLE_GATEWAY_SECRET", secret).flag("client-token", "canary-token");
    let config = world.resolve().expect("valid");
    assert!(!format!("{config:?}").contains("canary"));
    let short = World::new().variable("PORTHOLE_GATEWAY_SECRET", "canary-short").sentence();
    assert!(short.contains("12 bytes") && !short.contains("canary"), "{short}");
}

#[test]
fn a_secret_of_31_bytes_is_refused_and_one_of_32_taken() {
    let with = |length: usize| {
        World::new()
            .variable("PORTHOLE_GATEWAY_SECRET", &format!("  {}\n", "x".repeat(length)))
            .resolve()
            .is_ok()
    };
    assert!(!with(31));
    assert!(with(32));
    assert!(with(33));
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let path = world.home.path().join("s");
    std::fs::write(&path, "x".repeat(32)).expect("written");
    let with_mode = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        World::new().flag("secret-file", path.to_str().expect("text")).resolve()
    };
    for mode in [0o644, 0o640, 0o604, 0o620] {
        let sentence = with_mode(mode).expect_err("refused").to_string();
        assert!(sentence.contains("chmod 600"), "{sentence}");
    }
    assert!(with_mode(0o600).is_ok());
    assert!(with_mode(0o400).is_ok());
}

#[test]
fn without_a_secret_one_is_made_once_and_rotation_adds_another_in_front() {
    let world = World::new();
    let first = world.resolve().expect("made").secrets;
    let made = first.made.clone().expect("made");
    assert_eq!(made, world.home.path().join("gateway/secret"));
    let second = world.resolve().expect("found").secrets;
    assert_eq!(second.made, None);
    assert_eq!(first.all().expect("read"), second.all().expect("read"));
    second.rotate().expect("rotated");
    let all = first.all().expect("read");
    assert_eq!(all.len(), 2);
    assert_eq!(all[1], second.all().expect("read")[1]);
    assert_ne!(all[0].key_id(), all[1].key_id());
}

#[test]
fn a_secret_option_reads_a_file_a_variable_or_a_command() {
    let long = "exec:printf %s 0123456789abcdef0123456789abcdef";
    let config = World::new().variable("PORTHOLE_GATEWAY_SECRET", long).resolve().expect("read");
    assert_eq!(config.secrets.all().expect("one")[0].bytes(), b"0123456789abcdef0123456789abcdef");
    assert!(World::new().variable("PORTHOLE_GATEWAY_SECRET", "exec:exit 3").sentence().contains("exec"));
    assert!(
        World::new()
            .variable("PORTHOLE_GATEWAY_SECRET", "env:PORTHOLE_NOT_SET")
            .sentence()
            .contains("not set")
    );
    assert!(
        World::new()
            .variable("PORTHOLE_GATEWAY_SECRET", "file:/nonexistent")
            .sentence()
            .contains("/nonexistent")
    );
}

#[test]
fn names_are_under_the_public_url() {
    let base = |text: &str| PublicBase::parse(text).expect("a URL");
    assert_eq!(base("http://localhost:8080").host_of("shop").as_deref(), Some("shop.localhost"));
    assert_eq!(base("http://localhost:8080").url_of("shop.localhost"), "http://shop.localhost:8080");
    assert_eq!(base("HTTPS://Tunnel.Example.Com:443/").url(), "https://tunnel.example.com");
    assert_eq!(base("http://[::1]:80").url(), "http://[::1]");
    assert_eq!(base("http://127.0.0.1:8080").host_of("shop"), None);
}
