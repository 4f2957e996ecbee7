//! Who can connect with whom.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use gate_service::{Client, Failure};

use super::MAX_STREAMS;
use super::instance::Core;
use super::link::{End, Watch};
use super::message::{Connect, Refusal};

/// How many programs of one principal can be registered: so many that a list of their names fits a packet.
pub const MAX_MEMBERS: usize = 1024;

/// How many programs that were saved and dropped are kept, in the hope that they come back. The oldest are given up.
///
/// A host limits how many programs it has that are stopped, so this is reached only where they do not come back.
pub const MAX_PARKED: usize = 4096;

/// What something that is parked is found by.
pub(crate) type Token = [u8; 16];

/// A token that nobody knows.
///
/// # Errors
/// [`Failure::Service`] if the system has no random bytes.
pub(crate) fn new_token() -> Result<Token, Failure> {
    let mut token = Token::default();
    getrandom::fill(&mut token).map_err(|error| Failure::Service(error.to_string().into()))?;
    Ok(token)
}

/// All programs that can connect with each other. Clones are the same hub; a host has one.
#[derive(Clone, Default)]
pub struct Hub {
    shared: Arc<Shared>,
    /// Not within `shared`, as what is in it refers to that.
    parked: Arc<Mutex<Lot>>,
}

/// The lock is held for moments. Nothing is dropped or woken under it. The order of locks is that of what is parked, this, that of a mailbox,
/// that of a link.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

/// A program within a hub.
type Id = u64;

#[derive(Default)]
struct State {
    next: Id,
    programs: HashMap<Id, Program>,
    by_key: HashMap<[u8; 16], Id>,
    /// By principal and name. Names are those of instances.
    groups: HashMap<String, BTreeMap<String, Id>>,
}

struct Program {
    /// By which its services find each other.
    key: [u8; 16],
    principal: Option<String>,
    /// The text of its instance's id.
    name: Option<String>,
    /// Whether others find it by its name.
    is_registered: bool,
    /// Whether it uses the service `peer`.
    is_peer: bool,
    /// How many of its services there are, parked ones included.
    seats: u8,
    mailbox: Arc<Mailbox>,
    /// With whom it is connecting, and the types it wants.
    asked: BTreeMap<String, String>,
    /// With whom it was connected.
    links: BTreeMap<Id, Watch>,
}

/// What a program is to be told.
#[derive(Default)]
pub(super) struct Mailbox {
    inner: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    wants: VecDeque<(String, String)>,
    connected: VecDeque<Connected>,
    waker: Option<Waker>,
}

/// A stream that a program does not know of yet.
pub(super) struct Connected {
    pub(super) peer: String,
    pub(super) kind: String,
    pub(super) stream: super::stream::Stream,
}

/// Something that a program is to be told.
pub(super) enum Letter {
    /// A peer wants to connect: its name and type.
    Wants(String, String),
    Connected(Connected),
}

/// What waits for programs that were saved, the oldest first.
#[derive(Default)]
struct Lot {
    things: HashMap<Token, Parked>,
    order: VecDeque<Token>,
}

enum Parked {
    Peer(Core),
    Index(IndexSeat),
}

impl Hub {
    /// Without programs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a place for the service `peer` of the program.
    pub(super) fn peer_seat(&self, client: &Client) -> PeerSeat {
        let id = self.shared.sit(client);
        let mut state = self.shared.lock();
        let mailbox = state.programs.get_mut(&id).map(|program| {
            program.is_peer = true;
            Arc::clone(&program.mailbox)
        });
        let wakers = state.introduce(id);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        let mailbox = mailbox.expect("a program has an entry as long as it has a seat");
        PeerSeat { shared: Arc::clone(&self.shared), id, mailbox }
    }

    /// Takes a place for an index of the program's peers.
    pub(crate) fn index_seat(&self, client: &Client) -> IndexSeat {
        IndexSeat { shared: Arc::clone(&self.shared), id: self.shared.sit(client) }
    }

    pub(super) fn park_peer(&self, token: Token, core: Core) {
        self.park(token, Parked::Peer(core));
    }

    pub(crate) fn park_index(&self, token: Token, seat: IndexSeat) {
        self.park(token, Parked::Index(seat));
    }

    /// What was parked with this token, if it was by the same instance. What another one has parked stays.
    pub(super) fn unpark_peer(&self, token: &Token, client: &Client) -> Option<Core> {
        let is_own = |parked: &Parked| match parked {
            Parked::Peer(core) => core.seat().is_some_and(|seat| self.shared.adopt(seat.id, client)),
            Parked::Index(_) => false,
        };
        match self.unpark(token, is_own)? {
            Parked::Peer(core) => Some(core),
            Parked::Index(_) => None,
        }
    }

    /// Likewise.
    pub(crate) fn unpark_index(&self, token: &Token, client: &Client) -> Option<IndexSeat> {
        let is_own = |parked: &Parked| match parked {
            Parked::Index(seat) => self.shared.adopt(seat.id, client),
            Parked::Peer(_) => false,
        };
        match self.unpark(token, is_own)? {
            Parked::Index(seat) => Some(seat),
            Parked::Peer(_) => None,
        }
    }

    fn park(&self, token: Token, thing: Parked) {
        let mut given_up = Vec::new();
        let mut lot = self.lot();
        lot.things.insert(token, thing);
        lot.order.push_back(token);
        while lot.order.len() > MAX_PARKED {
            let oldest = lot.order.pop_front();
            given_up.extend(oldest.and_then(|token| lot.things.remove(&token)));
        }
        drop(lot);
    }

    fn unpark(&self, token: &Token, is_own: impl FnOnce(&Parked) -> bool) -> Option<Parked> {
        let mut lot = self.lot();
        if !lot.things.get(token).is_some_and(is_own) {
            return None;
        }
        let thing = lot.things.remove(token)?;
        lot.order.retain(|other| other != token);
        Some(thing)
    }

    fn lot(&self) -> MutexGuard<'_, Lot> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let programs = self.shared.lock().programs.len();
        let parked = self.lot().things.len();
        f.debug_struct("Hub").field("programs", &programs).field("parked", &parked).finish_non_exhaustive()
    }
}

/// A program as its service `peer` has it. When it is dropped, others cannot connect with the program any more.
pub(super) struct PeerSeat {
    shared: Arc<Shared>,
    id: Id,
    mailbox: Arc<Mailbox>,
}

impl PeerSeat {
    /// What the program is to be told.
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The program wants to connect. It has so many streams.
    pub(super) fn connect(&self, call: &Connect<'_>, streams: usize) -> Result<(), Refusal> {
        let mut state = self.shared.lock();
        let wakers = state.connect(self.id, call, streams)?;
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// With whom it is connecting, and the types.
    pub(super) fn asked(&self) -> BTreeMap<String, String> {
        let state = self.shared.lock();
        state.programs.get(&self.id).map(|program| program.asked.clone()).unwrap_or_default()
    }

    /// It was connecting with these in another host.
    pub(super) fn ask_again(&self, asked: BTreeMap<String, String>) {
        let mut state = self.shared.lock();
        if let Some(program) = state.programs.get_mut(&self.id) {
            program.asked = asked;
        }
        let wakers = state.introduce(self.id);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for PeerSeat {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let gone = state.programs.get_mut(&self.id).map(|program| {
            program.is_peer = false;
            program.asked.clear();
            (std::mem::take(&mut program.links), program.mailbox.clear())
        });
        state.forget_wishes(self.id);
        let entry = state.stand_up(self.id);
        drop(state);
        drop((gone, entry));
    }
}

/// A program as an index has it. When it is dropped, the program is no longer in the index.
pub(crate) struct IndexSeat {
    shared: Arc<Shared>,
    id: Id,
}

impl IndexSeat {
    /// Has others find the program by the name of its instance. Nothing happens if it has none, or no principal, or its name
    /// belongs to another program, or there are too many.
    pub(crate) fn register(&self) {
        let mut state = self.shared.lock();
        let wakers = if state.register(self.id) { state.introduce(self.id) } else { Vec::new() };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The names of the other programs of the same principal, in order; `None` if the program is not registered itself.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        let state = self.shared.lock();
        let (group, me) = state.group(self.id)?;
        Some(group.keys().filter(|name| *name != me).cloned().collect())
    }
}

impl Drop for IndexSeat {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.forget_wishes(self.id);
        state.unregister(self.id);
        let entry = state.stand_up(self.id);
        drop(state);
        drop(entry);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program's entry, with one seat more.
    fn sit(&self, client: &Client) -> Id {
        let mut state = self.lock();
        let id = match state.by_key.get(&client.process_key) {
            Some(id) => *id,
            None => state.add(client),
        };
        if let Some(program) = state.programs.get_mut(&id) {
            program.seats += 1;
        }
        id
    }

    /// The program with this entry goes on under another key. Tells whether it is the same program.
    fn adopt(&self, id: Id, client: &Client) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(program) = state.programs.get_mut(&id) else { return false };
        if program.principal != client.principal || program.name != name_of(client) {
            return false;
        }
        state.by_key.remove(&program.key);
        program.key = client.process_key;
        state.by_key.insert(program.key, id);
        true
    }
}

impl State {
    fn add(&mut self, client: &Client) -> Id {
        let id = self.next;
        self.next += 1;
        let program = Program {
            key: client.process_key,
            principal: client.principal.clone(),
            name: name_of(client),
            is_registered: false,
            is_peer: false,
            seats: 0,
            mailbox: Arc::default(),
            asked: BTreeMap::new(),
            links: BTreeMap::new(),
        };
        self.by_key.insert(program.key, id);
        self.programs.insert(id, program);
        id
    }

    /// Removes the entry, if this was the last seat.
    fn stand_up(&mut self, id: Id) -> Option<Program> {
        let program = self.programs.get_mut(&id)?;
        program.seats -= 1;
        if program.seats > 0 {
            return None;
        }
        let program = self.programs.remove(&id)?;
        if self.by_key.get(&program.key) == Some(&id) {
            self.by_key.remove(&program.key);
        }
        Some(program)
    }

    fn register(&mut self, id: Id) -> bool {
        let Some(program) = self.programs.get_mut(&id) else { return false };
        let (Some(principal), Some(name)) = (&program.principal, &program.name) else { return false };
        let group = self.groups.entry(principal.clone()).or_default();
        if group.len() >= MAX_MEMBERS || group.contains_key(name) {
            return false;
        }
        group.insert(name.clone(), id);
        program.is_registered = true;
        true
    }

    fn unregister(&mut self, id: Id) {
        let Some(program) = self.programs.get_mut(&id) else { return };
        if !std::mem::take(&mut program.is_registered) {
            return;
        }
        let (Some(principal), Some(name)) = (&program.principal, &program.name) else { return };
        if let Some(group) = self.groups.get_mut(principal) {
            group.remove(name);
            if group.is_empty() {
                self.groups.remove(principal);
            }
        }
    }

    /// The programs of the same principal, and the program's own name, if it is registered.
    fn group(&self, id: Id) -> Option<(&BTreeMap<String, Id>, &String)> {
        let program = self.programs.get(&id).filter(|program| program.is_registered)?;
        Some((self.groups.get(program.principal.as_ref()?)?, program.name.as_ref()?))
    }

    /// Nobody needs to be told any more that the program wants to connect.
    fn forget_wishes(&mut self, id: Id) {
        let Some((group, me)) = self.group(id) else { return };
        for other in group.values() {
            if let Some(program) = self.programs.get(other) {
                program.mailbox.forget(me);
            }
        }
    }

    fn connect(&mut self, id: Id, call: &Connect<'_>, streams: usize) -> Result<Vec<Waker>, Refusal> {
        let (group, me) = self
            .group(id)
            .filter(|_| call.group == crate::peerindex::principal::GROUP)
            .ok_or(Refusal::GroupNotFound)?;
        if call.peer == me {
            return Err(Refusal::Singularity);
        }
        let peer_id = *group.get(call.peer).ok_or(Refusal::PeerNotFound)?;
        let me = me.clone();
        let peer = self.programs.get(&peer_id).filter(|peer| peer.is_peer).ok_or(Refusal::PeerNotFound)?;
        if peer.links.get(&id).is_some_and(Watch::is_open) {
            return Err(Refusal::AlreadyConnected);
        }
        let is_mutual = peer.asked.contains_key(&me);
        let program = self.programs.get_mut(&id).ok_or(Refusal::GroupNotFound)?;
        if program.asked.contains_key(call.peer) {
            return Err(Refusal::AlreadyConnecting);
        }
        if streams + program.asked.len() + program.mailbox.connected() >= MAX_STREAMS {
            return Err(Refusal::TooManyStreams);
        }
        program.asked.insert(call.peer.to_owned(), call.kind.to_owned());
        Ok(if is_mutual { self.link(id, peer_id) } else { self.tell(peer_id, &me, call.kind) })
    }

    /// Connects programs that both have asked for it.
    fn link(&mut self, id: Id, peer: Id) -> Vec<Waker> {
        let ends = End::pair();
        let watches = [ends.0.watch(), ends.1.watch()];
        let name = |id| self.programs.get(id).and_then(|program: &Program| program.name.clone());
        let (Some(my_name), Some(peer_name)) = (name(&id), name(&peer)) else { return Vec::new() };
        let mut asked =
            |id: &Id, name| self.programs.get_mut(id).and_then(|program| program.asked.remove(name));
        let (Some(my_kind), Some(peer_kind)) = (asked(&id, &peer_name), asked(&peer, &my_name)) else {
            return Vec::new();
        };
        let [my_watch, peer_watch] = watches;
        let sides = [
            (id, peer, peer_name, peer_kind, ends.0, my_watch),
            (peer, id, my_name, my_kind, ends.1, peer_watch),
        ];
        let mut wakers = Vec::new();
        for (id, other, peer, kind, end, watch) in sides {
            if let Some(program) = self.programs.get_mut(&id) {
                program.links.retain(|_, watch| watch.is_open());
                program.links.insert(other, watch);
                let stream = super::stream::Stream::new(end);
                wakers.extend(program.mailbox.connect(Connected { peer, kind, stream }));
            }
        }
        wakers
    }

    /// Tells a program that another one wants to connect.
    fn tell(&self, id: Id, peer: &str, kind: &str) -> Vec<Waker> {
        let program = self.programs.get(&id);
        program.and_then(|program| program.mailbox.want(peer, kind)).into_iter().collect()
    }

    /// The program can be found from now on, perhaps again: it is told who waits for it, and those are told for whom it waits.
    fn introduce(&mut self, id: Id) -> Vec<Waker> {
        let Some((group, me)) = self.group(id) else { return Vec::new() };
        let Some(program) = self.programs.get(&id).filter(|program| program.is_peer) else {
            return Vec::new();
        };
        let (mut mutual, mut wakers) = (BTreeSet::new(), Vec::new());
        for (name, peer_id) in group {
            let Some(peer) = self.programs.get(peer_id).filter(|peer| peer.is_peer) else { continue };
            match (program.asked.get(name), peer.asked.get(me)) {
                (Some(_), Some(_)) => drop(mutual.insert(*peer_id)),
                (Some(kind), None) => wakers.extend(peer.mailbox.want(me, kind)),
                (None, Some(kind)) => wakers.extend(program.mailbox.want(name, kind)),
                (None, None) => {}
            }
        }
        for peer in mutual {
            wakers.extend(self.link(id, peer));
        }
        wakers
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `waker` woken when there is something.
    pub(super) fn listen(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    /// What is to be told first.
    pub(super) fn take(&self) -> Option<Letter> {
        let mut mail = self.lock();
        let wants = mail.wants.pop_front().map(|(peer, kind)| Letter::Wants(peer, kind));
        wants.or_else(|| mail.connected.pop_front().map(Letter::Connected))
    }

    /// Looks at everything that is there: wishes, and connections.
    pub(super) fn look<T>(
        &self,
        look: impl FnOnce(&VecDeque<(String, String)>, &VecDeque<Connected>) -> T,
    ) -> T {
        let mail = self.lock();
        look(&mail.wants, &mail.connected)
    }

    /// Puts in what was there in another host.
    pub(super) fn refill(&self, wants: Vec<(String, String)>, connected: Vec<Connected>) {
        let mut mail = self.lock();
        for (peer, kind) in wants {
            if !mail.wants.iter().any(|(known, _)| *known == peer) {
                mail.wants.push_back((peer, kind));
            }
        }
        mail.connected.extend(connected);
    }

    fn connected(&self) -> usize {
        self.lock().connected.len()
    }

    /// A peer wants to connect. Returns whom to wake.
    fn want(&self, peer: &str, kind: &str) -> Option<Waker> {
        let mut mail = self.lock();
        if mail.wants.iter().any(|(known, _)| known == peer) || mail.wants.len() >= MAX_MEMBERS {
            return None;
        }
        mail.wants.push_back((peer.to_owned(), kind.to_owned()));
        mail.waker.clone()
    }

    /// A peer is connected; it is no news that it wants to be. Returns whom to wake.
    fn connect(&self, connected: Connected) -> Option<Waker> {
        let mut mail = self.lock();
        mail.wants.retain(|(peer, _)| *peer != connected.peer);
        mail.connected.push_back(connected);
        mail.waker.clone()
    }

    fn forget(&self, peer: &str) {
        self.lock().wants.retain(|(known, _)| known != peer);
    }

    /// Takes everything out, to be dropped later.
    fn clear(&self) -> Mail {
        std::mem::take(&mut *self.lock())
    }
}

/// The name of the program: its instance's id as text.
fn name_of(client: &Client) -> Option<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let id = client.instance.as_ref()?;
    let parts = [&id[..4], &id[4..6], &id[6..8], &id[8..10], &id[10..]];
    Some(parts.map(hex).join("-"))
}
