//! Servers and certificates that only OpenSSL makes: TLS 1.1, RSA key transport, X.509 version 1, small
//! keys, encrypted ones. Left out where there is no openssl.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::authority::{Authority, client, private};
use super::{doctor, doctor_vtn, holds, text};
use crate::folder::Folder;
use crate::served::within;

/// Runs openssl in a folder; false if there is none.
async fn openssl(folder: &Path, line: &str) -> bool {
    let mut command = Command::new("openssl");
    command
        .args(line.split(' '))
        .current_dir(folder)
        .stdin(Stdio::null());
    match within(line, command.output()).await {
        Ok(done) => {
            assert!(
                done.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
            true
        }
        Err(_) => {
            eprintln!("left out: there is no openssl");
            false
        }
    }
}

/// A running `openssl s_server` and its port.
struct Server {
    port: u16,
    _child: Child,
}

impl Server {
    async fn start(folder: &Path, options: &str) -> Option<Self> {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(options.split(' '))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("openssl listens");
                if let Some(address) = line.strip_prefix("ACCEPT ") {
                    return address.rsplit(':').next().unwrap().parse().unwrap();
                }
            }
        };
        let port = within("ACCEPT", port).await;
        // It goes on writing.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self {
            port,
            _child: child,
        })
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

/// A certificate for an RSA key, which the old suites need.
async fn rsa(folder: &Path, bits: usize) -> bool {
    let line = format!(
        "req -x509 -newkey rsa:{bits} -nodes -keyout key.pem -out certificate.pem -days 100 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost"
    );
    openssl(folder, &line).await
}

#[tokio::test]
async fn a_server_that_speaks_nothing_newer_than_tls_1_1() {
    let folder = Folder::new();
    if !rsa(folder.path(), 2048).await {
        return;
    }
    let options = "-cert certificate.pem -key key.pem -tls1_1 -cipher ALL:@SECLEVEL=0";
    let server = Server::start(folder.path(), options).await.unwrap();
    let said = doctor_vtn(&server.url(), &[]).await;
    said.only(&["tls_too_old"]);
    holds(&said.problem("tls_too_old"), &["TLS 1.1", "TLS 1.2"]);
}

#[tokio::test]
async fn rule_67_a_server_with_openadrs_own_suites_only() {
    let folder = Folder::new();
    if !rsa(folder.path(), 2048).await {
        return;
    }
    let options =
        "-cert certificate.pem -key key.pem -tls1_2 -cipher AES128-SHA256:ECDHE-RSA-AES128-SHA256";
    let server = Server::start(folder.path(), options).await.unwrap();
    let said = doctor_vtn(&server.url(), &[]).await;
    said.only(&["no_common_suite"]);
    let parts = [
        "RSA-AES128-CBC-SHA256 (0x003C)",
        "ECDHE-RSA-AES128-CBC-SHA256 (0xC027)",
        "proxy",
    ];
    holds(&said.problem("no_common_suite"), &parts);
}

#[tokio::test]
async fn a_server_that_speaks_tls_1_3_only() {
    let folder = Folder::new();
    if !rsa(folder.path(), 2048).await {
        return;
    }
    let options = "-cert certificate.pem -key key.pem -tls1_3";
    let server = Server::start(folder.path(), options).await.unwrap();
    let ca = folder.path().join("certificate.pem");
    let said = doctor_vtn(&server.url(), &["--tls-ca", text(&ca)]).await;
    holds(&said.finding("ok", "tls"), &["TLS 1.3"]);
}

#[tokio::test]
async fn rule_67_a_server_certificate_of_x_509_version_1() {
    let folder = Folder::new();
    let path = folder.path();
    let request =
        "req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost";
    if !openssl(path, request).await {
        return;
    }
    openssl(
        path,
        "x509 -req -in request.pem -signkey key.pem -days 100 -out certificate.pem",
    )
    .await;
    let server = Server::start(path, "-cert certificate.pem -key key.pem")
        .await
        .unwrap();
    let certificate = path.join("certificate.pem");
    let said = doctor_vtn(&server.url(), &["--tls-ca", text(&certificate)]).await;
    holds(&said.problem("x509_v1"), &["X.509 version 1", "-extfile"]);
    let said = doctor(&["cert", text(&certificate)]).await;
    said.only(&["x509_v1"]);
}

#[tokio::test]
async fn rule_68_an_rsa_key_that_is_too_small() {
    let folder = Folder::new();
    if !rsa(folder.path(), 1024).await {
        return;
    }
    let options = "-cert certificate.pem -key key.pem -cipher ALL:@SECLEVEL=0";
    let server = Server::start(folder.path(), options).await.unwrap();
    let certificate = folder.path().join("certificate.pem");
    let said = doctor_vtn(&server.url(), &["--tls-ca", text(&certificate)]).await;
    holds(&said.problem("key_too_small"), &["1024 bits", "2,048"]);
    let key = folder.path().join("key.pem");
    private(&key);
    doctor(&["cert", text(&certificate)])
        .await
        .only(&["key_too_small"]);
    doctor(&["cert", text(&key)]).await.only(&["key_unusable"]);
}

#[tokio::test]
async fn keys_under_a_passphrase() {
    let ca = Authority::new("our CA");
    let house = ca.issue("house", client("house"));
    let folder = ca.folder.path();
    let seal = "pkcs8 -topk8 -in house-key.pem -out sealed.pem -passout pass:secret";
    if !openssl(folder, seal).await {
        return;
    }
    let sealed = folder.join("sealed.pem");
    private(&sealed);
    let said = doctor(&["cert", text(&sealed)]).await;
    said.only(&[]);
    said.finding("hint", "key_encrypted");
    let (right, wrong) = (folder.join("right"), folder.join("wrong"));
    fs::write(&right, "secret\n").unwrap();
    fs::write(&wrong, "Secret\n").unwrap();
    let certificate = text(&house.certificate);
    let args = ["cert", certificate, text(&sealed), "--tls-passphrase-file"];
    let said = doctor(&[&args[..], &[text(&right)]].concat()).await;
    said.only(&[]);
    said.finding("ok", "key_matches");
    let said = doctor(&[&args[..], &[text(&wrong)]].concat()).await;
    said.only(&["passphrase_wrong"]);
    openssl(
        folder,
        "ec -in house-key.pem -aes128 -out old.pem -passout pass:secret",
    )
    .await;
    let old = folder.join("old.pem");
    doctor(&["cert", text(&old)])
        .await
        .only(&["key_encrypted_old"]);
    openssl(
        folder,
        "pkcs12 -export -in house.pem -inkey house-key.pem -out house.p12 -passout pass:secret",
    )
    .await;
    let bundle = folder.join("house.p12");
    doctor(&["cert", text(&bundle)])
        .await
        .only(&["file_pkcs12"]);
}
