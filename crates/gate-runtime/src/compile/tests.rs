//! Compilers that were taken over.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::Receiver;

use gate_sandbox::channel::Channel;

use gate_wire::container::End;

use super::*;
use crate::container::fake;

const LIMITS: JobLimits = JobLimits { time: Duration::from_secs(30), threads: 1, memory_bytes: 1 << 20 };

fn compile_with(
    time: Duration,
    behaviour: impl FnOnce(Channel) + Send + 'static,
) -> (Result<Compiled, Undone>, Receiver<()>) {
    let (mut container, killed) = fake::container(behaviour);
    let module = memfd::create("module").unwrap();
    let limits = JobLimits { time, ..LIMITS };
    let mut watch = Watch { cancel: None, suspend: None, tick: None };
    (compile(&mut container, &module, Tier::Cranelift, Stops::Flag, &limits, &mut watch).unwrap(), killed)
}

fn compiled(artifact_bytes: u64) -> Vec<u8> {
    let (module_bytes, functions, validate_micros, compile_micros) = (8, 0, 1, 1);
    Event::Compiled { artifact_bytes, module_bytes, functions, validate_micros, compile_micros }.encode()
}

fn file(seals: Option<Seals>) -> OwnedFd {
    let file = memfd::create("artifact").unwrap();
    File::from(file.try_clone().unwrap()).write_all(b"artifact").unwrap();
    if let Some(seals) = seals {
        memfd::seal(&file, seals).unwrap();
    }
    file
}

/// Keeps the socket open until the other side closes it.
fn stay(channel: &Channel) {
    while channel.recv(&mut vec![0; 1 << 16]).is_ok() {}
}

#[test]
fn an_artifact_is_final() {
    for (seals, bytes, good) in [
        (Some(Seals::Content), 8, true),
        (Some(Seals::Content), 7, false),
        (Some(Seals::Content), 9, false),
        (Some(Seals::Content), u64::MAX, false),
        (Some(Seals::Size), 8, false),
        (None, 8, false),
    ] {
        let (result, _) = compile_with(LIMITS.time, move |channel| {
            channel.send(&compiled(bytes), &[file(seals).as_fd()]).unwrap();
            stay(&channel);
        });
        match (result, good) {
            (Ok(compiled), true) => assert_eq!(compiled.artifact.bytes, 8),
            (Err(Undone::Crashed(_)), false) => {}
            (other, _) => panic!("{seals:?} {bytes}: {other:?}"),
        }
    }
    // No file of memory at all.
    let (result, _) = compile_with(LIMITS.time, |channel| {
        channel.send(&compiled(0), &[File::open("/dev/null").unwrap().as_fd()]).unwrap();
        stay(&channel);
    });
    assert!(matches!(result, Err(Undone::Crashed(_))), "{result:?}");
}

#[test]
fn a_silent_compiler_is_killed() {
    let (result, killed) = compile_with(LIMITS.time, drop);
    let Err(Undone::Crashed(crash)) = result else { panic!("{result:?}") };
    assert_eq!(crash.end, End::Signaled(9));
    killed.recv().unwrap();
}

#[test]
fn a_compiler_has_no_more_than_its_time() {
    let (result, killed) = compile_with(Duration::from_millis(20), |channel| stay(&channel));
    assert!(matches!(result, Err(Undone::TimeLimit)), "{result:?}");
    killed.recv().unwrap();
}
