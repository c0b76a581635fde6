use std::os::unix::fs::PermissionsExt as _;

use oadr_core::ven::{CommandError, Registration, State};

use super::*;
use crate::temp_dir::TempDir;
use crate::ven::Ven;

/// Longer than any test needs.
const LIMIT: Duration = Duration::from_secs(20);

/// A VEN whose VTN nobody reaches.
async fn lonely() -> Running {
    let ven = Ven::in_memory("lonely", "http://127.0.0.1:9").unwrap();
    let ven = ven.start().await.unwrap();
    let is_up = |state: &State| *state.registration() == Registration::Wanted;
    timeout(LIMIT, ven.until(is_up)).await.unwrap().unwrap();
    ven
}

async fn exchange(path: &Path, lines: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let done = async {
        stream.write_all(lines).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        answers
    };
    timeout(LIMIT, done).await.unwrap()
}

#[tokio::test]
async fn requests_and_answers_are_lines() {
    let folder = TempDir::new("control").unwrap();
    let path = folder.path().join(CONTROL_SOCKET);
    let ven = lonely().await;
    let control = Control::open(&path, &ven).await.unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let reports = ask(&path, &Request::Reports, LIMIT).await.unwrap();
    assert_eq!(reports, json!([]));
    let lines = b"{\"do\":\"opts\"}\n{\"do\":\"dance\"}\nnonsense\n{\"do\":\"status\"}";
    let answers = exchange(&path, lines).await;
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers[0], json!({ "ok": [] }));
    assert_eq!(answers[1]["error"]["code"], "not_understood");
    assert_eq!(answers[2]["error"]["code"], "not_understood");
    assert_eq!(answers[3]["ok"]["registration"], "wanted");
    assert_eq!(answers.len(), 4);

    let request = Request::CancelOpt {
        opt_id: "o".parse().unwrap(),
        wait: 0,
    };
    match ask(&path, &request, LIMIT).await {
        Err(AskError::Refused(problem)) => {
            assert_eq!(problem.code, "not_possible");
            assert_eq!(problem.detail, CommandError::NotRegistered.to_string());
        }
        other => panic!("{other:?}"),
    }
    drop(control);
    assert!(!path.exists());
    ven.stop().await;
}

#[tokio::test]
async fn a_request_without_end_is_cut_off_and_others_are_heard() {
    let folder = TempDir::new("control").unwrap();
    let path = folder.path().join(CONTROL_SOCKET);
    let ven = lonely().await;
    let _control = Control::open(&path, &ven).await.unwrap();
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let long = vec![b' '; LONGEST_REQUEST as usize];
    stream.write_all(&long).await.unwrap();
    let mut read = BufReader::new(stream);
    let answer = timeout(LIMIT, read_line(&mut read, LONGEST_ANSWER)).await;
    let answer = answer.unwrap().unwrap().unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("too_long"));
    // Nothing more comes of it.
    let end = timeout(LIMIT, read_line(&mut read, LONGEST_ANSWER)).await;
    assert!(matches!(end.unwrap(), Ok(None) | Err(_)));
    ask(&path, &Request::Events, LIMIT).await.unwrap();
    ven.stop().await;
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_nothing_else_is() {
    let folder = TempDir::new("control").unwrap();
    let path = folder.path().join(CONTROL_SOCKET);
    let ven = lonely().await;
    // What a killed process leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let control = Control::open(&path, &ven).await.unwrap();
    assert!(matches!(
        Control::open(&path, &ven).await,
        Err(ControlError::InUse { .. })
    ));
    ask(&path, &Request::Status, LIMIT).await.unwrap();
    drop(control);
    fs::write(&path, "precious").unwrap();
    assert!(matches!(
        Control::open(&path, &ven).await,
        Err(ControlError::NotASocket { .. })
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    ven.stop().await;
}

#[tokio::test]
async fn a_path_that_is_longer_than_an_address_will_do() {
    let folder = TempDir::new("control").unwrap();
    let deep = folder.path().join("d".repeat(120));
    fs::create_dir(&deep).unwrap();
    let path = deep.join(CONTROL_SOCKET);
    let ven = lonely().await;
    let control = Control::open(&path, &ven).await.unwrap();
    let status = ask(&path, &Request::Status, LIMIT).await.unwrap();
    assert_eq!(status["registration"], "wanted");
    drop(control);
    assert!(!path.exists());
    ven.stop().await;
}

#[tokio::test]
async fn where_no_ven_runs_that_is_said() {
    let folder = TempDir::new("control").unwrap();
    let path = folder.path().join(CONTROL_SOCKET);
    let error = ask(&path, &Request::Status, LIMIT).await.unwrap_err();
    assert!(error.to_string().contains("no VEN runs there"), "{error}");
    let missing = folder.path().join("x".repeat(200)).join(CONTROL_SOCKET);
    let error = ask(&missing, &Request::Status, LIMIT).await.unwrap_err();
    assert!(error.to_string().contains("no VEN runs there"), "{error}");
}
