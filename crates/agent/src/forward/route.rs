//! One mapping, ready to be forwarded to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::devserver::DevServer;
use super::pool::Pool;
use super::rewrite::HostRule;
use crate::capture::Recorder;
use crate::dial::is_loopback;
use crate::events::{Event, Events, Served};
use crate::store::Store;

/// A mapping with what its exchanges share: connections, the host rule, where to tell.
#[derive(Debug)]
pub struct Route {
    pub served: Arc<Served>,
    pub pool: Arc<Pool>,
    pub rule: HostRule,
    pub events: Events,
    /// None: its exchanges are not captured.
    pub recorder: Option<Recorder>,
    /// Where answers are that stand in while the service is down. None: nobody stands in.
    pub stand_ins: Option<Store>,
    told_dev_server: AtomicBool,
    told_certificate: AtomicBool,
}

impl Route {
    pub fn new(
        served: Arc<Served>,
        pool: Arc<Pool>,
        events: Events,
        recorder: Option<Recorder>,
        stand_ins: Option<Store>,
    ) -> Self {
        let recorder = recorder.filter(|_| served.inspect);
        let rule = HostRule::new(&served.host_header, &served.target);
        Self {
            served,
            pool,
            rule,
            events,
            recorder,
            stand_ins,
            told_dev_server: AtomicBool::new(false),
            told_certificate: AtomicBool::new(false),
        }
    }

    /// Warns, once for this mapping, that a development server refuses the public host.
    pub fn warn_dev_server(&self, server: DevServer) {
        if !self.told_dev_server.swap(true, Relaxed) {
            self.warn("dev-server-host", server.note().to_owned());
        }
    }

    /// Warns, once for this mapping, that the service's certificate was refused.
    pub fn warn_certificate(&self, fault: &str) {
        if self.told_certificate.swap(true, Relaxed) {
            return;
        }
        let target = &self.served.target;
        let advice = if is_loopback(&target.host) {
            "it is this computer's own, so --insecure accepts it safely"
        } else {
            "give the service a valid certificate, or accept this one with --insecure"
        };
        self.warn(
            "service-certificate",
            format!("The certificate of {target} was refused ({fault}): {advice}."),
        );
    }

    fn warn(&self, code: &str, message: String) {
        tracing::warn!(mapping = %self.served.wire.id, code, "{message}");
        let mapping_id = Some(self.served.wire.id.clone());
        let _ = self.events.send(Event::Warning { code: code.to_owned(), message, mapping_id });
    }
}
