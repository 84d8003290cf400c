//! `figure2 certs`.

#![allow(clippy::unwrap_used)]

use figure2_tcp::{Config, Credentials, Security, Tcp, Transport};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn certs(directory: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_figure2"));
    let output = command.arg("certs").arg(directory).args(words).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn files(directory: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: &Path| {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        (mode, fs::read(path).unwrap())
    };
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), file(&path))).collect()
}

#[tokio::test]
async fn what_it_makes_is_taken_by_a_server() {
    let place = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = place.path().join("certs");
    let (code, told) = certs(&directory, &["--servers", "2", "--group", "5", "--days", "40"]);
    assert_eq!(code, Some(0), "{told}");
    let files = files(&directory);
    let names = [
        "authority-key.pem",
        "authority.pem",
        "server-1-key.pem",
        "server-1.pem",
        "server-2-key.pem",
        "server-2.pem",
    ];
    assert!(files.keys().eq(names.iter()), "{:?}", files.keys());
    for (name, (mode, _)) in &files {
        assert_eq!(*mode, if name.contains("key") { 0o600 } else { 0o644 }, "{name}");
        assert!(told.contains(name.as_str()), "{told}");
    }
    let security = Security::Tls(Credentials {
        authority: directory.join("authority.pem"),
        certificate: directory.join("server-1.pem"),
        key: directory.join("server-1-key.pem"),
    });
    let config = Config { group: 5, ..Config::new(1, [(2, "127.0.0.1:1".to_owned())], 1, security) };
    let transport = Transport::start(config, Tcp::bind("127.0.0.1:0").await.unwrap()).await.unwrap();
    let certificate = transport.status().certificate.unwrap();
    assert_eq!(certificate.days_left(std::time::SystemTime::now()), Some(39));
    transport.shutdown().await;
}

#[test]
fn it_overwrites_nothing() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(directory.path().join("server-3.pem"), "an operator's own").unwrap();
    let before = files(directory.path());
    let (code, told) = certs(directory.path(), &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("server-3.pem is there already, and nothing is overwritten"), "{told}");
    assert_eq!(files(directory.path()), before);
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for words in [["--servers", "0"], ["--servers", "65"], ["--days", "0"]] {
        let (code, told) = certs(directory.path(), &words);
        assert_eq!(code, Some(2), "{told}");
    }
    assert!(files(directory.path()).is_empty());
}
