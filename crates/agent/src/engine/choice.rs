//! Which gateway the engine uses, and how it comes to use another: the choice is kept, and whoever has the
//! engine starts it anew.

use super::{Shared, View};
use crate::credentials::{self, CredentialsError};
use crate::gateway_choice::{self, Choice, ChosenBy, Fixed, Kept};
use crate::gateway_url::GatewayUrl;
use crate::probe::Connection;
use crate::secrets::Secret;
use crate::store::StoreError;

/// Which kind of gateway the engine uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A child of this engine.
    Trial,
    Configured,
    /// There is none to use.
    None,
}

/// Where a token is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Keychain,
    /// A file that only this user can read.
    File,
    /// Nowhere: it is asked for at each start.
    Session,
}

/// Why the engine is to start anew, with what is kept by now.
#[derive(Debug, Clone)]
pub enum Anew {
    Gateway {
        /// Its origin and its token, where that is kept nowhere.
        session: Option<(String, Secret)>,
    },
    Settings,
}

/// Why another gateway could not be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    #[error(transparent)]
    Fixed(#[from] Fixed),
    #[error("the token cannot be kept in the keychain: {0}")]
    NoKeychain(String),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl View {
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn choice(&self) -> Choice {
        self.0.lock().choice.clone()
    }

    /// The gateway's origin, if there is one.
    pub fn origin(&self) -> Option<String> {
        (self.0.kind != Kind::None).then(|| self.0.gateway.origin())
    }

    /// What is needed to try a gateway from here.
    pub fn connection(&self, gateway: GatewayUrl, token: Secret) -> Connection {
        Connection { gateway, token, tls: self.0.tls.clone() }
    }

    /// Uses this gateway from now on.
    pub async fn connect_to(
        &self,
        gateway: GatewayUrl,
        token: Secret,
        keep: Keep,
    ) -> Result<(), ChooseError> {
        let shared = &self.0;
        shared.changeable()?;
        let origin = gateway.origin();
        match keep {
            Keep::Keychain => {
                let kept = credentials::keep_in_keychain(&shared.paths, &origin, &token).await?;
                kept.map_err(ChooseError::NoKeychain)?;
            }
            Keep::File => credentials::keep_in_file(&shared.paths, &origin, &token)?,
            Keep::Session => credentials::forget(&shared.paths, &origin).await?,
        }
        let url = format!("{gateway}{}", gateway.mapping_path.as_deref().unwrap_or_default());
        gateway_choice::save(&shared.store, Kept::Gateway(url)).await?;
        let session = (keep == Keep::Session).then_some((origin, token));
        shared.anew.send_replace(Some(Anew::Gateway { session }));
        Ok(())
    }

    /// Uses a trial gateway of this computer from now on.
    pub async fn try_here(&self) -> Result<(), ChooseError> {
        let shared = &self.0;
        shared.changeable()?;
        gateway_choice::save(&shared.store, Kept::Trial).await?;
        if shared.kind == Kind::Trial {
            shared.lock().choice.by = ChosenBy::Trial;
        } else {
            shared.anew.send_replace(Some(Anew::Gateway { session: None }));
        }
        Ok(())
    }
}

impl View {
    /// Where the page is to be had over HTTP, if it is.
    pub fn page_url(&self) -> Option<&str> {
        self.0.inspector_url.as_deref()
    }

    /// Has the page over HTTP, or no longer, where the engine is the app's; a command has what it was told.
    pub fn over_http(&self, wanted: bool) {
        let of_a_command = self.choice().fixed == Some(Fixed::Command);
        if !of_a_command && wanted != self.page_url().is_some() {
            self.0.anew.send_replace(Some(Anew::Settings));
        }
    }
}

impl Shared {
    fn changeable(&self) -> Result<(), Fixed> {
        self.lock().choice.fixed.clone().map_or(Ok(()), Err)
    }
}
