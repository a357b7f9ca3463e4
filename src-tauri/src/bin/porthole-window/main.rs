//! `porthole-window`: the page of `ui/` in a window. It asks the engine through its local API, and is told by the
//! app, on standard input, when to come to the front. See the library.

mod api;
mod download;
mod links;
mod orders;
mod place;

use std::path::PathBuf;
use std::process::ExitCode;

use porthole_desktop::client::Client;
use porthole_desktop::window::Said;
use tauri::webview::{DownloadEvent, NewWindowResponse};
use tauri::{Manager as _, Url, WebviewUrl, WebviewWindowBuilder, WindowEvent};

use links::Link;
use place::{Keeper, LEAST, Place};

/// The one window's label; the capabilities name it.
const MAIN: &str = "main";

fn main() -> ExitCode {
    let Some(Arguments { socket, place: file, crashes, route }) = arguments(std::env::args().skip(1)) else {
        eprintln!("porthole-window is started by porthole-desktop");
        return ExitCode::from(2);
    };
    porthole_desktop::crash::report_panics(crashes, "porthole-window");
    let client = Client::new(socket);
    let for_files = client.clone();
    let built = tauri::Builder::default()
        .manage(api::Engine::new(client.clone()))
        .manage(orders::Standing::default())
        .manage(Keeper(file.clone()))
        .invoke_handler(tauri::generate_handler![
            api::api,
            api::api_stream,
            api::api_stop,
            orders::quit,
            orders::ask,
            orders::facts
        ])
        .setup(move |app| {
            let page = format!("index.html{}", route.unwrap_or_default());
            let place = Place::read(&file);
            let (width, height) = place.size();
            let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App(page.into()))
                .title("Porthole")
                .inner_size(width, height)
                .min_inner_size(LEAST.0, LEAST.1)
                .maximized(place.is_maximized())
                .on_navigation(move |url| follow(&client, url))
                .on_download(move |_, event| {
                    if let DownloadEvent::Requested { url, .. } = event {
                        follow(&for_files, &url);
                    }
                    false
                })
                .on_new_window(|url, _| {
                    if links::is_for_the_browser(&url) {
                        orders::say(&Said::Open { url: url.into() });
                    }
                    NewWindowResponse::Deny
                })
                .build()?;
            place.put(&window)?;
            orders::listen(app.handle().clone())?;
            Ok(())
        })
        .on_window_event(|window, event| {
            let WindowEvent::CloseRequested { api, .. } = event else { return };
            if let Some(window) = window.get_webview_window(MAIN) {
                window.state::<Keeper>().keep(&window);
            }
            if !window.state::<orders::Standing>().close() {
                // Nothing to come back from: it stays in the taskbar.
                api.prevent_close();
                let _ = window.minimize();
            }
        })
        .build(tauri::generate_context!("tauri.conf.json"));
    match built {
        Ok(app) => {
            app.run(|_, _| {});
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("porthole-window: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the window itself goes there. A file of the engine's is saved instead.
fn follow(client: &Client, url: &Url) -> bool {
    match links::follow(url) {
        Link::Page => return true,
        Link::File(path) => {
            let saved = download::save(client.clone(), path);
            tauri::async_runtime::spawn(async move { orders::say(&saved.await) });
        }
        Link::Nowhere => {}
    }
    false
}

/// What the app says.
#[derive(Debug)]
struct Arguments {
    /// Where the engine answers.
    socket: PathBuf,
    /// The file that keeps the window's place.
    place: PathBuf,
    /// The folder of reports of crashes.
    crashes: PathBuf,
    /// Where in the page it begins.
    route: Option<String>,
}

/// `--api SOCKET --place FILE --crashes FOLDER [--route ROUTE]`.
fn arguments(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let (mut socket, mut place, mut crashes, mut route) = (None, None, None, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--api" => socket = Some(PathBuf::from(words.next()?)),
            "--place" => place = Some(PathBuf::from(words.next()?)),
            "--crashes" => crashes = Some(PathBuf::from(words.next()?)),
            "--route" => route = Some(words.next()?).filter(|route| route.starts_with("#/")),
            _ => return None,
        }
    }
    Some(Arguments { socket: socket?, place: place?, crashes: crashes?, route })
}
