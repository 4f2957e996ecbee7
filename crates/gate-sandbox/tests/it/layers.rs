//! The layers of a worker, one by one.

use std::time::Duration;

use gate_sandbox::layers::speculation::{Speculation, StoreBypass};
use gate_sandbox::layers::{cpu, landlock, limits::Limits, shuffle::Reservation, speculation};
use gate_sandbox::process::Ending;
use rustix::process::{Resource, getrlimit};

use crate::processes::{child, end, in_child};
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("layers::limits", limits),
    ("layers::landlock", landlock_closes_everything),
    ("layers::speculation", speculation_is_off),
    ("layers::cpu_time", cpu_time),
    ("layers::cpu_time_with_signal_ignored", cpu_time_with_signal_ignored),
    ("layers::mappings_are_shuffled", mappings_are_shuffled),
];

/// Limits as a worker has them.
pub(crate) const LIMITS: Limits = Limits {
    open_files: 5,
    processes: 0,
    pending_signals: 1000,
    data_bytes: Some(256 << 20),
    stack_bytes: Some(1 << 20),
    file_bytes: None,
    address_space_bytes: None,
};

fn limits() -> Outcome {
    in_child(|| {
        let address_space = getrlimit(Resource::As);
        LIMITS.apply().unwrap();
        for (resource, value) in [
            (Resource::Nofile, 5),
            (Resource::Nproc, 0),
            (Resource::Sigpending, 1000),
            (Resource::Data, 256 << 20),
            (Resource::Stack, 1 << 20),
            (Resource::Core, 0),
            (Resource::Memlock, 0),
            (Resource::Msgqueue, 0),
            (Resource::Rtprio, 0),
            (Resource::Nice, 0),
        ] {
            let limit = getrlimit(resource);
            assert_eq!((limit.current, limit.maximum), (Some(value), Some(value)), "{resource:?}");
        }
        assert_eq!(getrlimit(Resource::As), address_space);
        Limits { file_bytes: Some(4096), ..LIMITS }.apply().unwrap();
        assert_eq!(getrlimit(Resource::Fsize).maximum, Some(4096));
        // The kernel applies it to files in memory.
        raw::ignore(libc::SIGXFSZ);
        let file = gate_sandbox::memfd::create("large").unwrap();
        assert_eq!(rustix::fs::ftruncate(&file, 4097), Err(rustix::io::Errno::FBIG));
        assert_eq!(rustix::io::pwrite(&file, &[1], 4096), Err(rustix::io::Errno::FBIG));
        // A second, larger one changes nothing.
        Limits { open_files: 50, ..LIMITS }.apply().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, Some(5));
    });
    Outcome::Passed
}

fn landlock_closes_everything() -> Outcome {
    let mut child = child(|| {
        // Opened before: stays usable.
        let open = std::fs::File::open("/etc/passwd").unwrap();
        let enforced = landlock::restrict().unwrap();
        if enforced == landlock::Enforced::Not {
            return 2;
        }
        let denied = |result: std::io::Result<()>| {
            assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        };
        denied(std::fs::File::open("/etc/passwd").map(drop));
        denied(std::fs::read_dir("/").map(drop));
        denied(std::fs::write(format!("/tmp/gate-landlock-{}", std::process::id()), "x"));
        std::io::read_to_string(open).unwrap();
        if enforced == landlock::Enforced::Fully {
            denied(std::net::TcpListener::bind("127.0.0.1:0").map(drop));
            let parent = rustix::process::getppid().unwrap();
            assert_eq!(rustix::process::test_kill_process(parent), Err(rustix::io::Errno::PERM));
        }
        0
    });
    match end(&mut child).ending {
        Ending::Exited(0) => Outcome::Passed,
        Ending::Exited(2) => Outcome::Skipped("this kernel has no Landlock".into()),
        other => panic!("{other:?}"),
    }
}

/// The kernel's own account of the process agrees with the report.
fn speculation_is_off() -> Outcome {
    in_child(|| {
        let unchanged = speculation::restrict(StoreBypass::Unchanged);
        assert_ne!(unchanged.store_bypass, Speculation::Vulnerable);
        let report = speculation::restrict(StoreBypass::Disable);
        assert_ne!(report.store_bypass, Speculation::Unchanged);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown").trim().to_owned()
        };
        for (name, found) in [
            ("Speculation_Store_Bypass:", report.store_bypass),
            ("SpeculationIndirectBranch:", report.indirect_branches),
        ] {
            let kernel = field(name);
            let agrees = match found {
                Speculation::Disabled => {
                    kernel.contains("force mitigated") || kernel.contains("force disabled")
                }
                Speculation::Safe => {
                    kernel == "not vulnerable"
                        || kernel.contains("mitigated")
                        || kernel.contains("always disabled")
                }
                Speculation::Vulnerable => kernel == "vulnerable" || kernel.contains("always enabled"),
                Speculation::Unknown => true,
                Speculation::Unchanged => false,
            };
            assert!(agrees, "{name} {kernel} {found:?}");
        }
    });
    Outcome::Passed
}

fn burn() -> i32 {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
        if number == u64::MAX {
            return 0;
        }
    }
}

fn cpu_time() -> Outcome {
    let limit = Duration::from_millis(100);
    let mut child = child(|| {
        cpu::limit(limit).unwrap();
        burn()
    });
    let exit = end(&mut child);
    assert_eq!(exit.ending, Ending::Signaled(libc::SIGXCPU));
    let used = exit.usage.user + exit.usage.system;
    // The two clocks of the kernel differ by up to a few ticks.
    assert!(used > limit / 2 && used < limit * 3, "{used:?}");
    in_child(|| assert!(cpu::limit(Duration::ZERO).is_err()));
    Outcome::Passed
}

fn cpu_time_with_signal_ignored() -> Outcome {
    let mut child = child(|| {
        raw::ignore(libc::SIGXCPU);
        cpu::limit(Duration::from_millis(10)).unwrap();
        burn()
    });
    assert_eq!(end(&mut child).ending, Ending::Signaled(libc::SIGKILL));
    Outcome::Passed
}

fn mappings_are_shuffled() -> Outcome {
    let address = |shuffle: bool, bytes: usize| {
        let (ours, theirs) = gate_sandbox::channel::Channel::pair().unwrap();
        let mut child = child(|| {
            let reservation = shuffle.then(|| Reservation::random().unwrap());
            theirs.send(&raw::map(bytes).to_ne_bytes(), &[]).unwrap();
            drop(reservation);
            0
        });
        let mut bytes = [0; 8];
        ours.recv(&mut bytes).unwrap();
        end(&mut child);
        usize::from_ne_bytes(bytes)
    };
    let different = |bytes| {
        let (a, b, c) = (address(true, bytes), address(true, bytes), address(true, bytes));
        assert!(a != b && b != c && a != c, "{a:x} {b:x} {c:x}");
    };
    assert_eq!(address(false, 64 << 20), address(false, 64 << 20), "forked processes have the same layout");
    different(64 << 20);
    in_child(|| {
        // Three pages, one of which goes: a gap for small mappings.
        raw::unmap(raw::map(3 * 4096) + 4096, 4096);
        assert_eq!(address(true, 4096), address(true, 4096), "they fit into a gap");
        gate_sandbox::layers::shuffle::fill_gaps().unwrap();
        different(4096);
        different(1 << 20);
    });
    Outcome::Passed
}
