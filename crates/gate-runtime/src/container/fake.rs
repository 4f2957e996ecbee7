//! A container that is not one, whose processes do what a test wants: what those would do who have taken over a real one.

use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use gate_sandbox::channel::{Channel, MAX_MESSAGE_BYTES};
use gate_wire::container::{End, Event, ProcessId, Request, Usage};
use rustix::process::{Pid, PidfdFlags};

use super::Container;

/// A process in it: a real one, which does nothing and can be killed.
struct Puppet {
    id: ProcessId,
    process: Child,
}

impl Puppet {
    fn new(id: ProcessId) -> Self {
        let mut command = Command::new("cat");
        Self { id, process: command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap() }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A container with one process, on whose side of the socket `behaviour` runs in a thread. The receiver gets a message
/// when the process is killed by request.
pub(crate) fn container(behaviour: impl FnOnce(Channel) + Send + 'static) -> (Container, Receiver<()>) {
    let (ours, theirs) = Channel::pair().unwrap();
    let (killed, was_killed) = sync_channel(10);
    thread::spawn(move || {
        let mut behaviour = Some(behaviour);
        let mut puppet = None;
        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        while let Ok(received) = theirs.recv(&mut buffer) {
            match Request::decode(&buffer[..received.len], 0).unwrap() {
                Request::Start { id, .. } => {
                    let started = puppet.insert(Puppet::new(id));
                    let (socket, other) = Channel::pair().unwrap();
                    let pid = Pid::from_child(&started.process);
                    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap();
                    let event = Event::Started { id }.encode();
                    theirs.send(&event, &[socket.as_fd(), pidfd.as_fd()]).unwrap();
                    let behaviour = behaviour.take().unwrap();
                    thread::spawn(move || behaviour(other));
                }
                Request::Kill { id } => {
                    if let Some(puppet) = puppet.take().filter(|puppet| puppet.id == id) {
                        drop(puppet);
                        killed.send(()).unwrap();
                        let event = Event::Ended { id, end: End::Signaled(9), usage: Usage::default() };
                        let _ = theirs.send(&event.encode(), &[]);
                    }
                }
                Request::Prefork { .. } => {}
            }
        }
    });
    (Container::of_socket(ours), was_killed)
}
