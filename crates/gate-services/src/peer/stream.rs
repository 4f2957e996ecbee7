//! A program's end of a stream.

use std::task::{Context, Waker};

use gate_packet::encode::EncodeError;
use gate_packet::stream::{FromProgram, Misuse, ToProgram};
use gate_packet::{Data, Flow, FlowMeaning, MAX_CREDIT_TO_PROGRAM};
use gate_service::{Failure, Outbox};

use super::link::{Both, End, TooManyNotes};

/// A stream as the service has it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) to_program: ToProgram,
    pub(super) from_program: FromProgram,
    pub(super) end: End,
}

impl Stream {
    /// A new stream.
    pub(super) fn new(end: End) -> Self {
        Self { to_program: ToProgram::new(), from_program: FromProgram::new(), end }
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.to_program.is_closed() && self.from_program.is_closed()
    }

    /// Passes on an entry of a flow packet.
    pub(super) fn flow(&mut self, meaning: FlowMeaning) -> Result<(), Misuse> {
        self.to_program.flow(meaning)?;
        let mut both = self.end.lock();
        if let Some(inbox) = both.other() {
            match meaning {
                FlowMeaning::Credit(credit) => inbox.add_credit(credit),
                FlowMeaning::End => inbox.flow_end = true,
                FlowMeaning::Note(note) => inbox.flow_note = Some(note),
            }
        }
        wake_other(both);
        Ok(())
    }

    /// Passes on data of the program.
    pub(super) fn data(&mut self, data: Data<'_>) -> Result<(), Failure> {
        let Data { id, note, bytes } = data;
        self.from_program.data(bytes.len()).map_err(|misuse| broken(id, misuse))?;
        let mut both = self.end.lock();
        if let Some(inbox) = both.other() {
            if bytes.is_empty() {
                inbox.data_end = Some(note);
            } else {
                inbox.push(note, bytes).map_err(|TooManyNotes| {
                    let text = format!("stream {id}: the notes of data change too often");
                    Failure::Program(text.into())
                })?;
            }
        }
        wake_other(both);
        Ok(())
    }

    /// Sends what is on its way to the program; `flows` are added to what is to be sent, too.
    pub(super) fn poll(
        &mut self,
        id: i32,
        context: &mut Context<'_>,
        out: &mut Outbox<'_>,
        flows: &mut Vec<Flow>,
    ) -> Result<(), EncodeError> {
        let mut both = self.end.lock();
        both.listen(context.waker());
        if !out.has_room() {
            return Ok(());
        }

        let waiting = both.other().map(|inbox| inbox.bytes.len());
        let inbox = both.mine();
        if self.from_program.is_flow_open() {
            let mut flow = |value| flows.push(Flow { id, value });
            if let Some(note) = inbox.flow_note.take() {
                flow(note);
            }
            // Credit that would be used for nobody's sake is not given.
            let used = waiting.unwrap_or(usize::MAX).saturating_add(self.from_program.credit() as usize);
            let room = (MAX_CREDIT_TO_PROGRAM as usize).saturating_sub(used);
            let credit =
                u32::try_from(room).unwrap_or(0).min(inbox.credit).min(self.from_program.grantable());
            if credit > 0 {
                inbox.credit -= credit;
                self.from_program.grant(credit);
                flow(i32::try_from(credit).expect("it is no more than can be outstanding"));
            }
            let is_all = inbox.credit == 0 || !self.from_program.is_data_open();
            if waiting.is_none() || inbox.flow_end && is_all {
                self.from_program.end();
                flow(0);
            }
        }

        let mut has_sent = false;
        while out.has_room() && !inbox.packets.is_empty() {
            inbox.pop(|note, bytes| {
                self.to_program.sent(bytes.len());
                out.data(Data { id, note, bytes })
            })?;
            has_sent = true;
        }
        if inbox.packets.is_empty() && self.to_program.is_data_open() && out.has_room() {
            let end = inbox.data_end.or(waiting.is_none().then_some(0));
            if let Some(note) = end {
                out.data(Data { id, note, bytes: &[] })?;
                self.to_program.end();
            }
        }
        // The other one may have credit to give that there was no room for.
        if has_sent && both.other().is_some_and(|inbox| inbox.credit > 0) {
            wake_other(both);
        }
        Ok(())
    }
}

/// What the program has done wrong.
pub(super) fn broken(id: i32, misuse: Misuse) -> Failure {
    Failure::Program(misuse.of(id).to_string().into())
}

fn wake_other(both: Both<'_>) {
    let waker = both.other_waker();
    drop(both);
    waker.as_ref().map(Waker::wake_by_ref);
}
