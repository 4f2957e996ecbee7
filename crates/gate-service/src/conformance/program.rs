//! What a program sees of a service, and which rules of the protocol the service breaks.

use gate_packet::{Data, Domain, Flow, FlowMeaning, MAX_CREDIT_TO_PROGRAM, Packet};

/// The rule of the packet protocol that a service breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Rule {
    /// A reply's index is not that of an outstanding call.
    #[error("it answers call number {index} of {outstanding} that are outstanding")]
    NoCall { index: u8, outstanding: usize },
    /// A packet of a stream comes from a service that says it has none.
    #[error("it sends packets of streams, though it says that it has got no streams")]
    NoStreams,
    /// A stream's id is negative.
    #[error("stream id {id} is negative")]
    Id { id: i32 },
    /// More is sent than the program has granted.
    #[error("{found} bytes are sent through stream {id} with credit for {credit}")]
    NoCredit { id: i32, found: usize, credit: u64 },
    /// Data is sent after the end of data.
    #[error("data is sent through stream {id} after the end of data")]
    DataAfterEnd { id: i32 },
    /// More is granted than programs can send at once.
    #[error("{credit} bytes of credit are outstanding in stream {id} (limit: {MAX_CREDIT_TO_PROGRAM})")]
    Credit { id: i32, credit: u64 },
    /// A flow comes after the end of flow.
    #[error("flow of stream {id} after the end of flow")]
    FlowAfterEnd { id: i32 },
}

/// What a program has sent to a service and got from it, in the form in which it means something to the program: how streams are cut
/// into packets, and what comes first in different streams and calls, makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The program's calls, in order.
    pub calls: Vec<Call>,
    /// The contents of the service's notifications, in order.
    pub infos: Vec<Vec<u8>>,
    /// The streams, in the order in which they are first mentioned.
    pub streams: Vec<Stream>,
    /// The positions in `calls` of those that are outstanding.
    outstanding: Vec<usize>,
}

/// A call of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it says.
    pub content: Vec<u8>,
    /// What the service replied, if it has.
    pub reply: Option<Vec<u8>>,
}

/// A stream. One whose four ends were all sent is closed; its id can then be that of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Its id.
    pub id: i32,
    /// What the service has sent through it.
    pub received: Vec<u8>,
    /// The notes other than 0 in data packets of the service, each with the number of bytes that it has sent before.
    pub notes: Vec<(usize, i32)>,
    /// The service has sent the end of data, with this note.
    pub data_end: Option<i32>,
    /// The service has sent the end of flow.
    pub flow_end: bool,
    /// The notes in flow packets of the service.
    pub flow_notes: Vec<i32>,
    /// How many bytes the service has granted the program to send, in all.
    pub credit: u64,
    /// How many bytes the program has sent.
    pub sent: u64,
    /// How many bytes the program has granted the service to send, in all.
    pub granted: u64,
    /// The program has sent the end of data.
    pub sent_data_end: bool,
    /// The program has sent the end of flow.
    pub sent_flow_end: bool,
}

impl Stream {
    /// Whether all four ends were sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.data_end.is_some() && self.flow_end && self.sent_data_end && self.sent_flow_end
    }
}

impl Transcript {
    /// How many calls are answered.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.calls.len() - self.outstanding.len()
    }

    /// The stream that had the id last, if there was one.
    #[must_use]
    pub fn stream(&self, id: i32) -> Option<&Stream> {
        self.streams.iter().rfind(|stream| stream.id == id)
    }

    /// How many bytes the service has sent through that stream.
    #[must_use]
    pub fn received(&self, id: i32) -> usize {
        self.stream(id).map_or(0, |stream| stream.received.len())
    }

    /// Forgets how much credit the service has granted, which can depend on when it was asked.
    pub fn forget_credit(&mut self) {
        for stream in &mut self.streams {
            stream.credit = 0;
        }
    }

    pub(crate) fn sent(&mut self, packet: &Packet<'_>) {
        match packet.domain() {
            Domain::Call => {
                self.outstanding.push(self.calls.len());
                self.calls.push(Call { content: packet.content().to_vec(), reply: None });
            }
            Domain::Info => {}
            Domain::Flow => packet.flows().for_each(|flow| self.sent_flow(flow)),
            Domain::Data => {
                if let Some(data) = packet.data() {
                    self.sent_data(data);
                }
            }
        }
    }

    pub(crate) fn got(&mut self, packet: &Packet<'_>, has_streams: bool) -> Result<(), Rule> {
        if !has_streams && matches!(packet.domain(), Domain::Flow | Domain::Data) {
            return Err(Rule::NoStreams);
        }
        match packet.domain() {
            Domain::Call => {
                let outstanding = self.outstanding.len();
                if usize::from(packet.index()) >= outstanding {
                    return Err(Rule::NoCall { index: packet.index(), outstanding });
                }
                let position = self.outstanding.remove(usize::from(packet.index()));
                self.calls[position].reply = Some(packet.content().to_vec());
            }
            Domain::Info => self.infos.push(packet.content().to_vec()),
            Domain::Flow => {
                for flow in packet.flows() {
                    self.got_flow(flow)?;
                }
            }
            Domain::Data => {
                if let Some(data) = packet.data() {
                    self.got_data(data)?;
                }
            }
        }
        Ok(())
    }

    fn sent_flow(&mut self, flow: Flow) {
        let stream = self.open(flow.id);
        match flow.meaning() {
            FlowMeaning::Credit(credit) => stream.granted += u64::from(credit),
            FlowMeaning::End => stream.sent_flow_end = true,
            FlowMeaning::Note(_) => {}
        }
    }

    fn sent_data(&mut self, data: Data<'_>) {
        let stream = self.open(data.id);
        stream.sent += data.bytes.len() as u64;
        stream.sent_data_end |= data.bytes.is_empty();
    }

    fn got_flow(&mut self, flow: Flow) -> Result<(), Rule> {
        let id = flow.id;
        if id < 0 {
            return Err(Rule::Id { id });
        }
        let stream = self.open(id);
        if stream.flow_end {
            return Err(Rule::FlowAfterEnd { id });
        }
        match flow.meaning() {
            FlowMeaning::Credit(credit) => {
                stream.credit += u64::from(credit);
                let credit = stream.credit.saturating_sub(stream.sent);
                if credit > u64::from(MAX_CREDIT_TO_PROGRAM) {
                    return Err(Rule::Credit { id, credit });
                }
            }
            FlowMeaning::End => stream.flow_end = true,
            FlowMeaning::Note(note) => stream.flow_notes.push(note),
        }
        Ok(())
    }

    fn got_data(&mut self, data: Data<'_>) -> Result<(), Rule> {
        let Data { id, note, bytes } = data;
        if id < 0 {
            return Err(Rule::Id { id });
        }
        let stream = self.open(id);
        if stream.data_end.is_some() {
            return Err(Rule::DataAfterEnd { id });
        }
        let credit = stream.granted - stream.received.len() as u64;
        if bytes.len() as u64 > credit {
            return Err(Rule::NoCredit { id, found: bytes.len(), credit });
        }
        if bytes.is_empty() {
            stream.data_end = Some(note);
        } else {
            if note != 0 {
                stream.notes.push((stream.received.len(), note));
            }
            stream.received.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// The stream that has this id now.
    fn open(&mut self, id: i32) -> &mut Stream {
        let found = self.streams.iter().rposition(|stream| stream.id == id && !stream.is_closed());
        let position = found.unwrap_or_else(|| {
            self.streams.push(Stream { id, ..Stream::default() });
            self.streams.len() - 1
        });
        &mut self.streams[position]
    }
}
