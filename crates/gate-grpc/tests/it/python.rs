//! The services of `examples/services/python`.

use std::path::PathBuf;
use std::time::Duration;

use crate::harness::{Program, run, serve, start};

/// The example, or `None` on a host where there is no way to have it.
fn example_or_skip(test: &str) -> Option<PathBuf> {
    match gate_testkit::python::echo() {
        Ok(path) => Some(path),
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

    let mut program = Program::start(&here, "py/counter").await;
    program.call(b"").await;
    assert_eq!(program.reply().await, 1_u64.to_le_bytes());
    let snapshot = program.save().await.unwrap();
    let mut clone = Program::resume(&there, "py/counter", snapshot).await.unwrap();
    for program in [&mut program, &mut clone] {
        program.call(b"").await;
        assert_eq!(program.reply().await, 2_u64.to_le_bytes());
    }
    let failure = Program::resume(&there, "py/later", b"nonsense".to_vec()).await.map(drop).unwrap_err();
    assert!(matches!(failure, gate_service::Failure::Snapshot(_)), "{failure:?}");
}

#[test]
fn a_python_program_serves_over_the_socket_it_inherits() {
    let Some(path) = example_or_skip("python::a_python_program_serves_over_the_socket_it_inherits") else {
        return;
    };
    run(async {
        let command = path.to_str().unwrap();
        let (here, there) = (start(&[command], &[]).await, start(&[command], &[]).await);
        check([here, there]).await;
    });
}

#[test]
fn a_python_program_serves_at_a_socket_and_is_restarted() {
    let Some(path) = example_or_skip("python::a_python_program_serves_at_a_socket_and_is_restarted") else {
        return;
    };
    let sockets = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", sockets.path().join("socket").display());
    let begin = || serve(&path, &[&address]);
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
