//! Hello and welcome, and the start of a link's task.

use futures_util::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{Link, LinkError, Shared, Socket, task};
use crate::control::{Hello, Refused, ToAgent, ToGateway, Welcome, codes};
use crate::limits::{CONTROL_INBOX, HANDSHAKE};
use crate::mux::Role;
use crate::{PROTOCOL, PROTOCOL_OLDEST, sync};

/// The agent's end: sends `hello`, waits for the answer (each [`HANDSHAKE`]), starts the link's task on
/// the current runtime. Later control messages arrive on the receiver; pings are answered inside.
///
/// # Errors
/// [`LinkError::Refused`] with the gateway's code and sentence, or how the connection failed.
pub async fn agent_handshake<IO>(
    mut socket: Socket<IO>,
    hello: Hello,
) -> Result<(Link, Welcome, mpsc::Receiver<ToAgent>), LinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    within(send(&mut socket, &ToGateway::Hello(hello))).await?;
    let answer = async {
        loop {
            match next::<_, ToAgent>(&mut socket).await? {
                ToAgent::Welcome(welcome) => return Ok(welcome),
                ToAgent::Refused(refused) => return Err(LinkError::Refused(refused)),
                // The gateway's end lives already, and its heartbeat with it.
                ToAgent::Ping { .. } | ToAgent::Pong { .. } | ToAgent::Unknown => {}
                _ => return Err(LinkError::Protocol("the gateway did not welcome the agent".into())),
            }
        }
    };
    let welcome = within(answer).await?;
    if !(PROTOCOL_OLDEST..=PROTOCOL).contains(&welcome.protocol) {
        return Err(LinkError::Protocol(format!(
            "the gateway chose protocol {}, this agent speaks {PROTOCOL_OLDEST} to {PROTOCOL}",
            welcome.protocol
        )));
    }
    let (inbox, messages) = mpsc::channel(CONTROL_INBOX);
    let shared = Shared::new(Role::Agent);
    sync::spawn(task::run(socket, task::Tenure::new(shared.clone()), task::Inbox::Agent(inbox)));
    Ok((Link { shared }, welcome, messages))
}

/// A hello that waits for the gateway's decision.
#[derive(Debug)]
pub struct Pending<IO> {
    pub hello: Hello,
    /// The protocol version both speak: the welcome must say it.
    pub protocol: u16,
    socket: Socket<IO>,
}

/// The gateway's end: waits for the hello ([`HANDSHAKE`]). A protocol version that does not fit is
/// refused in here, with a sentence for the agent, and comes back as an error.
///
/// # Errors
/// How the connection failed, or that the first message was no hello.
pub async fn gateway_handshake<IO>(mut socket: Socket<IO>) -> Result<Pending<IO>, LinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ToGateway::Hello(hello) = within(next::<_, ToGateway>(&mut socket)).await? else {
        return Err(LinkError::Protocol("the agent did not say hello".into()));
    };
    let Some(protocol) = common_version(hello.protocol_oldest, hello.protocol) else {
        let older = hello.protocol < PROTOCOL_OLDEST;
        let refused = Refused {
            code: codes::PROTOCOL.into(),
            message: format!(
                "This gateway speaks link protocol {PROTOCOL_OLDEST} to {PROTOCOL}, the agent {} to {}: update the {}.",
                hello.protocol_oldest,
                hello.protocol,
                if older { "agent" } else { "gateway" },
            ),
            retry: false,
        };
        Pending { hello, protocol: 0, socket }.refuse(refused.clone()).await;
        return Err(LinkError::Refused(refused));
    };
    Ok(Pending { hello, protocol, socket })
}

/// The newest protocol version that both ends speak.
fn common_version(oldest: u16, newest: u16) -> Option<u16> {
    let common = newest.min(PROTOCOL);
    (common >= oldest.max(PROTOCOL_OLDEST)).then_some(common)
}

impl<IO> Pending<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Starts the link's task on the current runtime. The link works at once; the agent reads nothing
    /// before its `Welcome`, which the caller sends first with [`Link::send_control`], having
    /// installed what the agent is to be told is live.
    pub fn start(self) -> (Link, mpsc::Receiver<ToGateway>) {
        let (inbox, messages) = mpsc::channel(CONTROL_INBOX);
        let shared = Shared::new(Role::Gateway);
        sync::spawn(task::run(self.socket, task::Tenure::new(shared.clone()), task::Inbox::Gateway(inbox)));
        (Link { shared }, messages)
    }

    /// Says why not, closes the WebSocket and ends.
    pub async fn refuse(mut self, refused: Refused) {
        let farewell = async {
            send(&mut self.socket, &ToAgent::Refused(refused)).await?;
            self.socket.close(None).await.map_err(|error| LinkError::Io(error.to_string()))?;
            // The agent's own close is waited for, so that its reading of the reason is not cut short.
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok(())
        };
        let _ = within(farewell).await;
    }
}

async fn within<T>(step: impl Future<Output = Result<T, LinkError>>) -> Result<T, LinkError> {
    timeout(HANDSHAKE, step).await.unwrap_or(Err(LinkError::Silent(HANDSHAKE)))
}

async fn send<IO>(socket: &mut Socket<IO>, message: &impl serde::Serialize) -> Result<(), LinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let text = serde_json::to_string(message).map_err(|error| LinkError::Protocol(error.to_string()))?;
    socket.send(Message::text(text)).await.map_err(|error| LinkError::Io(error.to_string()))
}

/// The next control message; frames do not come before the handshake is over.
async fn next<IO, M>(socket: &mut Socket<IO>) -> Result<M, LinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    M: DeserializeOwned,
{
    loop {
        match socket.next().await {
            None | Some(Ok(Message::Close(_))) => return Err(LinkError::Closed),
            Some(Err(error)) => return Err(LinkError::Io(error.to_string())),
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text).map_err(|error| LinkError::Protocol(error.to_string()));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_)) => return Err(LinkError::Protocol("frames before the handshake".into())),
        }
    }
}
