//! The engine on the laptop: keeps mappings, holds the link to the gateway, forwards what comes
//! through to local services.
//!
//! What this crate deliberately lacks: routing by host and path, policy decisions and TLS towards
//! visitors (the gateway's), and any knowledge of a window (the desktop app's).
//!
//! In reading order: what things are ([`target`], [`gateway_url`] with [`gateway_link`], [`events`]); what was configured
//! ([`paths`], [`config`], [`secrets`], [`gateway_choice`], [`store`]); what runs ([`engine`], [`door`], [`trial`],
//! [`uplink`] with its [`probe`], [`forward`], [`capture`] around it); what is done with what was kept ([`inspect`], [`replay`],
//! [`import`] of what others kept); how it is watched ([`api`]); the command line ([`cli`]), and what the desktop app
//! starts from ([`app`]).

pub mod api;
pub mod app;
pub mod app_settings;
pub mod capture;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod dial;
pub mod door;
pub mod engine;
pub mod events;
pub mod fields;
pub mod forward;
pub mod gateway_choice;
pub mod gateway_link;
pub mod gateway_url;
pub mod import;
pub mod inspect;
pub mod lock;
pub mod log_file;
pub mod logging;
pub mod mapping;
pub mod names;
pub mod paths;
pub mod ports;
pub mod probe;
pub mod replay;
pub mod secrets;
pub mod settings;
pub mod shortcut;
pub mod stand_in;
pub mod store;
pub mod target;
pub mod tls;
pub mod trial;
pub mod uplink;
pub mod wake;
