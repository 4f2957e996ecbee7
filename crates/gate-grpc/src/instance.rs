//! What a server has for one program: made by Create, and gone after Snapshot, Shutdown, or the end of the connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gate_service::BoxFuture;
use tokio::time::timeout;
use tonic::codegen::tokio_stream::Stream as _;
use tonic::{Response, Status, Streaming};

use crate::connection::{Client, Connection};
use crate::error::{CallError, ServerError};
use crate::limits::{MAX_MESSAGE, MAX_RECEIVED_MESSAGE};
use crate::proto::instance_client::InstanceClient;
use crate::proto::{
    CreateRequest, HandleRequest, ReceiveRequest, ShutdownRequest, SnapshotRequest, SuspendRequest,
};
use crate::server::Server;

/// A call on its way.
pub(crate) type Call<T> = BoxFuture<'static, Result<T, CallError>>;

/// An instance. Dropping it shuts it down.
pub(crate) struct Instance {
    connection: Connection,
    id: Vec<u8>,
    receiving: Receiving,
    /// How long a call may take.
    limit: Duration,
    /// Whether the server has it, as far as is known.
    is_alive: bool,
}

/// The Receive stream.
enum Receiving {
    /// Many servers do not say that it is open until they send something.
    Opening(BoxFuture<'static, Result<Response<Streaming<Vec<u8>>>, Status>>),
    Open(Box<Streaming<Vec<u8>>>),
    /// The server has ended it, as it may: there is nothing more to come.
    Ended,
}

/// Why there is no instance.
#[derive(Debug)]
pub(crate) enum CreateError {
    /// There is no server.
    Unreachable(Arc<ServerError>),
    /// The server has failed.
    Call(CallError),
    /// The server does not make it, for this reason.
    Refused(String),
}

impl Instance {
    /// Has the server make an instance.
    pub(crate) async fn create(server: &Server, request: CreateRequest) -> Result<Self, CreateError> {
        let connection = server.connection().await.map_err(CreateError::Unreachable)?;
        let limit = server.timeouts().call;
        let mut client = client(&connection);
        let answer = call(&connection, "Create", limit, async move { client.create(request).await }).await;
        let answer = answer.map_err(CreateError::Call)?;
        if !answer.restoration_error.is_empty() {
            return Err(CreateError::Refused(answer.restoration_error));
        }
        let mut receiver =
            InstanceClient::new(connection.client()).max_decoding_message_size(MAX_RECEIVED_MESSAGE);
        let request = ReceiveRequest { id: answer.id.clone() };
        let receiving = Receiving::Opening(Box::pin(async move { receiver.receive(request).await }));
        let mut instance = Self { connection, id: answer.id, receiving, limit, is_alive: true };
        // So that the server learns of it before the first packet comes.
        let opened = poll_fn(|context| Poll::Ready(instance.poll_open(context))).await;
        match opened {
            Poll::Ready(Err(error)) => Err(CreateError::Call(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(instance),
        }
    }

    /// The next packet for the program; `None` when there will be no more.
    pub(crate) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Vec<u8>>, CallError>> {
        ready!(self.poll_open(context))?;
        let Receiving::Open(stream) = &mut self.receiving else { return Poll::Ready(Ok(None)) };
        let item = ready!(Pin::new(stream.as_mut()).poll_next(context));
        Poll::Ready(match item {
            Some(Ok(packet)) => Ok(Some(packet)),
            Some(Err(status)) => Err(self.failed(&status)),
            None => {
                self.receiving = Receiving::Ended;
                Ok(None)
            }
        })
    }

    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        let Receiving::Opening(opening) = &mut self.receiving else { return Poll::Ready(Ok(())) };
        Poll::Ready(match ready!(opening.as_mut().poll(context)) {
            Ok(answer) => {
                self.receiving = Receiving::Open(Box::new(answer.into_inner()));
                Ok(())
            }
            Err(status) => Err(self.failed(&status)),
        })
    }

    /// The Receive stream has failed.
    fn failed(&mut self, status: &Status) -> CallError {
        self.receiving = Receiving::Ended;
        self.connection.judge(CallError::new("Receive", status))
    }

    /// Hands a packet to the server.
    pub(crate) fn handle(&self, packet: Vec<u8>) -> Call<()> {
        let request = HandleRequest { id: self.id.clone(), data: packet };
        self.call("Handle", |mut client| async move { client.handle(request).await })
    }

    /// Has the server stop what the instance does, and end its Receive stream.
    pub(crate) fn suspend(&self) -> Call<()> {
        let request = SuspendRequest { id: self.id.clone() };
        self.call("Suspend", |mut client| async move { client.suspend(request).await })
    }

    /// Has the server write down what it keeps for the program, these packets included. The instance is gone then.
    pub(crate) fn snapshot(&mut self, outgoing: Vec<u8>, incoming: Vec<u8>) -> Call<Vec<u8>> {
        // Here is the point of no return: even if the answer does not come, the server may have forgotten the instance.
        self.is_alive = false;
        let request = SnapshotRequest { id: self.id.clone(), outgoing, incoming };
        self.call("Snapshot", |mut client| async move { client.snapshot(request).await })
    }

    /// Ends the instance.
    pub(crate) async fn shut_down(mut self) -> Result<(), CallError> {
        self.begin_shutdown().await
    }

    fn begin_shutdown(&mut self) -> Call<()> {
        self.is_alive = false;
        let request = ShutdownRequest { id: self.id.clone() };
        self.call("Shutdown", |mut client| async move { client.shutdown(request).await })
    }

    /// The server has forgotten the instance.
    pub(crate) fn forget(mut self) {
        self.is_alive = false;
    }

    fn call<T, F>(&self, rpc: &'static str, begin: impl FnOnce(InstanceClient<Client>) -> F) -> Call<T>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
        T: Send + 'static,
    {
        let (connection, limit) = (self.connection.clone(), self.limit);
        let answer = begin(client(&connection));
        Box::pin(async move { call(&connection, rpc, limit, answer).await })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Without a runtime there is no connection either.
        if self.is_alive
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.begin_shutdown());
        }
    }
}

fn client(connection: &Connection) -> InstanceClient<Client> {
    InstanceClient::new(connection.client()).max_decoding_message_size(MAX_MESSAGE)
}

/// Waits for the answer to a call, not for ever.
async fn call<T>(
    connection: &Connection,
    rpc: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, CallError> {
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(connection.judge(CallError::new(rpc, &status))),
        Err(_) => Err(CallError::timeout(rpc, limit)),
    }
}
