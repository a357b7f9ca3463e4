//! From start to quit: who runs beside whom, and in which order they leave.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use porthole_agent::app::{AppArgs, Home};
use porthole_agent::cli::Failure;
use porthole_agent::secrets::Secret;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::action::{Action, Place};
use crate::client::Client;
use crate::clipboard::Clipboard;
use crate::crash::{self, Running};
use crate::notify::{Notice, Notifier};
use crate::perform::{Hands, Undone};
use crate::picture::Picture;
use crate::single::{self, First, Start, Wish};
use crate::tray::host::Tray;
use crate::update::{Update, Updater};
use crate::window::{Ask, Happened, Said, Window};
use crate::{engine, follow, settings, shortcut};

/// Where the window keeps its place, in the data folder.
const WINDOW_FILE: &str = "window.json";

/// This program, in its reports.
const PROGRAM: &str = "porthole-desktop";

/// There once somebody was told that the app stays in the tray.
const TOLD_FILE: &str = "told-of-tray";

/// Clicks that wait to be done; nobody is that fast.
const ACTIONS: usize = 32;

/// After a change, until the tray is drawn anew: a menu that is rebuilt at each event flickers.
const DRAW_AFTER: Duration = Duration::from_millis(50);

/// How long a desktop that is just starting may take to show its tray, before the window is shown instead.
const TRAY_WAIT: Duration = Duration::from_secs(10);

/// Runs the app as this process.
pub fn main() -> ExitCode {
    let args = AppArgs::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::failed("runtime", error)),
    };
    let done = runtime.block_on(run(&args));
    // A keychain or a notification daemon that never answers must not keep the app from ending.
    runtime.shutdown_background();
    match done {
        Ok(next) => next.map_or(ExitCode::SUCCESS, |next| next.start()),
        Err(failure) => report(&failure),
    }
}

/// What takes this program's place.
#[derive(Debug)]
struct Next {
    program: PathBuf,
    /// As this one was: without a window.
    hidden: bool,
}

impl Next {
    fn start(&self) -> ExitCode {
        let mut command = Command::new(&self.program);
        command.args(self.hidden.then_some("--hidden"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        match command.spawn() {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                let what = format!("{} does not start: {error}", self.program.display());
                report(&Failure::failed("restart", what))
            }
        }
    }
}

fn report(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "porthole-desktop: {failure}");
    ExitCode::from(failure.exit)
}

async fn run(args: &AppArgs) -> Result<Option<Next>, Failure> {
    let home = Home::open(args)?;
    let link = args.link.as_ref().map(|link| link.expose().to_owned());
    let wish = Wish { show: !args.hidden, link };
    let failed = |error: std::io::Error| Failure::failed("app", error);
    let first = match single::claim(home.paths(), &wish).await.map_err(failed)? {
        Start::First(first) => first,
        Start::Further => return Ok(None),
    };
    let crashes = home.paths().logs.clone();
    crash::report_panics(crashes.clone(), PROGRAM);
    let running = Running::begin(home.paths().app_running(), &crashes, PROGRAM);
    let signals = Signals::new().map_err(failed)?;
    let clipboard = Clipboard::start().map_err(failed)?;
    let api = home.paths().api_socket();
    let client = Client::new(api.clone());
    let picture = watch::Sender::new(Picture::default());
    let (actions, asked) = mpsc::channel(ACTIONS);
    let (looks, looked) = mpsc::channel(1);
    let notifier = Notifier::start(actions.clone());
    if let Some(link) = &args.link {
        let _ = actions.try_send(Action::Follow(link.clone()));
    }
    let updater = Updater::find().map(Arc::new);
    if updater.is_some() {
        picture.send_modify(|picture| picture.update = Update::Idle);
    }
    let tray = Tray::start(&Picture::default(), actions.clone(), looks).await;
    let app = App {
        hands: Hands {
            client: client.clone(),
            picture: picture.clone(),
            clipboard,
            notifier: notifier.clone(),
            actions: actions.clone(),
            updater,
            logs: crashes.clone(),
        },
        window: Window::new(api, home.paths().data.join(WINDOW_FILE), crashes.clone()),
        told_of_tray: home.paths().data.join(TOLD_FILE),
        shown: tray.shown(),
        signals,
    };
    let stop = CancellationToken::new();
    if crash::news(&crashes) > 0 {
        let text = "A report of it is on this computer; nothing is sent anywhere.";
        let notice = Notice::new("Porthole ended unexpectedly the last time", text);
        notifier.show(notice.does("Open folder", Action::OpenLogs));
    }
    let hands = app.hands.clone();
    let next = RefCell::new(None);
    let until_quit = async {
        let (mut app, restart) = app.serve(&first, asked, args.hidden).await;
        next.replace(restart);
        stop.cancel();
        // Requests in flight end first; whoever cannot wait asks again.
        app.signals.next().await;
    };
    let with_engine = engine::keep(home, &picture, &stop);
    tokio::select! {
        () = with_engine => {}
        () = until_quit => {}
        () = draw(tray, picture.subscribe()) => {}
        () = follow::events(&client, &picture, &notifier) => {}
        () = follow::ports(&client, &picture, looked) => {}
        () = settings::obey(&client, &picture) => {}
        () = hands.look_daily() => {}
        () = shortcut::obey(&picture, &actions, &notifier) => {}
    }
    running.end();
    Ok(next.take())
}

/// Draws the tray whenever the picture changes, for good.
async fn draw(mut tray: Tray, mut pictures: watch::Receiver<Picture>) {
    while pictures.changed().await.is_ok() {
        tokio::time::sleep(DRAW_AFTER).await;
        let picture = pictures.borrow_and_update().clone();
        tray.draw(&picture).await;
    }
}

/// What reacts to a person.
#[derive(Debug)]
struct App {
    hands: Hands,
    window: Window,
    told_of_tray: PathBuf,
    /// Whether somebody shows the tray.
    shown: watch::Receiver<bool>,
    signals: Signals,
}

impl App {
    /// Does what is asked for until that is to quit.
    async fn serve(
        mut self,
        first: &First,
        mut asked: mpsc::Receiver<Action>,
        hidden: bool,
    ) -> (Self, Option<Next>) {
        let mut next = None;
        if !hidden {
            self.show(Place::Last).await;
        }
        let facts = self.hands.picture.borrow().facts();
        self.window.facts(facts).await;
        let trayless = tokio::time::sleep(if hidden { TRAY_WAIT } else { Duration::MAX });
        tokio::pin!(trayless);
        let mut waiting = hidden;
        let mut pictures = self.hands.picture.subscribe();
        let mut keeps = self.stays();
        loop {
            tokio::select! {
                () = self.signals.next() => break,
                Some(action) = asked.recv() => match action {
                    Action::Quit => break,
                    Action::Restart(program) => {
                        next = Some(Next { program, hidden: !self.window.is_open() });
                        break;
                    }
                    Action::Show(place) => self.show(place).await,
                    other => self.perform(other),
                },
                wish = first.wish() => match wish.link {
                    Some(link) => self.perform(Action::Follow(Secret::new(link))),
                    None if wish.show => self.show(Place::Last).await,
                    None => {}
                },
                happened = self.window.next() => match happened {
                    Happened::Said(Said::Quit) => break,
                    Happened::Said(said) => self.heard(said),
                    Happened::ClosedAndWanted => self.show(Place::Last).await,
                    Happened::Closed if self.stays() => self.tell_of_tray(),
                    Happened::Closed => break,
                    Happened::Broken(how) => {
                        self.report(&how);
                        let text = "It ended by itself; what you share goes on. Click to open it again.";
                        self.hands.notifier.show(Notice::new("The window is gone", text).opens(Place::Last));
                    }
                },
                Ok(()) = pictures.changed() => {
                    let facts = pictures.borrow_and_update().facts();
                    self.window.facts(facts).await;
                    let now = self.stays();
                    if now != keeps {
                        keeps = now;
                        self.window.closable(self.closable()).await;
                    }
                }
                Ok(()) = self.shown.changed() => {
                    let shown = *self.shown.borrow_and_update();
                    self.window.closable(self.closable()).await;
                    if !shown && !waiting {
                        self.show(Place::Last).await;
                    }
                }
                () = &mut trayless, if waiting => {
                    waiting = false;
                    if !*self.shown.borrow() {
                        self.show(Place::Last).await;
                    }
                }
            }
        }
        self.window.close().await;
        (self, next)
    }

    async fn show(&mut self, place: Place) {
        let closable = self.closable();
        if let Err(error) = self.window.show(place.route(), closable).await {
            self.hands.notifier.show(Notice::new("The window does not open", error.to_string()));
        }
    }

    /// Whether the app stays when its window is closed.
    fn stays(&self) -> bool {
        self.hands.picture.borrow().settings().keep_in_tray
    }

    /// Whether the window ends when it is closed: it can be had again from the tray, or the app ends with it.
    fn closable(&self) -> bool {
        *self.shown.borrow() || !self.stays()
    }

    /// Keeps what is known of a window that broke. That is told at once, and not again at the next start.
    fn report(&self, how: &str) {
        match crash::write(&self.hands.logs, "porthole-window", how) {
            Ok(_) => drop(crash::news(&self.hands.logs)),
            Err(error) => tracing::warn!(%error, "there is no report of the window's end"),
        }
    }

    /// Says where the app is now, once and for all.
    fn tell_of_tray(&self) {
        if *self.shown.borrow() && File::create_new(&self.told_of_tray).is_ok() {
            let text = "Your addresses go on answering. The window and Quit are in the tray’s menu.";
            let notice = Notice::new("Porthole keeps running in the tray", text);
            self.hands.notifier.show(notice.opens(Place::Settings));
        }
    }

    /// Does what the window asks for, and tells what it did.
    fn heard(&self, said: Said) {
        let notice = match said {
            Said::Shown | Said::Quit => return,
            Said::Usable => return tracing::debug!("the window is usable"),
            Said::Open { url } => return self.hands.browse(&url),
            Said::Saved { file } => Notice::new("Saved", file.display().to_string()),
            Said::Asks(Ask::LookForUpdates) => return self.perform(Action::LookForUpdates),
            Said::Asks(Ask::InstallUpdate) => return self.perform(Action::InstallUpdate),
            Said::Asks(Ask::OpenLogs) => return self.hands.open_logs(),
            Said::Asks(Ask::OpenUpdatePage) => return self.perform(Action::OpenUpdatePage),
            Said::NotSaved { why } => Notice::new("Not saved", why),
        };
        self.hands.notifier.show(notice);
    }

    /// Has it done beside everything else.
    fn perform(&self, action: Action) {
        let hands = self.hands.clone();
        tokio::spawn(async move {
            if let Err(error) = done(&hands, action).await {
                hands.notifier.show(Notice::new("That did not work", error.to_string()));
            }
        });
    }
}

async fn done(hands: &Hands, action: Action) -> Result<(), Undone> {
    match action {
        Action::Expose(port) => hands.expose(port).await,
        Action::CopyUrl(id) => hands.copy(&id),
        Action::OpenUrl(id) => hands.open(&id),
        Action::Pause(id) => hands.switch(&id, false).await?,
        Action::Resume(id) => hands.switch(&id, true).await?,
        Action::Remove(id) => hands.remove(&id).await?,
        Action::Password(id, on) => hands.password(&id, on).await?,
        Action::Diagnostics => hands.diagnostics().await?,
        Action::OpenLogs => hands.open_logs(),
        Action::PauseAll => hands.pause_all().await?,
        Action::ResumeAll => hands.resume_all().await?,
        Action::Reconnect => hands.reconnect().await?,
        Action::Follow(link) => hands.follow(&link).await?,
        Action::LookForUpdates => hands.look_for_updates(true).await,
        Action::InstallUpdate => hands.install_update().await,
        Action::OpenUpdatePage => hands.open_update_page(),
        // The app's own.
        Action::Show(_) | Action::Restart(_) | Action::Quit => {}
    }
    Ok(())
}

/// What the system says when the app is to end.
#[derive(Debug)]
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        let [terminate, interrupt, hangup] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self([terminate?, interrupt?, hangup?]))
    }

    async fn next(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
