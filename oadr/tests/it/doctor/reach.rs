//! URL, name and port.

use std::net::Ipv4Addr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::given::{self, each};
use super::{doctor_vtn, holds};
use crate::port;

/// For whoever never answers.
const QUICK: [&str; 2] = ["--timeout", "0.3"];

#[tokio::test]
async fn a_vtn_that_works_has_no_problem() {
    let vtn = given::plain(given::vtn).await;
    let said = doctor_vtn(&vtn.http(), &[]).await;
    said.only(&[]);
    holds(
        &said.finding("ok", "vtn"),
        &["OadrVTN", "2.0b over simpleHttp"],
    );
    said.finding("ok", "not_registered");
    said.finding("ok", "clock");
}

#[tokio::test]
async fn a_malformed_url() {
    let said = doctor_vtn("vtn.example:8443", &[]).await;
    holds(&said.problem("url_scheme"), &["https://"]);
    doctor_vtn("https://vtn.example/?a=b", &[])
        .await
        .only(&["url_query"]);
}

#[tokio::test]
async fn rule_511_the_path_is_there_twice() {
    let vtn = given::plain(given::vtn).await;
    let url = format!("{}/OpenADR2/Simple/2.0b/OpenADR2/Simple/2.0b", vtn.http());
    let said = doctor_vtn(&url, &[]).await;
    said.only(&["path_doubled"]);
    holds(&said.problem("path_doubled"), &["2 times", &vtn.http()]);
    // It goes on with the right one.
    said.finding("ok", "vtn");
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    // Too long for any name server to be asked.
    let name = "n".repeat(70);
    let said = doctor_vtn(&format!("https://{name}.example:8443"), &[]).await;
    said.only(&["name_unresolved"]);
    holds(&said.problem("name_unresolved"), &[&name, "/etc/hosts"]);
}

#[tokio::test]
async fn a_closed_port() {
    let address = port::free();
    let said = doctor_vtn(&format!("http://{address}"), &[]).await;
    said.only(&["port_closed"]);
    holds(
        &said.problem("port_closed"),
        &[&address.to_string(), "refuses", "--listen"],
    );
}

#[tokio::test]
async fn a_port_that_swallows_packets() {
    // A listener whose backlog is full drops what comes, like a firewall.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    loop {
        let connect = TcpStream::connect(address);
        match tokio::time::timeout(std::time::Duration::from_millis(100), connect).await {
            Ok(stream) => waiting.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let said = doctor_vtn(&format!("https://{address}"), &QUICK).await;
    said.only(&["port_filtered"]);
    holds(&said.problem("port_filtered"), &["firewall"]);
}

#[tokio::test]
async fn somebody_who_listens_and_never_answers() {
    let deaf = each(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let said = doctor_vtn(&deaf.http(), &QUICK).await;
    said.only(&["http_silent"]);
    let said = doctor_vtn(&deaf.https(), &QUICK).await;
    said.only(&["tls_silent"]);
}

#[tokio::test]
async fn plain_http_on_the_tls_port() {
    let vtn = each(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            .await;
    })
    .await;
    let said = doctor_vtn(&vtn.https(), &[]).await;
    said.only(&["plain_http_on_tls_port"]);
    let vtn = given::plain(given::vtn).await;
    let said = doctor_vtn(&vtn.https(), &[]).await;
    assert!(!said.success);
}

#[tokio::test]
async fn something_that_is_not_http_at_all() {
    let mail = each(|mut stream| async move {
        let _ = stream
            .write_all(b"220 mail.example ESMTP ready and waiting\r\n")
            .await;
    })
    .await;
    doctor_vtn(&mail.http(), &[]).await.only(&["not_http"]);
    let said = doctor_vtn(&mail.https(), &[]).await;
    said.only(&["not_tls"]);
    holds(&said.problem("not_tls"), &["220 mail"]);
}
