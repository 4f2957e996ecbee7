//! The services of `examples/services/python`, in a Python environment that is made for them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use gate_testkit::binaries::workspace;
use gate_testkit::cache;
use gate_testkit::process::Program as Command;

use crate::harness::{Program, run, serve, start};

/// Packages are downloaded.
const INSTALL_DEADLINE: Duration = Duration::from_secs(300);

const SCRIPT: &str = include_str!("../../../../examples/services/python/echo.py");
const REQUIREMENTS: &str = include_str!("../../../../examples/services/python/requirements.txt");
const PROTOCOL: &str = include_str!("../../proto/gate/service.proto");

/// A program that is the example, with all that it needs.
fn example() -> Result<PathBuf> {
    let store = cache::target_directory()?.join("services");
    std::fs::create_dir_all(&store)?;
    cache::produce(&store, "python", "", &(SCRIPT, REQUIREMENTS, PROTOCOL), |directory| {
        let step = |command: Command| command.run(INSTALL_DEADLINE)?.success();
        step(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
        let python = directory.join("bin/python");
        let examples = workspace().join("examples/services/python");
        step(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(examples.join("requirements.txt")),
        )?;
        let option = |name: &str| format!("--{name}={}", directory.display());
        step(
            Command::new(&python)
                .args(["-m", "grpc_tools.protoc", "-I"])
                .arg(workspace().join("crates/gate-grpc/proto"))
                .args([option("python_out"), option("grpc_python_out"), "gate/service.proto".to_owned()]),
        )?;
        // It is found wherever the directory is moved.
        let start = "#!/bin/sh\nhere=$(dirname \"$0\")\nPYTHONPATH=$here exec \"$here/bin/python\" \"$here/echo.py\" \"$@\"\n";
        std::fs::write(directory.join("echo.py"), SCRIPT)?;
        std::fs::write(directory.join("echo"), start).context("cannot write the script")?;
        Ok(())
    })
}

/// The example, or `None` on a host where there is no way to have it.
fn example_or_skip(test: &str) -> Option<PathBuf> {
    match example() {
        Ok(directory) => Some(directory),
        Err(error) => {
            gate_testkit::skip("gate-grpc", test, &format!("no Python with gRPC: {error:#}"));
            None
        }
    }
}

async fn check(services: [gate_grpc::Services; 2]) {
    let [here, there] = services;
    let mut program = Program::start(&here, "py/echo").await;
    program.call(b"one").await;
    program.info(b"two").await;
    assert_eq!(program.reply().await, b"one");
    assert_eq!(program.next().await.unwrap().content, b"two");
    let large = vec![1; 65528];
    program.call(&large).await;
    assert_eq!(program.reply().await, large);
    program.close().await;

    let mut program = Program::start(&here, "py/later").await;
    for content in [b"1", b"2", b"3"] {
        program.call(content).await;
    }
    let snapshot = program.save().await.unwrap();
    let mut clone = Program::resume(&there, "py/later", snapshot).await.unwrap();
    for program in [&mut program, &mut clone] {
        program.info(b"").await;
        for content in [b"1", b"2", b"3"] {
            assert_eq!(program.reply().await, content);
        }
        assert!(program.save().await.unwrap().is_empty());
    }
    let failure = Program::resume(&there, "py/later", b"nonsense".to_vec()).await.map(drop).unwrap_err();
    assert!(matches!(failure, gate_service::Failure::Snapshot(_)), "{failure:?}");
}

fn command(directory: &Path) -> String {
    format!("sh {}", directory.join("echo").display())
}

#[test]
fn a_python_program_serves_over_the_socket_it_inherits() {
    let Some(directory) = example_or_skip("python::a_python_program_serves_over_the_socket_it_inherits")
    else {
        return;
    };
    run(async {
        let command = command(&directory);
        let (here, there) = (start(&[&command], &[]).await, start(&[&command], &[]).await);
        check([here, there]).await;
    });
}

#[test]
fn a_python_program_serves_at_a_socket_and_is_restarted() {
    let Some(directory) = example_or_skip("python::a_python_program_serves_at_a_socket_and_is_restarted")
    else {
        return;
    };
    let sockets = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", sockets.path().join("socket").display());
    let begin = || serve(Path::new("/bin/sh"), &[directory.join("echo").to_str().unwrap(), &address]);
    let mut server = begin();
    run(async {
        let target = format!("{address} insecure");
        let (here, there) = (start(&[], &[&target]).await, start(&[], &[&target]).await);
        let mut program = Program::start(&here, "py/later").await;
        program.call(b"1").await;
        program.until(|| true).await;
        server.kill();
        server.wait_for_end(Duration::from_secs(10)).unwrap();
        let _again = begin();
        program.call(b"2").await;
        program.info(b"").await;
        for content in [b"1", b"2"] {
            assert_eq!(program.reply().await, content);
        }
        check([here, there]).await;
    });
}
