//! The creator: makes the container, and cleans up after it.

use std::process::ExitCode;

use gate_sandbox::channel::Channel;
use gate_sandbox::container::{self, Config, IdMap, Namespaces, Stderr};
use gate_sandbox::process::Ending;
use gate_sandbox::{cgroup, descriptors};
use gate_wire::container::Event;

use crate::arguments::Options;
use crate::report;
use crate::zygote;

/// Open files of the zygote: a pidfd for each program, and some more.
const OPEN_FILES: u64 = 1 << 20;

pub(crate) fn run(options: Options) -> ExitCode {
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(()) => ExitCode::FAILURE,
    }
}

fn serve(options: Options) -> Result<(), ()> {
    // What whoever started this has left open is nobody's here, and would stay open as long as the container.
    if let Err(error) = descriptors::close_except(&[]) {
        eprintln!(
            "gate-runtime: cannot close descriptors that were left open: {error} (Linux 5.9 is needed)"
        );
        return Err(());
    }
    let control = match descriptors::inherited(descriptors::STDIN)
        .map_err(anyhow::Error::from)
        .and_then(|fd| Ok(Channel::from_fd(fd)?))
    {
        Ok(control) => control,
        Err(error) => {
            eprintln!(
                "gate-runtime: standard input is no control socket: {error:#}; this program is started by others"
            );
            return Err(());
        }
    };
    let fail = |control: &Channel, error: &anyhow::Error| {
        let _ = control.send(&Event::NotReady { message: report::chain(error) }.encode(), &[]);
    };
    // When whoever started this ends, however that happens, the other end of the socket is closed and the zygote ends by
    // itself. This process is not killed with its parent: it has yet to remove the control group.
    let (group, cgroup_note) = control_group(&options);
    let namespaces = match (options.no_namespaces, options.single_id) {
        (true, _) => Namespaces::Disabled,
        (false, true) => Namespaces::Enabled(IdMap::Single),
        (false, false) => Namespaces::Enabled(IdMap::Auto),
    };
    let config =
        Config { namespaces, stderr: Stderr::Inherit, open_files: OPEN_FILES, cgroup: group.as_ref() };
    let zygote = zygote::Config {
        many: options.many,
        no_store_bypass: options.no_store_bypass,
        namespaces: !options.no_namespaces,
        cgroup: cgroup_note,
    };
    let socket = match control.duplicate() {
        Ok(socket) => socket,
        Err(error) => {
            fail(&control, &error.into());
            return Err(());
        }
    };
    let started = container::start(&config, vec![socket], move |mut fds| {
        fds.pop().map_or(1, |socket| zygote::run(socket, &zygote))
    });
    let mut container = match started {
        Ok(container) => container,
        Err(error) => {
            fail(&control, &error.into());
            return Err(());
        }
    };
    // From now on the zygote alone speaks: its end must be the end of the conversation.
    drop(control);
    let exit = container.process().wait();
    drop(container);
    drop(group);
    match exit {
        Ok(exit) if exit.ending == Ending::Exited(0) => Ok(()),
        _ => Err(()),
    }
}

/// The container's control group, and in any case a sentence about it.
fn control_group(options: &Options) -> (Option<cgroup::Group>, Result<String, String>) {
    let limits = cgroup::Limits {
        memory_bytes: options.memory_bytes,
        tasks: options.tasks,
        cpu_thousandths: options.cpu_thousandths,
    };
    let parent = options.cgroup.as_deref().map_or(cgroup::Parent::Nearest, cgroup::Parent::Directory);
    match cgroup::create(parent, &limits) {
        cgroup::Setup::Ready(group) => {
            let enforced = group.enforced();
            let names: Vec<&str> =
                [(enforced.memory, "memory"), (enforced.tasks, "pids"), (enforced.cpu, "cpu")]
                    .into_iter()
                    .filter_map(|(there, name)| there.then_some(name))
                    .collect();
            let note = format!("cgroup v2 ({})", names.join(", "));
            (Some(group), Ok(note))
        }
        cgroup::Setup::Unavailable(why) => (None, Err(format!("cgroup v2: {}", report::chain(&why.into())))),
    }
}
