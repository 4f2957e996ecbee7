//! Three programs that connect with each other and send to each other in any order, and are stopped and continued meanwhile: each byte must
//! arrive, once, in order, and each bit of credit.

use proptest::prelude::*;

use super::super::Hub;
use super::program::{Program, name};

#[derive(Clone, Debug)]
enum Event {
    Connect {
        peer: u8,
    },
    Grant {
        which: usize,
        credit: i32,
    },
    Send {
        which: usize,
        len: usize,
        note: i32,
    },
    EndFlow {
        which: usize,
    },
    EndData {
        which: usize,
    },
    Poll,
    Save,
    Restart,
    /// The program is away while others go on.
    Leave,
    ComeBack,
}

fn event() -> impl Strategy<Value = Event> {
    let which = 0_usize..3;
    let len = prop_oneof![3 => 1_usize..50, 1 => 1_usize..20_000];
    prop_oneof![
        4 => (1_u8..4).prop_map(|peer| Event::Connect { peer }),
        4 => (which.clone(), 1_i32..100_000).prop_map(|(which, credit)| Event::Grant { which, credit }),
        6 => (which.clone(), len, 0..3).prop_map(|(which, len, note)| Event::Send { which, len, note }),
        1 => which.clone().prop_map(|which| Event::EndFlow { which }),
        1 => which.prop_map(|which| Event::EndData { which }),
        6 => Just(Event::Poll),
        1 => Just(Event::Save),
        2 => Just(Event::Restart),
        1 => Just(Event::Leave),
        2 => Just(Event::ComeBack),
    ]
}

/// The byte at this position of everything that flows in these tests, and its note.
fn byte(position: usize) -> u8 {
    u8::try_from(position % 251).unwrap()
}

struct World {
    hub: Hub,
    programs: Vec<Program>,
    away: Vec<Option<[Vec<u8>; 2]>>,
}

impl World {
    fn new() -> Self {
        let hub = Hub::new();
        let programs = (1..4).map(|number| Program::registered(&hub, number)).collect();
        Self { hub, programs, away: vec![None, None, None] }
    }

    fn happen(&mut self, who: usize, event: Event) {
        let (program, away) = (&mut self.programs[who], &mut self.away[who]);
        if away.is_some() && !matches!(event, Event::ComeBack) {
            return;
        }
        let id = |which, is_open: fn(&super::program::Stream) -> bool| {
            let id = i32::try_from(which).unwrap();
            move |program: &Program| program.streams.get(&id).is_some_and(is_open).then_some(id)
        };
        match event {
            Event::Connect { peer } => {
                // The ends of streams are for the end.
                if !program.connected.iter().any(|(known, _, _)| *known == name(peer)) {
                    let error = program.connect(peer, "");
                    assert!(matches!(error, 0 | 4 | 5 | 6), "{error}");
                }
            }
            Event::Grant { which, credit } => {
                if let Some(id) = id(which, |stream| !stream.own_flow_ended)(program) {
                    program.flow(id, credit);
                }
            }
            Event::Send { which, len, note } => {
                if let Some(id) = id(which, |stream| !stream.own_data_ended && stream.credit > 0)(program) {
                    let stream = program.stream(id);
                    let len = len.min(stream.credit);
                    let bytes: Vec<u8> = (stream.sent..).take(len).map(byte).collect();
                    program.data(id, note, &bytes);
                }
            }
            Event::EndFlow { which } => {
                if let Some(id) =
                    id(which, |stream| !stream.own_flow_ended && !stream.own_data_ended)(program)
                {
                    program.flow(id, 0);
                }
            }
            Event::EndData { which } => {
                if let Some(id) =
                    id(which, |stream| !stream.own_flow_ended && !stream.own_data_ended)(program)
                {
                    program.data(id, 9, b"");
                }
            }
            Event::Poll => program.poll(),
            Event::Save => assert_eq!(program.save(), program.save(), "saving changes something"),
            Event::Restart => program.restart(),
            Event::Leave => {
                *away = Some(program.save());
                program.leave();
            }
            Event::ComeBack => {
                if let Some(saved) = away.take() {
                    program.come_back(&self.hub, saved);
                }
            }
        }
        self.check();
    }

    fn check(&self) {
        for program in &self.programs {
            for stream in program.streams.values() {
                let wrong =
                    stream.received.iter().enumerate().find(|(position, found)| byte(*position) != **found);
                assert!(wrong.is_none(), "wrong byte at {wrong:?}");
            }
        }
    }

    /// Everybody does what they can, but is polled only when it was woken, until all have got everything.
    fn finish(&mut self) {
        for who in 0..3 {
            self.happen(who, Event::ComeBack);
            self.programs[who].poll();
        }
        for ends in [false, true] {
            for who in 0..3 {
                let ids: Vec<i32> = self.programs[who].streams.keys().copied().collect();
                for id in ids {
                    let which = usize::try_from(id).unwrap();
                    self.happen(who, Event::Grant { which, credit: 1_000_000 });
                    let program = &mut self.programs[who];
                    if ends && !program.stream(id).own_data_ended {
                        program.data(id, 0, b"");
                    }
                    if ends && !program.stream(id).own_flow_ended {
                        program.flow(id, 0);
                    }
                }
            }
            loop {
                let woken =
                    self.programs.iter_mut().filter_map(|program| program.was_woken().then_some(program));
                if woken.map(Program::poll).count() == 0 {
                    break;
                }
            }
            self.check();
        }
        for who in 0..3 {
            for (peer, _, id) in &self.programs[who].connected {
                let other = self.programs.iter().find(|other| {
                    other
                        .connected
                        .iter()
                        .any(|(name_of_me, _, _)| *name_of_me == name(u8::try_from(who + 1).unwrap()))
                        && *peer == name(u8::try_from(self.number(other)).unwrap())
                });
                let other = other.expect("both are connected");
                let (_, _, other_id) = other
                    .connected
                    .iter()
                    .find(|(known, _, _)| *known == name(u8::try_from(who + 1).unwrap()))
                    .unwrap();
                let (mine, theirs) = (&self.programs[who].streams[id], &other.streams[other_id]);
                assert!(mine.is_closed(), "{mine:?}");
                assert_eq!(mine.received.len(), theirs.sent);
                assert!(mine.all_credit <= theirs.all_granted);
            }
        }
    }

    fn number(&self, program: &Program) -> usize {
        self.programs.iter().position(|other| std::ptr::eq(other, program)).unwrap() + 1
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_byte_arrives(events in proptest::collection::vec((0_usize..3, event()), 0..120)) {
        let mut world = World::new();
        for (who, event) in events {
            world.happen(who, event);
        }
        world.finish();
    }
}
