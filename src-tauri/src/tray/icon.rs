//! The tray's icon: which state it shows, and its pixels.

use crate::picture::{Picture, Presence};
use crate::shapes::{Link, Standing};

/// What can be told without opening the menu. Each has a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Connected,
    Connecting,
    Offline,
    /// Everything that could be served is switched off.
    Paused,
    /// Connected, but something needs a look.
    Problem,
}

/// The state of a picture.
pub fn state(picture: &Picture) -> State {
    match picture.engine {
        Presence::Starting => return State::Connecting,
        Presence::Missing(_) => return State::Problem,
        Presence::Leaving => return State::Offline,
        Presence::Running => {}
    }
    let Some(status) = &picture.status else { return State::Connecting };
    let refused = picture.mappings.iter().any(|mapping| mapping.state == Standing::Refused);
    match status.state {
        Link::Connecting => State::Connecting,
        Link::Waiting | Link::Closed => State::Offline,
        Link::Refused => State::Problem,
        Link::Connected if refused || !status.warnings.is_empty() => State::Problem,
        Link::Connected if !picture.mappings.is_empty() && picture.mappings.iter().all(|m| !m.enabled) => {
            State::Paused
        }
        Link::Connected => State::Connected,
    }
}

/// One picture of an icon: ARGB, big end first, as trays want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    pub size: u32,
    pub argb: Vec<u8>,
}

/// The icon in every size that a panel may want.
pub fn pixels(state: State) -> Vec<Pixels> {
    files(state).iter().filter_map(|file| decode(file)).collect()
}

macro_rules! sizes {
    ($state:literal) => {
        &[
            include_bytes!(concat!("../../../icons/tray/", $state, "-16.png")),
            include_bytes!(concat!("../../../icons/tray/", $state, "-22.png")),
            include_bytes!(concat!("../../../icons/tray/", $state, "-24.png")),
            include_bytes!(concat!("../../../icons/tray/", $state, "-32.png")),
            include_bytes!(concat!("../../../icons/tray/", $state, "-48.png")),
            include_bytes!(concat!("../../../icons/tray/", $state, "-64.png")),
        ]
    };
}

fn files(state: State) -> &'static [&'static [u8]] {
    match state {
        State::Connected => sizes!("connected"),
        State::Connecting => sizes!("connecting"),
        State::Offline => sizes!("offline"),
        State::Paused => sizes!("paused"),
        State::Problem => sizes!("problem"),
    }
}

/// A square PNG with 8 bits of red, green, blue and alpha; anything else is no icon of ours.
fn decode(file: &[u8]) -> Option<Pixels> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().ok()?;
    let mut rgba = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut rgba).ok()?;
    let ours = info.color_type == png::ColorType::Rgba && info.bit_depth == png::BitDepth::Eight;
    if !ours || info.width != info.height {
        return None;
    }
    for pixel in rgba.chunks_exact_mut(4) {
        pixel.rotate_right(1);
    }
    Some(Pixels { size: info.width, argb: rgba })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::{drawn, mapping, snapshot};

    #[test]
    fn the_icon_tells_how_things_are() {
        assert_eq!(state(&Picture::default()), State::Connecting);
        let of = |link: &str, mappings: &[&str]| {
            let mappings: Vec<_> = mappings.iter().map(|state| mapping(state, "shop", state)).collect();
            state(&drawn(&[snapshot(link, &mappings)]))
        };
        assert_eq!(of("connecting", &[]), State::Connecting);
        assert_eq!(of("connected", &[]), State::Connected);
        assert_eq!(of("connected", &["live", "off"]), State::Connected);
        assert_eq!(of("connected", &["off"]), State::Paused);
        assert_eq!(of("connected", &["live", "refused"]), State::Problem);
        assert_eq!(of("waiting", &["live"]), State::Offline);
        assert_eq!(of("refused", &[]), State::Problem);
        let missing = Picture { engine: Presence::Missing("x".into()), ..Picture::default() };
        assert_eq!(state(&missing), State::Problem);
    }

    #[test]
    fn every_state_has_an_icon_of_its_own_in_every_size() {
        let all = [State::Connected, State::Connecting, State::Offline, State::Paused, State::Problem];
        let icons: Vec<_> = all.into_iter().map(pixels).collect();
        for (place, icon) in icons.iter().enumerate() {
            let sizes: Vec<_> = icon.iter().map(|pixels| pixels.size).collect();
            assert_eq!(sizes, [16, 22, 24, 32, 48, 64]);
            assert!(icon.iter().all(|pixels| pixels.argb.len() == (4 * pixels.size * pixels.size) as usize));
            // Also without colours: where something is and where nothing is differs, or how light it is.
            let shape = |icon: &[Pixels]| {
                let pixels = icon[0].argb.chunks_exact(4);
                pixels
                    .map(|p| (p[0] > 127, u16::from(p[1]) + u16::from(p[2]) + u16::from(p[3]) > 384))
                    .collect()
            };
            let own: Vec<_> = shape(icon);
            assert!(icons[..place].iter().all(|other| shape(other) != own), "{place}");
        }
    }
}
