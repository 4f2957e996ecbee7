//! A program with services and a container of its own, through all its lives.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use gate_runtime::{
    Container, Format, Given, Instance, JobLimits, Outcome, Report, Restoration, Sealed, Services, Suspended,
    Verdict,
};
use gate_service::{Client, Registry, Scope};
use rustix::fs::{MemfdFlags, memfd_create};
use tokio::runtime::Runtime;

use crate::crowd::{DEADLINE, NEVER, compile, container, launch_of, module_file};

const LIMITS: JobLimits = JobLimits { time: DEADLINE, threads: 1, memory_bytes: 1 << 30 };

/// A program.
pub(crate) struct Program {
    container: Container,
    module: OwnedFd,
    artifact: Sealed,
    services: Services,
    /// What it prints.
    pub(crate) log: File,
}

impl Program {
    /// The program number `number` of its host.
    pub(crate) fn new(registry: Registry, number: u8, wasm: &[u8]) -> Self {
        let mut container = container();
        let log = File::from(memfd_create("log", MemfdFlags::CLOEXEC).unwrap());
        let artifact = compile(&mut container, wasm).unwrap().artifact;
        let client = Client {
            principal: Some("local".to_owned()),
            instance: Some([number; 16]),
            process_key: [number; 16],
            scope: Scope::new([]),
            system_user: None,
        };
        let services = Services { registry: Arc::new(registry), client: Arc::new(client) };
        Self { container, module: module_file(wasm), artifact, services, log }
    }

    /// Runs it from its start or from where it was stopped, to its end or until it has run for some time.
    pub(crate) async fn run(
        &mut self,
        suspended: Option<Suspended>,
        suspend_after: Option<Duration>,
    ) -> Report {
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        let launch = launch_of(&self.artifact, 16 << 20);
        let given = Given {
            artifact: self.artifact.file.as_fd(),
            streams: [null.as_fd(), null.as_fd(), self.log.as_fd()],
            image: None,
            wall_time: Some(DEADLINE * 10),
            suspend_after,
            services: &self.services,
        };
        let container = &mut self.container;
        let instance = match suspended {
            None => Instance::launch(container, launch, &given, &mut { NEVER }).unwrap(),
            Some(suspended) => {
                let module = (self.module.as_fd(), &[][..]);
                suspended.resume(container, launch, &given, module, &LIMITS, &mut { NEVER }).unwrap().unwrap()
            }
        };
        gate_runtime::run(container, instance, &given, &mut { NEVER }).await.unwrap()
    }

    /// Makes another program of what there is of one, by way of a snapshot; the first one is then gone.
    pub(crate) async fn through_snapshot(&mut self, mut suspended: Suspended) -> Suspended {
        let buffers = suspended.buffers().await.unwrap();
        let snapshot = suspended
            .snapshot(
                &mut self.container,
                self.module.as_fd(),
                buffers.as_ref(),
                Format::Native,
                &LIMITS,
                &mut { NEVER },
            )
            .unwrap()
            .unwrap();
        drop(suspended);
        let mut never = NEVER;
        let restored = gate_runtime::restore(
            &mut self.container,
            snapshot.file.as_fd(),
            &self.services,
            1 << 30,
            &LIMITS,
            &mut never,
        );
        match restored.await.unwrap() {
            Restoration::Done(restored) => restored.suspended,
            other => panic!("{other:?}"),
        }
    }
}

/// What a program runs in.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[track_caller]
pub(crate) fn assert_success(report: &Report) {
    assert!(
        matches!(&report.verdict, Verdict::Ended { outcome: Outcome::Returned(values) , .. } if values.is_empty()),
        "{report:?}"
    );
}
