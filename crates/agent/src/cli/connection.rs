//! Which gateway, and with which token: flag, variable, file, what `login` kept, or a trial gateway.

use std::path::PathBuf;

use clap::Args;

use super::output::print_error;
use super::{ConnectionArgs, Context, Failure};
use crate::gateway_choice::{self, ChosenBy, Kept};
use crate::gateway_url::GatewayUrl;
use crate::probe::Connection;
use crate::secrets::{Secret, resolve, token_subject};
use crate::store::Store;
use crate::tls::{ClientFiles, Files};

/// Files for the connection to the gateway.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct TlsArgs {
    /// PEM certificates to trust beside the operating system's
    #[arg(long, value_name = "FILE", env = "PORTHOLE_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Certificate to show to a gateway that asks agents for one, in PEM with its chain
    #[arg(long, value_name = "FILE", env = "PORTHOLE_CLIENT_CERT")]
    client_cert: Option<PathBuf>,
    /// Its key in PEM, readable by you alone
    #[arg(long, value_name = "FILE", env = "PORTHOLE_CLIENT_KEY")]
    client_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Empty ones count as absent.
    pub(super) fn read(&self) -> Result<Files, Failure> {
        let file = |path: &Option<PathBuf>| {
            let path = path.clone().filter(|path| !path.as_os_str().is_empty())?;
            Some(std::path::absolute(&path).unwrap_or(path))
        };
        let client = ClientFiles::of(file(&self.client_cert), file(&self.client_key))
            .map_err(|problem| Failure::usage("client-certificate", problem))?;
        Ok(Files { ca_file: file(&self.ca_file), client })
    }
}

impl Files {
    /// These, and what the file names where nothing was given.
    pub(super) fn over(self, context: &Context) -> Self {
        let config = &context.config;
        let client = || ClientFiles::of(config.client_cert.clone(), config.client_key.clone()).ok().flatten();
        Self { ca_file: self.ca_file.or_else(|| config.ca_file.clone()), client: self.client.or_else(client) }
    }
}

/// What a command was told, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(super) gateway: Option<GatewayUrl>,
    pub(super) token: Option<Secret>,
    tls: Files,
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
        Ok(Self { gateway, token, tls: args.tls.read()?, session: None })
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
        Ok(Some(Connection { gateway, token, tls: self.tls(context) }))
    }

    /// Where to connect, with an empty token.
    pub(super) async fn without_token(
        &self,
        context: &Context,
        store: &Store,
    ) -> Result<Option<Connection>, Failure> {
        let tls = self.tls(context);
        let gateway = self.gateway(context, Some(store)).await?;
        Ok(gateway.map(|gateway| Connection { gateway, token: Secret::new(String::new()), tls }))
    }

    /// The files of flags and variables, each over the file's.
    pub(super) fn tls(&self, context: &Context) -> Files {
        self.tls.clone().over(context)
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
