//! A program that has stopped continues, or is still there if it cannot.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use gate_runtime::{
    Container, Given, Instance, JobLimits, NotResumed, Outcome, RefusalKind, Report, Sealed, Services,
    Suspended, Undone, Verdict,
};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::crowd::{DEADLINE, NEVER, compile, container, launch_of, module_file, step};

/// Makes the second word of its memory 1, and runs until somebody else has made the first one another one than 0.
const WAITING: &[u8] = b"(module
    (memory (export \"memory\") 1)
    (func (export \"_start\")
        (i32.store (i32.const 4) (i32.const 1))
        (loop $again (br_if $again (i32.eqz (i32.load (i32.const 0)))))))";

/// A module that cannot have been in any such state.
const OTHER: &[u8] = b"(module (memory (export \"memory\") 1) (func (export \"_start\")))";

fn resume(
    suspended: Suspended,
    container: &mut Container,
    module: &OwnedFd,
    artifact: &Sealed,
) -> Result<Instance, NotResumed> {
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let launch = launch_of(artifact, 1 << 20);
    let given = Given {
        artifact: artifact.file.as_fd(),
        streams: [null.as_fd(); 3],
        image: None,
        wall_time: Some(DEADLINE),
        suspend_after: None,
        services: &Services::none(),
    };
    let limits = JobLimits { time: DEADLINE, threads: 1, memory_bytes: 1 << 30 };
    suspended.resume(container, launch, &given, (module.as_fd(), &[]), &limits, &mut { NEVER }).unwrap()
}

/// Waits until it has stopped or ended. Of one that has stopped, the report comes before the end of its process.
fn report(container: &mut Container, mut instance: Instance) -> Report {
    let deadline = Instant::now() + DEADLINE;
    loop {
        container.pump().unwrap();
        if let Some(report) = instance.advance(container, Instant::now()).unwrap() {
            return report;
        }
        assert!(Instant::now() < deadline, "nothing happens");
        let mut descriptors = vec![PollFd::from_borrowed_fd(container.descriptor().unwrap(), PollFlags::IN)];
        descriptors
            .extend(instance.descriptor().map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
        let until = instance.deadline().unwrap_or(deadline).min(deadline);
        let timeout = until.saturating_duration_since(Instant::now());
        rustix::event::poll(&mut descriptors, Some(&Timespec::try_from(timeout).unwrap())).unwrap();
    }
}

#[test]
fn a_program_that_cannot_be_continued_is_still_there() {
    let mut container = container();
    let artifact = compile(&mut container, WAITING).unwrap().artifact;
    let module = module_file(WAITING);
    let (mut instance, _input) = crate::crowd::launch(&mut container, &artifact);
    let (mut suspended, memory) = loop {
        instance.suspend();
        let Verdict::Suspended { suspended, .. } = report(&mut container, instance).verdict else {
            panic!("it does not stop");
        };
        let memory = File::from(suspended.memories().next().unwrap().try_clone_to_owned().unwrap());
        let mut second = [0];
        memory.read_exact_at(&mut second, 4).unwrap();
        if second == [1] {
            break (suspended, memory);
        }
        // It was not yet in the middle of anything.
        instance = resume(*suspended, &mut container, &module, &artifact).unwrap();
    };
    // Again and again: each process that was launched for it is ended.
    for _ in 0..3 {
        let NotResumed { undone, suspended: same } =
            resume(*suspended, &mut container, &module_file(OTHER), &artifact).unwrap_err();
        assert!(matches!(undone, Undone::Refused { kind: RefusalKind::Damaged, .. }), "{undone:?}");
        suspended = same;
    }
    let mut instance = resume(*suspended, &mut container, &module, &artifact).unwrap();
    while !instance.has_started() {
        assert!(step(&mut container, std::slice::from_mut(&mut instance)).is_empty(), "it has ended");
    }
    memory.write_all_at(&[1], 0).unwrap();
    let report = report(&mut container, instance);
    let outcome = match &report.verdict {
        Verdict::Ended { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    };
    assert!(matches!(outcome, Outcome::Exited(0) | Outcome::Returned(_)), "{outcome:?}");
}
