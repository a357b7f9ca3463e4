//! Keeps an engine: its own, or the one that another program of this user has.

use std::time::Duration;

use porthole_agent::app::{Ended, Home, Reached};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::picture::{Picture, Presence};

/// Between two tries to have an engine. What keeps it away is usually a person's to mend.
const AGAIN: Duration = Duration::from_secs(5);

/// Until `stop`; then requests in flight end before this does.
pub async fn keep(mut home: Home, picture: &watch::Sender<Picture>, stop: &CancellationToken) {
    let told = |presence| picture.send_modify(|picture| picture.engine = presence);
    loop {
        let reached = tokio::select! {
            reached = home.reach(|note| tracing::info!("{note}")) => reached,
            () = stop.cancelled() => return,
        };
        let why = match reached {
            Ok(reached) => {
                told(Presence::Running);
                let ended = serve(reached, picture, stop).await;
                if stop.is_cancelled() {
                    return;
                }
                match ended {
                    Ended::Left => None,
                    Ended::Anew(anew) => {
                        home.hand_on(anew);
                        None
                    }
                    Ended::Unwanted(why) => Some(why),
                }
            }
            Err(failure) => Some(failure.message),
        };
        match why {
            // Its place is free: this program's turn.
            None => told(Presence::Starting),
            Some(why) => {
                tracing::warn!("no engine: {why}");
                told(Presence::Missing(why));
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

/// As long as the engine is there, or until it is to start anew.
async fn serve(mut reached: Reached, picture: &watch::Sender<Picture>, stop: &CancellationToken) -> Ended {
    let ended = tokio::select! {
        ended = reached.ended() => ended,
        () = stop.cancelled() => Ended::Left,
    };
    picture.send_modify(|picture| picture.engine = Presence::Leaving);
    if let Some(own) = reached.own.take() {
        own.leave().await;
    }
    ended
}
