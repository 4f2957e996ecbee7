//! What is between the tasks of a program and the bytes to and from the host: which services there are, which calls have no
//! reply yet, and the streams. No I/O and no clock.
//!
//! ```text
//! tasks ── call, info, write, close, credit ──▶ Driver ──▶ bytes out ──▶ host
//! tasks ◀── wakers ── replies, infos, streams ── Driver ◀── bytes in ◀── host
//! ```
//!
//! Tasks that wait have left a waker. Receiving collects the wakers of those that need not wait any more; they are woken when
//! nothing is borrowed ([`Driver::take_woken`]).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::mem;
use core::task::{Context, Poll, Waker};

use crate::packet::{self, Packet, Violation, MAX_DATA};
use crate::stream::state::{Chunk, Direction, Stream};
use crate::stream::StreamError;

/// How many services the host lets a program discover.
pub(crate) const MAX_SERVICES: usize = 256;

/// How many calls of one service may be without reply: replies tell theirs by a byte.
pub(crate) const MAX_CALLS: usize = 256;

/// What is known of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The host was not asked, or has not answered.
    Unknown,
    /// The host does not have it, or not for this program.
    Unavailable,
    /// It is there.
    Available,
}

/// A call that the program waits for.
#[derive(Debug)]
pub(crate) enum Call {
    /// There is no reply. The waker is that of who waits, if anybody does yet.
    Outstanding(Option<Waker>),
    /// The reply. It is empty once it was taken.
    Replied(Vec<u8>),
    /// There will be none: the service is not available any more.
    Gone,
    /// Nobody waits for the reply. The stream that it opens is to be closed.
    Abandoned(Opening),
}

/// How to tell which stream a reply opens.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) direction: Direction,
    /// From the reply's content. `None` if it opens none.
    pub(crate) id: fn(&[u8]) -> Option<i32>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("direction", &self.direction).finish_non_exhaustive()
    }
}

/// A service that the program has named. Its code is its position.
#[derive(Debug)]
struct Entry {
    name: String,
    state: State,
    /// Without reply, the oldest first.
    calls: VecDeque<Rc<RefCell<Call>>>,
    /// Who waits for the state, or until there may be another call.
    waiting: Vec<Waker>,
    /// What the service has told, if anybody listens.
    infos: Option<VecDeque<Vec<u8>>>,
    listener: Option<Waker>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    out: Vec<u8>,
    /// How much of `out` was sent.
    sent: usize,
    services: Vec<Entry>,
    /// How many of the services the host was asked for.
    asked: usize,
    streams: BTreeMap<(u16, i32), Rc<RefCell<Stream>>>,
    woken: Vec<Waker>,
}

impl Driver {
    /// The code of the service `name`, which it has from now on.
    pub(crate) fn service(&mut self, name: &str) -> u16 {
        let known = self.services.iter().position(|entry| entry.name == name);
        let position = known.unwrap_or_else(|| {
            let state = if self.services.len() < MAX_SERVICES { State::Unknown } else { State::Unavailable };
            self.services.push(Entry {
                name: name.into(),
                state,
                calls: VecDeque::new(),
                waiting: Vec::new(),
                infos: None,
                listener: None,
            });
            self.services.len() - 1
        });
        u16::try_from(position).unwrap_or(u16::MAX)
    }

    /// The name of a service.
    pub(crate) fn name(&self, code: u16) -> &str {
        self.services.get(usize::from(code)).map_or("", |entry| &entry.name)
    }

    /// Waits until it is known whether a service is available, and tells.
    pub(crate) fn poll_available(&mut self, code: u16, cx: &mut Context<'_>) -> Poll<bool> {
        match self.services.get_mut(usize::from(code)) {
            Some(Entry { state: State::Unknown, waiting, .. }) => {
                wait(waiting, cx);
                Poll::Pending
            }
            Some(Entry { state, .. }) => Poll::Ready(*state == State::Available),
            None => Poll::Ready(false),
        }
    }

    /// Waits until a service can be called, and calls it with at most [`packet::MAX_CONTENT`] bytes. `None` if it is not available.
    pub(crate) fn poll_call(
        &mut self,
        code: u16,
        content: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<Option<Rc<RefCell<Call>>>> {
        let entry = match self.services.get_mut(usize::from(code)) {
            Some(entry) if entry.state != State::Unavailable => entry,
            _ => return Poll::Ready(None),
        };
        if entry.state == State::Unknown || entry.calls.len() >= MAX_CALLS {
            wait(&mut entry.waiting, cx);
            return Poll::Pending;
        }
        let call = Rc::new(RefCell::new(Call::Outstanding(None)));
        entry.calls.push_back(Rc::clone(&call));
        packet::call(&mut self.out, code, content);
        Poll::Ready(Some(call))
    }

    /// Sends a notification of at most [`packet::MAX_CONTENT`] bytes.
    pub(crate) fn send_info(&mut self, code: u16, content: &[u8]) {
        packet::info(&mut self.out, code, content);
    }

    /// From now on, what a service tells is kept until it is taken.
    pub(crate) fn listen(&mut self, code: u16) {
        if let Some(entry) = self.services.get_mut(usize::from(code)) {
            entry.infos.get_or_insert_with(VecDeque::new);
        }
    }

    /// What the service tells is not kept any more.
    pub(crate) fn stop_listening(&mut self, code: u16) {
        if let Some(entry) = self.services.get_mut(usize::from(code)) {
            entry.infos = None;
            entry.listener = None;
        }
    }

    /// Waits for what the service tells next. `None` if it is not available.
    pub(crate) fn poll_info(&mut self, code: u16, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let entry = match self.services.get_mut(usize::from(code)) {
            Some(entry) => entry,
            None => return Poll::Ready(None),
        };
        if let Some(info) = entry.infos.as_mut().and_then(VecDeque::pop_front) {
            return Poll::Ready(Some(info));
        }
        if entry.state == State::Unavailable {
            return Poll::Ready(None);
        }
        entry.listener = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The stream `id` of a service. It may be that the host has told something about it already.
    pub(crate) fn claim(
        &mut self,
        code: u16,
        id: i32,
        direction: Direction,
        window: u32,
    ) -> Rc<RefCell<Stream>> {
        let stream = self.made(code, id);
        let closing = stream.borrow_mut().claim(direction, window);
        if closing {
            self.close_incoming(&stream);
        } else {
            // At once: two programs that both write before they read would otherwise wait for each other.
            self.grant(&mut stream.borrow_mut());
        }
        stream
    }

    /// Gives the service more credit, if it is time.
    fn grant(&mut self, stream: &mut Stream) {
        if let Some(credit) = stream.grant() {
            let (code, id) = stream.key();
            packet::flow(&mut self.out, code, id, credit);
        }
    }

    /// Waits for the next data of a stream, and grants credit for more. `None` at the end.
    pub(crate) fn poll_chunk(
        &mut self,
        stream: &RefCell<Stream>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Chunk>, StreamError>> {
        let mut stream = stream.borrow_mut();
        let chunk = stream.take_chunk();
        self.grant(&mut stream);
        match chunk {
            Some(chunk) => Poll::Ready(Ok(Some(chunk))),
            None => stream.poll_end(cx),
        }
    }

    /// Waits until something can be sent through a stream, and sends as much of `bytes` as there is credit for.
    pub(crate) fn poll_write(
        &mut self,
        stream: &RefCell<Stream>,
        note: i32,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, StreamError>> {
        let mut stream = stream.borrow_mut();
        let written = match stream.poll_credit(bytes.len().min(MAX_DATA), cx) {
            Poll::Ready(Ok(written)) => written,
            other => return other,
        };
        // Data of no bytes would be the end.
        if let (true, Some(bytes)) = (written > 0, bytes.get(..written)) {
            let (code, id) = stream.key();
            packet::data(&mut self.out, code, id, note, bytes);
        }
        Poll::Ready(Ok(written))
    }

    /// Takes no more from a stream. What it still sends is thrown away.
    pub(crate) fn close_incoming(&mut self, stream: &RefCell<Stream>) {
        let mut stream = stream.borrow_mut();
        if stream.close_incoming() {
            let (code, id) = stream.key();
            packet::flow(&mut self.out, code, id, 0);
            self.forget(&stream);
        }
    }

    /// Sends no more through a stream.
    pub(crate) fn close_outgoing(&mut self, stream: &RefCell<Stream>, note: i32) {
        let mut stream = stream.borrow_mut();
        if stream.close_outgoing() {
            let (code, id) = stream.key();
            packet::data(&mut self.out, code, id, note, &[]);
            self.forget(&stream);
        }
    }

    /// Its identifier may be that of another stream, once all has been said about this one.
    fn forget(&mut self, stream: &Stream) {
        if stream.is_finished() {
            self.streams.remove(&stream.key());
        }
    }

    /// What is to be sent. [`Driver::sent`] tells how much of it was.
    pub(crate) fn unsent(&mut self) -> &[u8] {
        let asked = self.services.len().min(MAX_SERVICES);
        if self.asked < asked {
            let names: Vec<&str> =
                self.services[self.asked..asked].iter().map(|entry| entry.name.as_str()).collect();
            packet::discover(&mut self.out, names.into_iter());
            self.asked = asked;
        }
        &self.out[self.sent..]
    }

    /// So many of the bytes to send were sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    /// Takes in all packets that are complete at the front of `input`, and cuts them off.
    pub(crate) fn receive(&mut self, input: &mut &[u8]) -> Result<(), Violation> {
        while let Some(packet) = packet::next(input)? {
            self.take_in(packet)?;
        }
        Ok(())
    }

    /// Who need not wait any more.
    pub(crate) fn take_woken(&mut self) -> Vec<Waker> {
        mem::take(&mut self.woken)
    }

    fn take_in(&mut self, packet: Packet<'_>) -> Result<(), Violation> {
        match packet {
            Packet::States { states, .. } => {
                self.states(states);
                Ok(())
            }
            Packet::Reply { code, index, content } => self.reply(code, index, content),
            Packet::Info { code, content } => {
                let entry = self.entry(code)?;
                if let Some(infos) = &mut entry.infos {
                    infos.push_back(content.into());
                    let listener = entry.listener.take();
                    self.woken.extend(listener);
                }
                Ok(())
            }
            Packet::Flow { code, entries } => {
                self.entry(code)?;
                for (id, value) in packet::flows(entries) {
                    let stream = self.stream(code, id)?;
                    let mut stream = stream.borrow_mut();
                    self.woken.extend(stream.flow(id, value)?);
                    self.forget(&stream);
                }
                Ok(())
            }
            Packet::Data { code, id, note, bytes } => {
                self.entry(code)?;
                let stream = self.stream(code, id)?;
                let woken = stream.borrow_mut().data(id, note, bytes)?;
                self.woken.extend(woken);
                if bytes.is_empty() && stream.borrow().is_claimed() {
                    // There is nothing more to take, which the service wants to be told before it forgets the stream.
                    self.close_incoming(&stream);
                    self.forget(&stream.borrow());
                }
                Ok(())
            }
        }
    }

    fn entry(&mut self, code: u16) -> Result<&mut Entry, Violation> {
        let asked = self.asked;
        self.services
            .get_mut(usize::from(code))
            .filter(|_| usize::from(code) < asked)
            .ok_or_else(|| Violation::Code { found: i16::try_from(code).unwrap_or(i16::MAX) })
    }

    /// The stream, made if need be: a service may tell of it before a task knows from a reply that there is one.
    fn stream(&mut self, code: u16, id: i32) -> Result<Rc<RefCell<Stream>>, Violation> {
        if id < 0 {
            return Err(Violation::Stream { found: id });
        }
        Ok(self.made(code, id))
    }

    fn made(&mut self, code: u16, id: i32) -> Rc<RefCell<Stream>> {
        let new = || Rc::new(RefCell::new(Stream::new(code, id)));
        Rc::clone(self.streams.entry((code, id)).or_insert_with(new))
    }

    fn reply(&mut self, code: u16, index: u8, content: &[u8]) -> Result<(), Violation> {
        let entry = self.entry(code)?;
        let outstanding = entry.calls.len();
        let call =
            entry.calls.remove(usize::from(index)).ok_or(Violation::Reply { found: index, outstanding })?;
        let mut woken = mem::take(&mut entry.waiting);
        let call = mem::replace(&mut *call.borrow_mut(), Call::Replied(content.into()));
        match call {
            Call::Outstanding(waker) => woken.extend(waker),
            Call::Abandoned(opening) => self.refuse_stream(code, opening, content),
            Call::Replied(_) | Call::Gone => {}
        }
        self.woken.append(&mut woken);
        Ok(())
    }

    /// Closes the stream that a reply opens, which nobody wants.
    pub(crate) fn refuse_stream(&mut self, code: u16, opening: Opening, content: &[u8]) {
        if let Some(id) = (opening.id)(content).filter(|id| *id >= 0) {
            let stream = self.claim(code, id, opening.direction, 0);
            self.close_incoming(&stream);
            self.close_outgoing(&stream, 0);
        }
    }

    fn states(&mut self, states: &[u8]) {
        for (code, state) in (0..).zip(states) {
            let state = if packet::available(*state) { State::Available } else { State::Unavailable };
            let entry = match self.services.get_mut(usize::from(code)) {
                Some(entry) => entry,
                None => break,
            };
            let before = mem::replace(&mut entry.state, state);
            if before == state {
                continue;
            }
            self.woken.append(&mut entry.waiting);
            if state == State::Unavailable {
                self.woken.extend(entry.listener.take());
                for call in entry.calls.drain(..) {
                    if let Call::Outstanding(Some(waker)) = mem::replace(&mut *call.borrow_mut(), Call::Gone)
                    {
                        self.woken.push(waker);
                    }
                }
                self.end_streams(code);
            }
        }
    }

    /// A service is not available any more, as can be after the program was moved to another host.
    fn end_streams(&mut self, code: u16) {
        let woken = &mut self.woken;
        self.streams.retain(|key, stream| {
            if key.0 == code {
                woken.extend(stream.borrow_mut().lose());
            }
            key.0 != code
        });
    }
}

/// Leaves the waker of a task, unless it is there.
fn wait(waiting: &mut Vec<Waker>, cx: &mut Context<'_>) {
    if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
        waiting.push(cx.waker().clone());
    }
}

#[cfg(test)]
mod tests;
