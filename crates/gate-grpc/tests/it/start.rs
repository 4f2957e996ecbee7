//! How servers are found, and what is said of those that are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_grpc::{Services, Timeouts};

use crate::harness::{
    EchoServer, Events, Program, chain, children, config, echo_path, find, run, serve, start,
};
use crate::misbehaviour::{Behaviour, listen};

fn start_error(commands: &[&str], targets: &[&str]) -> String {
    run(async {
        let mut config = config(commands, targets, &Arc::default());
        config.timeouts.start = Duration::from_secs(5);
        chain(&Services::start(config).await.map(drop).unwrap_err())
    })
}

#[test]
fn what_makes_no_sense_is_refused() {
    let path = echo_path().into_os_string().into_string().unwrap();
    for (commands, targets, message) in [
        (&[" "][..], &[][..], "invalid service command \" \": there is no command"),
        (&[], &["x:1 secure"], "invalid service target \"x:1 secure\": unknown option \"secure\""),
        (
            &["/nonexistent/x y"],
            &[],
            "cannot use service program \"/nonexistent/x y\": cannot start \"/nonexistent/x\": No such file",
        ),
        (&["true"], &[], "cannot use service program \"true\": "),
        (&[], &["unix:/nonexistent/x insecure"], "cannot connect to unix:/nonexistent/x: No such file"),
        (
            &[],
            &["127.0.0.1:1 ca=/nonexistent/x"],
            "cannot read certificates from \"/nonexistent/x\": No such file",
        ),
        (&[], &["127.0.0.1:1 insecure"], "cannot connect to 127.0.0.1:1: Connection refused"),
        (&[&path, &path], &[], "service \"echo\" is offered by "),
    ] {
        let found = start_error(commands, targets);
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn a_program_that_is_no_server_is_stopped() {
    let log = Arc::<Events>::default();
    run(async {
        let mut config = config(&["sleep 1000"], &[], &log);
        config.timeouts = Timeouts { start: Duration::from_millis(300), ..Timeouts::USUAL };
        let found = chain(&Services::start(config).await.map(drop).unwrap_err());
        assert_eq!(found, "cannot use service program \"sleep 1000\": no answer within 300ms");
        assert!(children().is_empty(), "{:?}", children());
    });
    assert!(log.all().is_empty(), "{:?}", log.all());
}

#[test]
fn optional_targets_are_left_out() {
    run(async {
        let server = EchoServer::start();
        let log = Arc::<Events>::default();
        let config = config(&[], &["unix:/nonexistent/x insecure optional", &server.target()], &log);
        let services = Services::start(config).await.unwrap();
        assert_eq!(services.factories().count(), 3);
        assert_eq!(
            log.all(),
            [
                "skipped unix:/nonexistent/x insecure optional cannot connect to unix:/nonexistent/x: No such file or directory (os error 2)"
            ]
        );
    });
}

#[test]
fn commands_have_a_name_and_an_error_output() {
    run(async {
        let log = Arc::<Events>::default();
        let script = "echo $0 >&2; exec \"$1\"";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script");
        std::fs::write(&path, script).unwrap();
        let command = format!("@/bin/sh name {} {}", path.display(), echo_path().display());
        let services = Services::start(config(&[&command], &[], &log)).await.unwrap();
        let mut program = Program::start(&services, "echo").await;
        program.call(b"x").await;
        assert_eq!(program.reply().await, b"x");
        log.wait(&format!("line {}", path.display())).await;
        drop(program);
        services.close().await;
        assert!(children().is_empty(), "{:?}", children());
    });
}

#[test]
fn a_stubborn_command_is_killed() {
    run(async {
        let log = Arc::<Events>::default();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script");
        // The shell stays, and keeps the socket.
        std::fs::write(&path, "trap '' TERM\n\"$1\" & while true; do sleep 1; done").unwrap();
        let command = format!("sh {} {}", path.display(), echo_path().display());
        let mut config = config(&[&command], &[], &log);
        config.timeouts.stop = Duration::from_millis(200);
        let services = Services::start(config).await.unwrap();
        let begin = Instant::now();
        services.close().await;
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert!(log.all().contains(&"exited signal: 9 (SIGKILL)".to_owned()), "{:?}", log.all());
    });
}

#[test]
fn hosts_are_reached_over_tcp() {
    let server = serve(&echo_path(), &["127.0.0.1:0"]);
    let text = String::from_utf8(server.stderr()).unwrap();
    let address = text.trim().strip_prefix("listening at ").unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    run(async {
        for target in [format!("{address} insecure"), format!("dns:///localhost:{port} insecure")] {
            let services = start(&[], &[&target]).await;
            let mut program = Program::start(&services, "echo").await;
            program.call(b"x").await;
            assert_eq!(program.reply().await, b"x");
        }
    });
    // It does not speak TLS.
    let found = start_error(&[], &[&address]);
    assert!(found.contains("no secure connection to 127.0.0.1:"), "{found}");
}

#[test]
fn tls_needs_an_authority_that_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let mut issuers = Vec::new();
    for name in ["good", "other"] {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new([]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = parameters.self_signed(&key).unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        files.push(path.into_os_string().into_string().unwrap());
        issuers.push(rcgen::Issuer::new(parameters, key));
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuers[0])
        .unwrap();
    run(async {
        let identity = (certificate.pem(), key.serialize_pem());
        let server = listen(Behaviour::Good, Some(identity)).await;
        let port = server.port;
        let services = start(&[], &[&format!("localhost:{port} ca={}", files[0])]).await;
        let mut program = Program::start(&services, "bad").await;
        program.call(b"x").await;
        assert_eq!(program.reply().await, b"x");

        for (target, cause) in [
            (format!("localhost:{port} ca={}", files[1]), "certificate"),
            // The certificate is of another name.
            (format!("127.0.0.1:{port} ca={}", files[0]), "certificate"),
            (format!("localhost:{port}"), "certificate"),
            (format!("localhost:{port} insecure"), ""),
        ] {
            let config = config(&[], &[&target], &Arc::default());
            let found = chain(&Services::start(config).await.map(drop).unwrap_err());
            assert!(found.contains(cause), "{target}: {found}");
        }
    });
}

#[test]
fn programs_of_nobody_do_not_find_all_services() {
    run(async {
        let server = listen(Behaviour::Good, None).await;
        let services = start(&[], &[&server.target()]).await;
        let mut client = crate::harness::client();
        assert!(find(&services, "private").is_discoverable(&client));
        client.principal = None;
        assert!(!find(&services, "private").is_discoverable(&client));
        assert!(find(&services, "bad").is_discoverable(&client));
        assert_eq!(find(&services, "bad").properties().revision, "r1");
    });
}

#[test]
fn a_server_says_that_it_is_not_ready() {
    run(async {
        let server = listen(Behaviour::Unhealthy, None).await;
        let config = config(&[], &[&server.target()], &Arc::default());
        let found = chain(&Services::start(config).await.map(drop).unwrap_err());
        assert!(found.ends_with("server says that it is not serving now"), "{found}");
    });
}
