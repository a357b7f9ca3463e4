//! The local API and its page, as programs, browsers and strangers see them.

mod doors;
mod events;
mod login;
mod mappings;
mod reading;
mod replay;
