//! One request and its response.
//!
//! ```text
//!             the server answers         the program has called
//!   Waiting ─────────────────────▶ Ready ──────────────────────▶ Replied
//!      │                             │  given up                    ▲
//!      └──────▶ Failed ◀─────────────┘                              │
//!       error      └────────────────────────────────────────────────┘
//! ```
//!
//! That is the head. The body flows from when the head is ready: one chunk of it is read ahead, so that its end is found even when the
//! program gives no more credit.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use gate_packet::stream::{FromProgram, Misuse, ToProgram};
use gate_packet::{Data, Flow, FlowMeaning, MAX_CREDIT_TO_PROGRAM};
use gate_service::{BoxFuture, Failure, Outbox};
use hyper::body::{Body, Bytes, Frame};
use reqwest::Response;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connect::{Connections, classify};
use super::message::{ErrorNumber, Length, Request, head};
use super::policy::Reach;
use super::upload::{Upload, UploadBody, upload};

/// The smallest credit that is worth a packet while the program has more.
const CREDIT_STEP: u32 = MAX_CREDIT_TO_PROGRAM / 2;

/// What a request can use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) request_body: u64,
    pub(super) response_body: u64,
    pub(super) timeout: Duration,
    pub(super) idle_timeout: Duration,
    /// Of the reply to the call for the response, in bytes.
    pub(super) head: usize,
}

/// A request that is under way, and what remains of it until its stream is closed.
pub(super) struct Exchange {
    /// The direction of the response.
    pub(super) to_program: ToProgram,
    /// The direction of the request's body, if it has one.
    pub(super) from_program: Option<FromProgram>,
    pub(super) head: Head,
    pub(super) body: Source,
    /// What has been read of the response's body, and not been sent.
    pub(super) chunk: Bytes,
    /// The program has called for the response.
    pub(super) is_asked: bool,
    upload: Option<Sending>,
    limits: Limits,
    /// How many bytes of the response's body have been read.
    received: u64,
    deadline: Instant,
    /// When something has moved.
    moved: Instant,
    /// Elapses at the next time at which one of the limits can be over.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The head of the response.
pub(super) enum Head {
    /// Not there.
    Waiting(BoxFuture<'static, Result<Response, ErrorNumber>>),
    /// The reply to the call for the response.
    Ready(Vec<u8>),
    /// There will be none; [`Exchange::body`] has the reason.
    Failed,
    /// The program has it, or the error.
    Replied,
}

/// Where the rest of the response's body comes from.
pub(super) enum Source {
    /// Not yet from anywhere.
    None,
    Live(Pin<Box<reqwest::Body>>),
    /// There is no more, and if there is an error, there should have been.
    Ended(Option<ErrorNumber>),
}

/// A request's body that is being sent.
#[derive(Debug)]
struct Sending {
    upload: Upload,
    length: Length,
    sent: u64,
}

impl Exchange {
    /// Begins to send a request. Nothing happens until it is polled.
    pub(super) fn begin(
        request: Request,
        reach: Reach,
        connections: Arc<Connections>,
        limits: Limits,
    ) -> Self {
        let Request { method, url, headers, length, timeout_ms } = request;
        let mut outgoing = reqwest::Request::new(method, url);
        *outgoing.headers_mut() = headers;
        let upload = make_upload(length).map(|(upload, body)| {
            *outgoing.body_mut() = Some(reqwest::Body::wrap(body));
            Sending { upload, length, sent: 0 }
        });
        let timeout = match timeout_ms {
            0 => limits.timeout,
            limit => limits.timeout.min(Duration::from_millis(limit.into())),
        };
        let now = Instant::now();
        Self {
            to_program: ToProgram::new(),
            from_program: upload.as_ref().map(|_| FromProgram::new()),
            head: Head::Waiting(Box::pin(async move { connections.send(outgoing, reach).await })),
            body: Source::None,
            chunk: Bytes::new(),
            is_asked: false,
            upload,
            limits,
            received: 0,
            deadline: now + timeout,
            moved: now,
            timer: None,
        }
    }

    /// What is left of a request whose connection is not here.
    pub(super) fn restore(
        to_program: ToProgram,
        from_program: Option<FromProgram>,
        head: Head,
        (chunk, end): (Bytes, Option<ErrorNumber>),
        is_asked: bool,
        limits: Limits,
    ) -> Self {
        let now = Instant::now();
        let body = Source::Ended(end);
        let (upload, received, deadline, moved, timer) = (None, 0, now, now, None);
        Self {
            to_program,
            from_program,
            head,
            body,
            chunk,
            is_asked,
            upload,
            limits,
            received,
            deadline,
            moved,
            timer,
        }
    }

    /// An entry of a flow packet.
    pub(super) fn handle_flow(&mut self, meaning: FlowMeaning) -> Result<(), Misuse> {
        self.to_program.flow(meaning)?;
        self.moved = Instant::now();
        if meaning == FlowMeaning::End && self.to_program.is_data_open() {
            if !matches!(self.head, Head::Replied) {
                self.head = Head::Failed;
            }
            self.body = Source::Ended(Some(ErrorNumber::GivenUp));
            self.chunk = Bytes::new();
            self.upload = None;
        }
        Ok(())
    }

    /// A data packet.
    pub(super) fn handle_data(&mut self, bytes: &[u8]) -> Result<(), Misuse> {
        let Some(from_program) = &mut self.from_program else { return Err(Misuse::Unknown) };
        from_program.data(bytes.len())?;
        self.moved = Instant::now();
        let Some(sending) = &mut self.upload else { return Ok(()) };
        sending.sent += bytes.len() as u64;
        let error = match sending.length {
            Length::Exactly(length) if sending.sent > length => Some(ErrorNumber::Broken),
            Length::Exactly(length) if bytes.is_empty() && sending.sent < length => Some(ErrorNumber::Broken),
            _ if sending.sent > self.limits.request_body => Some(ErrorNumber::TooLarge),
            _ => None,
        };
        if let Some(error) = error {
            self.fail(error);
        } else if bytes.is_empty() {
            if let Some(sending) = self.upload.take() {
                sending.upload.complete();
            }
        } else {
            sending.upload.push(bytes);
        }
        Ok(())
    }

    /// Gives the request up, if it has not ended. What has arrived of the response remains.
    fn fail(&mut self, error: ErrorNumber) {
        if let Head::Waiting(_) = self.head {
            self.head = Head::Failed;
        }
        if !matches!(self.body, Source::Ended(_)) {
            self.body = Source::Ended(Some(error));
        }
        self.upload = None;
    }

    /// Receives, as far as that needs nothing of the program.
    pub(super) fn receive(&mut self, context: &mut Context<'_>) {
        if let Head::Waiting(response) = &mut self.head
            && let Poll::Ready(response) = response.as_mut().poll(context)
        {
            self.moved = Instant::now();
            match response.and_then(|response| self.open(response)) {
                Ok(head) => self.head = Head::Ready(head),
                Err(error) => self.fail(error),
            }
        }
        self.read_ahead(context);
        self.check_time(context);
    }

    /// Takes the response apart.
    fn open(&mut self, response: Response) -> Result<Vec<u8>, ErrorNumber> {
        if response.status().as_u16() < 200 {
            return Err(ErrorNumber::Broken);
        }
        let head = head(response.status(), response.headers(), self.limits.head)?;
        self.body = Source::Live(Box::pin(reqwest::Body::from(response)));
        Ok(head)
    }

    /// Sees to it that there is a chunk of the body, unless there is no more, or it is not there yet.
    fn read_ahead(&mut self, context: &mut Context<'_>) {
        while self.chunk.is_empty()
            && let Source::Live(body) = &mut self.body
            && let Poll::Ready(frame) = body.as_mut().poll_frame(context)
        {
            self.moved = Instant::now();
            self.take_frame(frame.map(data_of));
        }
    }

    fn take_frame(&mut self, frame: Option<reqwest::Result<Bytes>>) {
        match frame {
            None => {
                self.body = Source::Ended(None);
                // The server has answered without it.
                self.upload = None;
            }
            Some(Err(error)) => self.fail(classify(&error)),
            Some(Ok(bytes)) => {
                self.received = self.received.saturating_add(bytes.len() as u64);
                if self.received > self.limits.response_body {
                    self.fail(ErrorNumber::TooLarge);
                } else if self.chunk.is_empty() {
                    self.chunk = bytes;
                } else {
                    self.chunk = [&*self.chunk, &*bytes].concat().into();
                }
            }
        }
    }

    /// Reads ahead until there are `limit` bytes, or the end. Pending if that is not there yet.
    pub(super) fn collect(&mut self, context: &mut Context<'_>, limit: usize) -> Poll<()> {
        self.receive(context);
        while self.chunk.len() < limit
            && let Source::Live(body) = &mut self.body
        {
            match body.as_mut().poll_frame(context) {
                Poll::Ready(frame) => self.take_frame(frame.map(data_of)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if let Head::Waiting(_) = self.head { Poll::Pending } else { Poll::Ready(()) }
    }

    fn check_time(&mut self, context: &mut Context<'_>) {
        if let Source::Ended(_) = self.body {
            self.timer = None;
            return;
        }
        loop {
            let end = self.deadline.min(self.moved + self.limits.idle_timeout);
            if end <= Instant::now() {
                self.fail(ErrorNumber::Timeout);
                self.timer = None;
                return;
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if timer.as_mut().poll(context).is_pending() {
                return;
            }
            // Something has moved since it was set.
            timer.as_mut().reset(end);
        }
    }

    /// The reply to the call for the response, once there is one.
    pub(super) fn take_head(&mut self) -> Option<Result<Vec<u8>, ErrorNumber>> {
        match std::mem::replace(&mut self.head, Head::Replied) {
            Head::Ready(head) => Some(Ok(head)),
            Head::Failed => match self.body {
                Source::Ended(Some(error)) => Some(Err(error)),
                Source::Ended(None) | Source::None | Source::Live(_) => Some(Err(ErrorNumber::Broken)),
            },
            head @ (Head::Waiting(_) | Head::Replied) => {
                self.head = head;
                None
            }
        }
    }

    /// Sends credit, and as much of the body as there is, room and credit. Called after [`Exchange::receive`].
    pub(super) fn send(
        &mut self,
        id: i32,
        context: &mut Context<'_>,
        out: &mut Outbox<'_>,
    ) -> Result<(), Failure> {
        self.send_flow(id, context, out)?;
        let is_given_up = !self.to_program.is_flow_open();
        if !self.to_program.is_data_open() || !(is_given_up || matches!(self.head, Head::Replied)) {
            return Ok(());
        }
        while !self.chunk.is_empty() && self.to_program.sendable() > 0 {
            if !out.has_room() {
                return Ok(());
            }
            let bytes = self.chunk.split_to(self.chunk.len().min(self.to_program.sendable()));
            out.data(Data { id, note: 0, bytes: &bytes })?;
            self.to_program.sent(bytes.len());
            self.read_ahead(context);
        }
        if self.chunk.is_empty()
            && let Source::Ended(error) = self.body
            && out.has_room()
        {
            let note = error.map_or(0, ErrorNumber::number).into();
            out.data(Data { id, note, bytes: &[] })?;
            self.to_program.end();
        }
        Ok(())
    }

    /// Gives the program credit for the request's body, or tells it that no more is wanted.
    fn send_flow(&mut self, id: i32, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let Some(from_program) = &mut self.from_program else { return Ok(()) };
        let waiting = self.upload.as_ref().and_then(|sending| sending.upload.poll(context));
        let Some(waiting) = waiting else {
            self.upload = None;
            if from_program.is_flow_open() && out.has_room() {
                out.flows(&[Flow { id, value: 0 }])?;
                from_program.end();
            }
            return Ok(());
        };
        // What waits and what is granted are not more than the buffer together.
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let credit = from_program.grantable().saturating_sub(waiting);
        if (credit >= CREDIT_STEP || (waiting == 0 && credit > 0)) && out.has_room() {
            self.moved = Instant::now();
            let value = i32::try_from(credit).expect("below the limit of credit to programs");
            out.flows(&[Flow { id, value }])?;
            from_program.grant(credit);
        }
        Ok(())
    }

    /// Whether all ends have been sent by both sides.
    pub(super) fn is_closed(&self) -> bool {
        self.to_program.is_closed() && self.from_program.is_none_or(|direction| direction.is_closed())
    }
}

/// Trailers are nothing.
fn data_of(frame: reqwest::Result<Frame<Bytes>>) -> reqwest::Result<Bytes> {
    frame.map(|frame| frame.into_data().unwrap_or_default())
}

fn make_upload(length: Length) -> Option<(Upload, UploadBody)> {
    match length {
        Length::None => None,
        Length::Exactly(length) => Some(upload(Some(length))),
        Length::Unknown => Some(upload(None)),
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, body) = (&self.head, &self.body);
        let head = match head {
            Head::Waiting(_) => "Waiting",
            Head::Ready(_) => "Ready",
            Head::Failed => "Failed",
            Head::Replied => "Replied",
        };
        let end = if let Source::Ended(end) = body { Some(end) } else { None };
        f.debug_struct("Exchange")
            .field("to_program", &self.to_program)
            .field("from_program", &self.from_program)
            .field("head", &head)
            .field("end", &end)
            .finish_non_exhaustive()
    }
}
