//! Which gateway, and with which token: flag, variable, file, what `login` kept, or a trial gateway.

use std::path::PathBuf;

use super::output::print_error;
use super::{ConnectionArgs, Context, Failure};
use crate::gateway_choice::{self, ChosenBy, Kept};
use crate::gateway_url::GatewayUrl;
use crate::probe::Connection;
use crate::secrets::{Secret, resolve, token_subject};
use crate::store::Store;

/// What a command was told, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(super) gateway: Option<GatewayUrl>,
    pub(super) token: Option<Secret>,
    ca_file: Option<PathBuf>,
    /// A gateway's origin and a token for it, which is kept nowhere.
    session: Option<(String, Secret)>,
}

impl Asked {
    /// Reads flags and variables. Empty ones count as absent.
    pub(crate) fn read(args: &ConnectionArgs) -> Result<Self, Failure> {
        let gateway = args
            .gateway
            .as_deref()
            .filter(|text| !text.trim().is_empty())
            .map(str::parse::<GatewayUrl>)
            .transpose()
            .map_err(|error| Failure::usage("gateway-url", error))?;
        let token = args
            .token
            .as_deref()
            .filter(|text| !text.trim().is_empty())
            .map(resolve)
            .transpose()
            .map_err(|error| Failure::usage("token", error))?;
        let ca_file = args
            .ca_file
            .clone()
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| std::path::absolute(&path).unwrap_or(path));
        Ok(Self { gateway, token, ca_file, session: None })
    }

    /// The same with a token for this gateway, where none was given.
    pub(crate) fn with_token(&self, origin: &str, token: &Secret) -> Self {
        let session = Some((origin.to_owned(), token.clone()));
        Self { session, ..self.clone() }
    }

    /// What a running engine must agree with.
    pub(crate) fn hello(&self) -> crate::door::Hello {
        crate::door::Hello {
            protocol: crate::door::PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            gateway: self.gateway.as_ref().map(GatewayUrl::origin),
            subject: self.token.as_ref().map(token_subject),
        }
    }

    /// The gateway to use; none: no gateway is configured anywhere.
    pub(super) async fn gateway(
        &self,
        context: &Context,
        store: Option<&Store>,
    ) -> Result<Option<GatewayUrl>, Failure> {
        let (_, url) = self.chosen(context, store).await?;
        url.map(|text| text.parse()).transpose().map_err(|error| Failure::usage("gateway-url", error))
    }

    /// Who chose the gateway, and its URL as it was written; none: a trial one.
    pub(super) async fn chosen(
        &self,
        context: &Context,
        store: Option<&Store>,
    ) -> Result<(ChosenBy, Option<String>), Failure> {
        if let Some(gateway) = &self.gateway {
            let path = gateway.mapping_path.as_deref().unwrap_or_default();
            return Ok((ChosenBy::Option, Some(format!("{gateway}{path}"))));
        }
        if let Some(text) = &context.config.gateway {
            return Ok((ChosenBy::File, Some(text.clone())));
        }
        let kept = match store {
            Some(store) => {
                gateway_choice::load(store).await.map_err(|error| Failure::failed("store", error))?
            }
            None => None,
        };
        Ok(match kept {
            Some(Kept::Gateway(url)) => (ChosenBy::Login, Some(url)),
            Some(Kept::Trial) => (ChosenBy::Trial, None),
            None => (ChosenBy::Nobody, None),
        })
    }

    /// Gateway and token together; none: no gateway is configured anywhere.
    pub(super) async fn connection(
        &self,
        context: &Context,
        store: &Store,
    ) -> Result<Option<Connection>, Failure> {
        let Some(gateway) = self.gateway(context, Some(store)).await? else {
            if self.token.is_some() {
                return Err(Failure::usage(
                    "gateway-missing",
                    "a token was given but no gateway: add --gateway https://your-gateway",
                ));
            }
            return Ok(None);
        };
        let session = self.session.as_ref().filter(|(origin, _)| *origin == gateway.origin());
        let token = match self.token.as_ref().or(session.map(|(_, token)| token)) {
            Some(token) => token.clone(),
            None => self.kept_token(context, &gateway).await?,
        };
        Ok(Some(Connection { gateway, token, ca_file: self.ca_file(context) }))
    }

    /// Where to connect, with an empty token.
    pub(super) async fn without_token(
        &self,
        context: &Context,
        store: &Store,
    ) -> Result<Option<Connection>, Failure> {
        let ca_file = self.ca_file(context);
        let gateway = self.gateway(context, Some(store)).await?;
        Ok(gateway.map(|gateway| Connection { gateway, token: Secret::new(String::new()), ca_file }))
    }

    /// Authorities trusted beside the system's.
    pub(super) fn ca_file(&self, context: &Context) -> Option<PathBuf> {
        self.ca_file.clone().or_else(|| context.config.ca_file.clone())
    }

    async fn kept_token(&self, context: &Context, gateway: &GatewayUrl) -> Result<Secret, Failure> {
        // The file's token is for the file's gateway; it is not shown to another.
        let its_gateway = context.config.gateway.as_deref().and_then(|text| text.parse::<GatewayUrl>().ok());
        if let Some(token) = &context.config.token
            && its_gateway.is_none_or(|own| own.same_gateway(gateway))
        {
            let elsewhere = ["file:", "env:", "exec:"].iter().any(|place| token.expose().starts_with(place));
            let file = context.paths.config_file();
            if !elsewhere && crate::paths::others_can_read(&file).unwrap_or(false) {
                let file = file.display();
                print_error(&format!(
                    "{file} holds a token and can be read by others: run `chmod 600 {file}`"
                ));
            }
            return resolve(token.expose()).map_err(|error| Failure::usage("token", error));
        }
        crate::credentials::find(&context.paths, &gateway.origin())
            .await
            .map_err(|error| Failure::usage("credentials", error))?
            .ok_or_else(|| Failure::no_token(gateway))
    }
}
