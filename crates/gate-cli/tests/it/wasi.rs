//! What programs get of the outside world: streams, arguments, environment, files, time, and their exit status.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gate_testkit::binaries;
use gate_testkit::process::Program;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::guests::probe;
use crate::stage::{DEADLINE, Stage, check, check_line};

#[test]
fn each_line_is_answered_before_the_next_is_sent() {
    let stage = Stage::new();
    let mut running = stage.gate().arg(probe()).arg("echo").start().unwrap();
    for line in ["one", "two", "", "four"] {
        running.write(format!("{line}\n").as_bytes()).unwrap();
        running.wait_for_stdout(&format!("answer to {line}\n"), DEADLINE).unwrap();
    }
    let finished = running.finish(DEADLINE).unwrap();
    check(&finished, 0, "answer to one\nanswer to two\nanswer to \nanswer to four\n", "");
}

/// 64 MiB of every possible byte.
#[test]
fn large_streams_arrive_whole() {
    const CHUNKS: usize = 64;
    let stage = Stage::new();
    let chunk: Vec<u8> =
        (0..1_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let mut child = Command::new(binaries::gate().unwrap())
        .args(["run".as_ref(), "--cache-dir".as_ref(), stage.cache().as_os_str()])
        .args([probe().as_os_str(), "cat".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut expected = DefaultHasher::new();
    for _ in 0..CHUNKS {
        expected.write(&chunk);
    }
    let writer = std::thread::spawn(move || {
        for _ in 0..CHUNKS {
            stdin.write_all(&chunk).unwrap();
        }
    });
    let (mut hasher, mut total, mut buffer) = (DefaultHasher::new(), 0, vec![0; 1 << 20]);
    while stdout.read_exact(&mut buffer).is_ok() {
        total += buffer.len();
        hasher.write(&buffer);
    }
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!((total, hasher.finish()), (CHUNKS << 20, expected.finish()));
}

#[test]
fn closed_input_is_at_its_end() {
    let stage = Stage::new();
    let finished = stage.gate().arg(probe()).arg("input").stdin("").run(DEADLINE).unwrap();
    check(&finished, 0, "read: 0 \n", "");
    // Without any descriptor 0 at all.
    let script = format!("exec {} run --no-cache {} input <&-", gate(), probe().display());
    let finished = Program::new("sh").args(["-c", &script]).run(DEADLINE).unwrap();
    check(&finished, 0, "read: 0 \n", "");
}

/// What there is no descriptor for goes nowhere, and never into something that was opened in its place.
#[test]
fn closed_outputs_swallow() {
    for redirection in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let script = format!("exec {} run --no-cache {} output 100 {redirection}", gate(), probe().display());
        let finished = Program::new("sh").args(["-c", &script]).run(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        assert_eq!(finished.stdout.len(), if redirection == "2>&-" { 100 } else { 0 }, "{finished}");
    }
}

/// Descriptors that whoever started it has left open, as `flock` and `make` do, change nothing.
#[test]
fn other_descriptors_do_no_harm() {
    for redirections in ["3</dev/null", "4</dev/null", "3</dev/null 4>/dev/null 5<. 9</dev/null"] {
        let script =
            format!("exec {} run --no-cache {} output 100 {redirections}", gate(), probe().display());
        let finished = Program::new("sh").args(["-c", &script]).run(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        assert_eq!(finished.stdout.len(), 100, "{finished}");
    }
}

#[test]
fn a_reader_that_leaves_is_an_error_for_the_program() {
    let script =
        format!("{{ {} run --no-cache {} flood; echo $? >&2; }} | head -c 10", gate(), probe().display());
    let finished = Program::new("sh").args(["-c", &script]).run(DEADLINE).unwrap();
    assert_eq!(finished.stdout, [0; 10]);
    assert_eq!(finished.stderr_text(), "write: EPIPE\n9\n");
}

fn gate() -> String {
    binaries::gate().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn exit_statuses_pass_through() {
    let stage = Stage::new();
    for (status, seen) in [("0", 0), ("1", 1), ("7", 7), ("255", 255), ("256", 0), ("263", 7), ("-1", 255)] {
        let finished = stage.gate().arg(probe()).args(["exit", status]).run(DEADLINE).unwrap();
        check(&finished, seen, "", "");
    }
}

#[test]
fn arguments_are_bytes() {
    let stage = Stage::new();
    let finished = stage
        .gate()
        .arg(probe())
        .args(["arguments", "", "two words", "--json", "-v", "käse", "--", "line\nend"])
        .arg(std::ffi::OsStr::from_bytes(b"not \xff\xfe text"))
        .arg("")
        .run(DEADLINE)
        .unwrap();
    let expected = "\ntwo\\20words\n--json\n-v\nk\\c3\\a4se\n--\nline\\0aend\nnot\\20\\ff\\fe\\20text\n\n";
    check(&finished, 0, expected, "");
}

#[test]
fn the_environment_is_what_was_given() {
    let stage = Stage::new();
    let finished = stage
        .gate()
        .env("PASSED", "on")
        .env("SECRET", "kept")
        .args(["--env=A=1", "--env=EMPTY=", "--env", "PASSED", "--env=EQUALS=a=b"])
        .arg("--env")
        .arg(std::ffi::OsStr::from_bytes(b"BYTES=\xff"))
        .arg(probe())
        .arg("environment")
        .run(DEADLINE)
        .unwrap();
    check(&finished, 0, "A=1\nEMPTY=\nPASSED=on\nEQUALS=a=b\nBYTES=\\ff\n", "");
    for (given, part) in [("ABSENT_HERE", "gate has no variable of that name"), ("=x", "the name is missing")]
    {
        let finished = stage.gate().args(["--env", given]).arg(probe()).run(DEADLINE).unwrap();
        check_line(&finished, 2, &["--env", part]);
    }
}

/// Arguments that are longer than a message can be are refused where the user can be told.
#[test]
fn too_many_arguments_are_refused() {
    let stage = Stage::new();
    let long = "x".repeat(100_000);
    let finished = stage.gate().arg(probe()).arg("arguments").args(vec![&long; 15]).run(DEADLINE).unwrap();
    check_line(&finished, 2, &["arguments and environment of the program are too long"]);
}

#[test]
fn directories_are_copies() {
    let stage = Stage::new();
    let data = stage.path("data");
    fs::create_dir_all(data.join("sub/deep")).unwrap();
    fs::write(data.join("file"), "file").unwrap();
    fs::write(data.join("sub/other"), "other").unwrap();
    fs::write(stage.path("outside"), "secret").unwrap();
    fs::hard_link(data.join("file"), data.join("same")).unwrap();
    symlink("sub/other", data.join("inner")).unwrap();
    symlink("../outside", data.join("outer")).unwrap();
    symlink("/etc/passwd", data.join("absolute")).unwrap();
    symlink("nowhere", data.join("dangling")).unwrap();
    let list = |root: &str, argument: String| {
        let finished =
            stage.gate().arg("--dir").arg(argument).arg(probe()).args(["tree", root]).run(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        finished.stdout_text()
    };
    let before = list("/data", format!("{}::/data", data.display()));
    assert_eq!(
        before,
        "/data/absolute -> /etc/passwd: ENOTCAPABLE\n\
         /data/dangling -> nowhere: ENOENT\n\
         /data/file: file\n\
         /data/inner -> sub/other: opens\n\
         /data/outer -> ../outside: ENOTCAPABLE\n\
         /data/same: file\n\
         /data/sub/\n\
         /data/sub/deep/\n\
         /data/sub/other: other\n"
    );
    // By the same name when no other is given.
    let name = data.display().to_string();
    assert_eq!(list(&name, name.clone()), before.replace("/data", &name));

    let finished = stage
        .gate()
        .arg(format!("--dir={}::/data", data.display()))
        .arg(probe())
        .arg("change")
        .run(DEADLINE)
        .unwrap();
    check(
        &finished,
        0,
        "/data/absolute -> /etc/passwd: ENOTCAPABLE\n\
         /data/dangling -> nowhere: ENOENT\n\
         /data/file: file changed\n\
         /data/inner -> sub/other: ENOENT\n\
         /data/moved/\n\
         /data/moved/deep/\n\
         /data/new: new\n\
         /data/outer -> ../outside: ENOTCAPABLE\n\
         /data/same: file changed\n",
        "",
    );
    assert_eq!(list("/data", format!("{}::/data", data.display())), before, "the host's files are unchanged");
}

#[test]
fn a_directory_of_nothing_can_be_written() {
    let stage = Stage::new();
    let run = |options: &[&str]| {
        stage.gate().args(options).arg(probe()).args(["fill", "/tmp/f"]).run(DEADLINE).unwrap()
    };
    let finished = run(&["--dir", "::/tmp", "--fs-size=1MiB"]);
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    assert!(finished.stdout_text().ends_with(" KiB: ENOSPC\n"), "{finished}");
    check(&run(&[]), 1, "", "");
}

#[test]
fn directories_that_cannot_be_copied() {
    let stage = Stage::new();
    let file = stage.file("file", "");
    let fifo = stage.path("pipes");
    fs::create_dir(&fifo).unwrap();
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, fifo.join("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let foreign = stage.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join(std::ffi::OsStr::from_bytes(b"\x1b[31m\xff")), "").unwrap();
    let deep = stage.path("deep");
    fs::create_dir_all(deep.join("d/".repeat(300))).unwrap();
    for (directory, part) in [
        (foreign, "/\\u{1b}[31m\u{fffd} is not UTF-8, which programs need"),
        (deep, "is more than 256 directories deep"),
        (stage.path("absent"), "No such file or directory"),
        (file, "it is no directory"),
        (fifo, "is neither file, directory nor link"),
    ] {
        let argument = format!("--dir={}::/x", directory.display());
        let finished = stage.gate().arg(argument).arg(probe()).run(DEADLINE).unwrap();
        check_line(&finished, 127, &["cannot copy directory", part]);
    }
}

#[test]
fn files_have_a_limit() {
    let stage = Stage::new();
    let run = |options: &[&str], what: &[&str]| {
        let data = stage.path("data");
        fs::create_dir_all(&data).unwrap();
        // What is given counts in addition.
        fs::write(data.join("given"), vec![b'x'; 300_000]).unwrap();
        let finished = stage
            .gate()
            .args(options)
            .arg(format!("--dir={}::/", data.display()))
            .arg(probe())
            .args(what)
            .run(DEADLINE)
            .unwrap();
        assert_eq!((finished.status.code(), finished.stderr_text()), (Some(0), String::new()), "{finished}");
        finished.stdout_text()
    };
    let room = run(&["--fs-size=1MiB"], &["fill", "/f"]);
    let (kib, error) = room.split_once(" KiB: ").unwrap();
    assert!((900..=1024).contains(&kib.parse::<u32>().unwrap()), "{room}");
    assert_eq!(error, "ENOSPC\n");
    assert_eq!(run(&["--fs-files=20"], &["files"]), "20 files: ENOSPC\n");
    assert_eq!(run(&["--fs-files=0"], &["files"]), "0 files: ENOSPC\n");
}

#[test]
fn sleeping_takes_time() {
    let stage = Stage::new();
    let started = Instant::now();
    let finished = stage.gate().arg(probe()).args(["sleep", "50"]).run(DEADLINE).unwrap();
    check(&finished, 0, "slept\n", "");
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[test]
fn terminals_are_told_from_pipes() {
    let stage = Stage::new();
    let finished = stage.gate().arg(probe()).arg("terminals").run(DEADLINE).unwrap();
    check(&finished, 0, "0 0 0\n", "");
    let on_terminal = |redirections: &str| {
        let command =
            format!("exec {} run --no-cache {} terminals {redirections}", gate(), probe().display());
        let out = stage.path("out");
        let finished = Program::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("OUT", &out)
            .run(DEADLINE)
            .unwrap();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        finished.stdout_text().replace('\r', "")
    };
    assert_eq!(on_terminal(""), "1 1 1\n");
    assert_eq!(on_terminal("2>/dev/null"), "1 1 0\n");
    assert_eq!(on_terminal("</dev/null"), "0 1 1\n");
    on_terminal("> \"$OUT\"");
    assert_eq!(fs::read_to_string(stage.path("out")).unwrap(), "1 0 1\n");
}

#[test]
fn a_terminal_can_be_talked_to() {
    let command = format!("exec {} run --no-cache {} echo", gate(), probe().display());
    let mut running =
        Program::new("script").args(["-qec", &command, "/dev/null"]).env("SHELL", "/bin/sh").start().unwrap();
    for line in ["first", "second"] {
        running.write(format!("{line}\n").as_bytes()).unwrap();
        running.wait_for_stdout(&format!("answer to {line}"), DEADLINE).unwrap();
    }
    assert_eq!(running.finish(DEADLINE).unwrap().status.code(), Some(0));
}

#[test]
fn a_module_can_come_from_standard_input() {
    let stage = Stage::new();
    let module = fs::read(probe()).unwrap();
    let finished = stage.gate().args(["-", "arguments", "x"]).stdin(module.clone()).run(DEADLINE).unwrap();
    check(&finished, 0, "x\n", "");
    // Nothing of it is left for the program.
    let finished = stage.gate().args(["-", "input"]).stdin(module).run(DEADLINE).unwrap();
    check(&finished, 0, "read: 0 \n", "");
    let finished = stage.gate().arg("-").stdin("").run(DEADLINE).unwrap();
    check_line(&finished, 126, &["the file is empty"]);
}

/// Whoever shares a pipe with gate may have made it non-blocking; that is not the program's concern.
#[test]
fn streams_can_be_non_blocking() {
    let gate = |what: &[&str]| {
        let mut command = Command::new(binaries::gate().unwrap());
        command.args(["run".as_ref(), "--no-cache".as_ref(), probe().as_os_str()]).args(what);
        command
    };
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    let mut child = gate(&["output", "1000000"]).stdout(writer).spawn().unwrap();
    // It goes on when the pipe is full: most of a million bytes do not fit.
    let mut fds = [PollFd::new(&reader, PollFlags::IN)];
    poll(&mut fds, None).unwrap();
    let mut all = Vec::new();
    File::from(reader).read_to_end(&mut all).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(all.len(), 1_000_000);

    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setfl(&reader, OFlags::NONBLOCK).unwrap();
    let mut child = gate(&["echo"]).stdin(reader).stdout(Stdio::piped()).spawn().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let mut writer = File::from(writer);
    for number in 0..10 {
        writeln!(writer, "{number}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, format!("answer to {number}\n"));
    }
    drop(writer);
    assert!(child.wait().unwrap().success());
}

/// What is neither readable nor writable is an error for the program, and nothing else.
#[test]
fn streams_can_be_useless() {
    let script = format!("exec {} run --no-cache {}", gate(), probe().display());
    for (rest, status, stdout, stderr) in [
        ("input < /", 0, "read: -1 Is a directory\n", ""),
        ("input 0> /dev/null", 0, "read: -1 EBADF\n", ""),
        ("flood > /dev/full", 9, "", "write: ENOSPC\n"),
        ("flood 1< /dev/null", 9, "", "write: EBADF\n"),
    ] {
        let script = format!("{script} {rest}");
        let finished = Program::new("sh").args(["-c", &script]).run(DEADLINE).unwrap();
        check(&finished, status, stdout, stderr);
    }
}

/// Files, too, can be read from and written to, at the place where they are open.
#[test]
fn streams_can_be_files() {
    let stage = Stage::new();
    let input = stage.file("input", "from a file");
    let output = stage.file("output", "before\n");
    let status = Command::new(binaries::gate().unwrap())
        .args(["run".as_ref(), "--no-cache".as_ref(), probe().as_os_str(), "cat".as_ref()])
        .stdin(File::open(input).unwrap())
        .stdout(File::options().append(true).open(&output).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(output).unwrap(), "before\nfrom a file");
}
