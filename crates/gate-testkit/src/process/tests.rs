//! Tests of the runner with the shell as the program.

use super::*;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

fn shell(script: &str) -> Program {
    Program::new("sh").arg("-c").arg(script)
}

#[test]
fn captures_both_outputs_and_the_status() {
    let finished = shell("cat; echo problem >&2; exit 3").stdin("in").run(LONG).unwrap();
    assert_eq!(finished.status.code(), Some(3));
    assert_eq!(finished.stdout_text(), "in");
    assert_eq!(finished.stderr_text(), "problem\n");
    let message = finished.success().unwrap_err().to_string();
    for part in ["\"sh\" \"-c\"", "exit status: 3", "standard output (2 bytes)", "problem"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn large_input_and_output_do_not_block_each_other() {
    let bytes = vec![b'x'; 4 << 20];
    let finished = Program::new("cat").stdin(bytes.clone()).run(LONG).unwrap();
    assert!(finished.stdout == bytes);
}

#[test]
fn unread_input_is_no_failure() {
    shell("exit 0").stdin(vec![0; 4 << 20]).run(LONG).unwrap().success().unwrap();
}

#[test]
fn unread_input_is_counted() {
    let mut running = shell("exec dd bs=3 count=1 status=none").start().unwrap();
    running.write(b"12345678").unwrap();
    running.wait_for_end(LONG).unwrap();
    assert_eq!(running.unread().unwrap(), 5);
    running.close_stdin();
    assert!(running.unread().is_err());
}

#[test]
fn output_can_go_elsewhere() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let finished = shell("echo here; echo there >&2").stdout(writer).run(LONG).unwrap();
    assert_eq!((finished.stdout_text().as_str(), finished.stderr_text().as_str()), ("", "there\n"));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "here\n");
}

#[test]
fn deadline_kills_the_whole_group() {
    let message = shell("echo started; sleep 1000 & sleep 1000").run(SHORT).unwrap_err().to_string();
    assert!(message.contains("did not end within 200ms"), "{message}");
    assert!(message.contains("started"), "{message}");
}

#[test]
fn a_process_left_behind_is_reported() {
    let message = shell("sleep 1000 & exit 0").run(SHORT).unwrap_err().to_string();
    assert!(message.contains("kept its outputs open"), "{message}");
}

#[test]
fn talks_with_a_running_program() {
    let mut running = shell("while read line; do echo got $line; done; echo end >&2").start().unwrap();
    running.write(b"one\n").unwrap();
    running.wait_for_stdout("got one\n", LONG).unwrap();
    running.write(b"two\n").unwrap();
    running.wait_for_stdout("got two\n", LONG).unwrap();
    running.close_stdin();
    running.wait_for_stderr("end", LONG).unwrap();
    assert!(running.write(b"three\n").is_err());
    assert_eq!(running.finish(LONG).unwrap().success().unwrap().stdout_text(), "got one\ngot two\n");
}

#[test]
fn the_end_can_be_waited_for_with_open_input() {
    let mut running = shell("exit 4").start().unwrap();
    running.wait_for_end(LONG).unwrap();
    assert_eq!(running.finish(LONG).unwrap().status.code(), Some(4));
    let mut running = shell("read line").start().unwrap();
    let message = running.wait_for_end(SHORT).unwrap_err().to_string();
    assert!(message.contains("did not end within 200ms"), "{message}");
}

#[test]
fn missing_text_is_reported_early_and_late() {
    let mut running = shell("echo only this").start().unwrap();
    let message = running.wait_for_stdout("that", LONG).unwrap_err().to_string();
    assert!(message.contains("ended without \"that\"") && message.contains("only this"), "{message}");
    let mut running = shell("read line").start().unwrap();
    let message = running.wait_for_stderr("that", SHORT).unwrap_err().to_string();
    assert!(message.contains("ran 200ms without \"that\""), "{message}");
}

#[test]
fn long_logs_are_cut_in_messages_only() {
    let finished = shell("yes line | head -n 10000; exit 1").run(LONG).unwrap();
    assert_eq!(finished.stdout.len(), 50_000);
    assert!(finished.to_string().len() < 2 * SHOWN_BYTES);
}

#[test]
fn environment_and_directory() {
    let directory = tempfile::tempdir().unwrap();
    let finished = Program::new("/bin/sh")
        .args(["-c", "echo $NAME; pwd -P"])
        .env_clear()
        .env("NAME", "value")
        .directory(&directory);
    let expected = format!("value\n{}\n", directory.path().canonicalize().unwrap().display());
    assert_eq!(finished.run(LONG).unwrap().stdout_text(), expected);
}
