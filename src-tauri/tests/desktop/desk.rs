//! A desk to work at: screen, session bus, home.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::Method;
use porthole_agent::app_settings::AppSettings;
use porthole_agent::paths::Paths;
use porthole_desktop::client::Client;
use porthole_testkit::process::{self, Process};
use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Gateway, LocalService, Visitor, binaries};
use tempfile::TempDir;

use crate::notifications::Notifications;
use crate::tray::Tray;

/// Numbers of screens, beyond those that people use.
const FIRST_DISPLAY: u32 = 1_000;
const DISPLAYS: u32 = 50_000;

/// Everything that an app finds when it starts.
pub struct Desk {
    pub tray: Tray,
    pub notifications: Notifications,
    home: TempDir,
    display: String,
    address: String,
    _screen: Process,
    _daemon: Process,
    _manager: Process,
}

impl Desk {
    pub async fn new() -> Self {
        let home = tempfile::Builder::new().prefix("porthole-desk-").tempdir().expect("a temporary folder");
        for folder in ["runtime", "data"] {
            porthole_agent::paths::create_private(&home.path().join(folder)).expect("a folder");
        }
        // A number of its own: one that the server picks may be that of another which is just about to end.
        let display = format!(":{}", FIRST_DISPLAY + std::process::id() % DISPLAYS);
        let mut screen = Command::new("Xvfb");
        // Without `-noreset` it throws its guests out whenever the last of them leaves.
        screen.args([&display, "-displayfd", "1", "-noreset", "-screen", "0", "1280x800x24"]);
        let mut screen = Process::start("Xvfb", screen);
        screen.line("its number", |line| line.parse::<u32>().ok()).await;
        let mut daemon = Command::new("dbus-daemon");
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/desktop/bus.conf");
        daemon.arg("--config-file").arg(config).args(["--nofork", "--print-address=1"]);
        let mut daemon = Process::start("dbus-daemon", daemon);
        let address = |line: &str| line.starts_with("unix:").then(|| line.to_owned());
        let address = daemon.line("its address", address).await;
        let bus = zbus::connection::Builder::address(address.as_str()).expect("an address");
        let bus = bus.build().await.expect("the session bus");
        let tray = Tray::host(&bus).await;
        let notifications = Notifications::host(&bus).await;
        let mut manager = Command::new("openbox");
        manager.env("DISPLAY", &display).env("HOME", home.path());
        let manager = Process::start("openbox", manager);
        let desk = Self {
            tray,
            notifications,
            home,
            display,
            address,
            _screen: screen,
            _daemon: daemon,
            _manager: manager,
        };
        // A window that opens while the manager takes its place may be nobody's.
        eventually("the window manager", || desk.windows("-m").is_some()).await;
        desk
    }

    /// A command of somebody who sits at this desk.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = process::command(program.as_ref());
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.config())
            .env("XDG_RUNTIME_DIR", self.home.path().join("runtime"))
            .env("PORTHOLE_HOME", self.data())
            .env("GDK_BACKEND", "x11")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("NO_AT_BRIDGE", "1")
            .env("PORTHOLE_LOG", "porthole_desktop=debug,porthole_agent=info,warn");
        command
    }

    /// Starts the app.
    pub fn app(&self, arguments: &[&str]) -> Process {
        let mut command = self.command(program());
        command.args(arguments);
        Process::start("porthole-desktop", command)
    }

    /// Starts the app in the tray, with a gateway of its own.
    pub async fn app_of(&self, gateway: &Gateway) -> Process {
        let mut command = self.command(program());
        command.arg("--hidden").envs(of(gateway).await);
        Process::start("porthole-desktop", command)
    }

    /// One click on a service in the tray; the visitor of the URL that is on the clipboard then.
    pub async fn expose(&self, service: &LocalService) -> Visitor {
        self.tray.click(&[&format!("{} ·", service.port())]).await;
        let url = self.pasted(|text| text.starts_with("http://")).await;
        assert_eq!(self.notifications.wait("Copied").await, url);
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port in the URL");
        Visitor::new(([127, 0, 0, 1], port).into(), host)
    }

    /// The app's data folder.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Files in this person's home, by their path below it, that hold a text.
    pub fn files_with(&self, text: &str) -> Vec<String> {
        fn look(folder: &Path, text: &[u8], found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                // Sockets and the like hold nothing.
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    look(&path, text, found);
                } else if kind.is_file()
                    && std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|w| w == text))
                {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        look(self.home.path(), text.as_bytes(), &mut found);
        let below =
            |path: PathBuf| path.strip_prefix(self.home.path()).unwrap_or(&path).display().to_string();
        found.into_iter().map(below).collect()
    }

    /// Somebody who keeps secrets, unlocked.
    pub async fn keychain(&self) -> Process {
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--unlock", "--components=secrets", "--foreground"]);
        let mut process = Process::start("gnome-keyring-daemon", command);
        process.type_in("password");
        process.close_stdin();
        self.tray.somebody_is("org.freedesktop.secrets").await;
        process
    }

    /// The app where nothing else is beside it.
    pub fn alone(&self) -> PathBuf {
        let folder = self.home.path().join("alone");
        std::fs::create_dir(&folder).expect("a folder");
        let copy = folder.join("porthole-desktop");
        std::fs::copy(program(), &copy).expect("a copy of the program");
        copy
    }

    /// The number of the screen.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Where this person's programs are configured.
    pub fn config(&self) -> PathBuf {
        self.home.path().join("config")
    }

    /// The engine's API, as this person's own programs have it.
    pub fn client(&self) -> Client {
        Client::new(Paths::under(&self.data()).api_socket())
    }

    /// Has the engine keep other settings of the app.
    pub async fn choose(&self, settings: &AppSettings) {
        let put = self.client().change::<AppSettings>(Method::PUT, "/app", settings).await;
        assert_eq!(put.expect("the engine takes them"), *settings);
    }

    /// The text on the clipboard, once it is this.
    pub async fn pasted(&self, right: impl Fn(&str) -> bool) -> String {
        let paste = async || {
            let mut command = self.command("xclip");
            let output = command.args(["-selection", "clipboard", "-out"]).output().expect("xclip runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            right(&text).then_some(text)
        };
        until("the right text on the clipboard", paste).await
    }

    /// Asks a window to close, as the cross in its corner does.
    pub async fn close_window(&self, title: &str) {
        let close = || {
            let closed = self.command("wmctrl").args(["-F", "-c", title]).status();
            closed.expect("wmctrl runs").success()
        };
        eventually(format!("a window {title} to close"), close).await;
    }

    /// Whether the window manager has a window of that title.
    pub fn has_window(&self, title: &str) -> bool {
        // It has no list, rather than an empty one, while there is none at all.
        let list = self.windows("-l").unwrap_or_default();
        list.lines().any(|line| line.ends_with(&format!(" {title}")))
    }

    /// What the window manager says, if it is there.
    fn windows(&self, question: &str) -> Option<String> {
        let output = self.command("wmctrl").arg(question).output().expect("wmctrl runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Desk {
    /// A test that fails leaves a picture of its screen.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("test").replace("::", "-");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("desktop-failures");
        let picture = folder.join(format!("{name}.png"));
        let taken = std::fs::create_dir_all(&folder).and_then(|()| {
            self.command("import").args(["-silent", "-window", "root"]).arg(&picture).status()
        });
        match taken {
            Ok(status) if status.success() => eprintln!("the screen is pictured in {}", picture.display()),
            other => eprintln!("there is no picture of the screen: {other:?}"),
        }
    }
}

/// What an app's environment says that is to use this gateway.
pub async fn of(gateway: &Gateway) -> [(&'static str, String); 2] {
    let token = gateway.token("alice", &[]).await;
    [("PORTHOLE_GATEWAY", gateway.url()), ("PORTHOLE_TOKEN", token.token)]
}

/// The app, with the gateway's program beside it.
pub fn program() -> PathBuf {
    let app = PathBuf::from(env!("CARGO_BIN_EXE_porthole-desktop"));
    let window = Path::new(env!("CARGO_BIN_EXE_porthole-window"));
    assert_eq!(app.parent(), window.parent());
    assert_eq!(app.parent(), binaries::gateway().parent(), "the trial gateway is found beside the app");
    app
}
