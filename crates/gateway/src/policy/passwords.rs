//! Checks passwords against argon2 hashes, off the runtime's thread.

use std::net::IpAddr;

use super::{Compiled, Credentials, PolicyRefusal};

/// Verified credentials and failures, shared by all visitors.
#[derive(Debug, Default)]
pub struct Passwords {}

impl Passwords {
    /// Ok: one of the policy's users with its password.
    pub async fn check(
        &self,
        _policy: &Compiled,
        _credentials: Credentials,
        _visitor: IpAddr,
    ) -> Result<(), PolicyRefusal> {
        todo!()
    }
}
