//! OpenSSL as a client that nobody here wrote. Where it is not installed these tests say so and pass;
//! `conformance/run` installs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oadr_http::tls::{Identity, PrivateKeyDer};

use super::authority::{Authority, NOW, Order, key_file};
use super::{Caller, Secured, Usual, client_config, server_config};
use crate::documents::POLL;
use crate::wire::{OADR_POLL, post_with, within};

/// A folder for the files that OpenSSL wants, which goes with the test.
struct Files(std::path::PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Files {
    /// `None`, with a note, where there is no OpenSSL.
    fn new(test: &str) -> Option<Self> {
        let found = Command::new("openssl").arg("version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            eprintln!("left out: openssl is not installed");
            return None;
        }
        let name = format!("oadr-openssl-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // A process that was killed and had the same ID may have left its own.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Some(Self(folder))
    }

    fn put(&self, name: &str, octets: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, octets).unwrap();
        path.display().to_string()
    }

    /// The options with which `s_client` shows this.
    fn shows(&self, name: &str, identity: &Identity) -> Vec<String> {
        let certificate = self.put(name, &identity.chain()[0]);
        let key = match identity.key() {
            PrivateKeyDer::Pkcs8(key) => self.put(&format!("{name}-key"), key.secret_pkcs8_der()),
            other => panic!("{other:?}"),
        };
        let options = [
            "-certform",
            "DER",
            "-cert",
            &certificate,
            "-keyform",
            "DER",
            "-key",
            &key,
        ];
        options.map(str::to_owned).to_vec()
    }
}

/// What `s_client` says, of the connection and of what comes over it, when it sends a poll.
async fn polls(served: &Secured, shows: &[String], options: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command
        .args([
            "s_client",
            "-ign_eof",
            "-connect",
            &served.address.to_string(),
        ])
        .args(shows)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let talk = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let request = post_with(OADR_POLL, "Connection: close\r\n", POLL);
        // It may have gone already.
        let _ = child.stdin.take().unwrap().write_all(request.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    });
    within(talk).await.unwrap()
}

const ANSWER: &str = "HTTP/1.1 200 OK";

#[tokio::test]
async fn rule_67_s_client_gets_an_answer_over_tls_1_2_and_1_3() {
    let Some(files) = Files::new("answer") else {
        return;
    };
    let usual = Usual::new();
    let served = usual.server().await;
    let base64 = STANDARD.encode(&usual.authority.der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    let ca = files.put("ca.pem", pem.as_bytes());
    for order in [Order::client("house"), Order::client("house").rsa()] {
        let shows = files.shows("house", &usual.authority.issue(&order));
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let options = [
                version,
                "-CAfile",
                &ca,
                "-verify_return_error",
                "-verify_ip",
                "127.0.0.1",
                "-attime",
                &super::authority::seconds(NOW).to_string(),
            ];
            let said = polls(&served, &shows, &options).await;
            assert!(said.contains(ANSWER) && said.contains(name), "{said}");
            assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        }
    }
    assert_eq!(served.handler.requests().len(), 4);
}

#[tokio::test]
async fn rule_67_each_client_gets_the_certificate_that_it_can_verify() {
    let Some(files) = Files::new("kinds") else {
        return;
    };
    let usual = Usual::new();
    let identities =
        [Order::server().rsa(), Order::server()].map(|order| usual.authority.issue(&order));
    let config = server_config(&usual.hand, identities.into(), &[&usual.authority]);
    let served = Secured::new(config).await;
    let shows = files.shows("house", &usual.authority.issue(&Order::client("house")));
    let (ecdsa, rsa) = ("Peer signature type: ECDSA", "Peer signature type: RSA-PSS");
    for (options, kind) in [
        // Who can verify both is shown the elliptic one.
        (&["-tls1_3"][..], ecdsa),
        (&["-tls1_2"], ecdsa),
        (&["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"], rsa),
        (&["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"], ecdsa),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], rsa),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            ecdsa,
        ),
        (
            &["-tls1_2", "-sigalgs", "RSA+SHA256"],
            "Peer signature type: RSA\n",
        ),
    ] {
        let said = polls(&served, &shows, options).await;
        // With an elliptic certificate of its own, a client that signs with RSA only has none to show.
        assert!(said.contains(kind), "{options:?}: {said}");
    }
}

#[tokio::test]
async fn rule_67_old_versions_and_suites_are_refused() {
    let Some(files) = Files::new("suites") else {
        return;
    };
    let usual = Usual::new();
    let served = usual.server().await;
    let shows = files.shows("house", &usual.authority.issue(&Order::client("house")));
    let version = "handshake: the peer speaks neither TLS 1.2 nor TLS 1.3";
    let suite = "handshake: no cipher suite or kind of certificate in common";
    for (options, alert, noticed) in [
        (
            &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"][..],
            "alert protocol version",
            version,
        ),
        (
            &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"],
            "alert protocol version",
            version,
        ),
        // The two suites of rule 67, which rustls does not have: the first could be had with
        // AES-GCM, the second never.
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
            "alert",
            suite,
        ),
        (&["-tls1_2", "-cipher", "AES128-SHA256"], "alert", suite),
        // An elliptic server, and a client that verifies RSA only.
        (
            &["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"],
            "alert",
            suite,
        ),
    ] {
        let said = polls(&served, &shows, options).await;
        assert!(said.contains(alert), "{options:?}: {said}");
        let notices = served.notices(1).await;
        let last = notices.last().unwrap();
        assert!(last.starts_with(noticed), "{options:?}: {last}");
    }
    assert!(served.handler.requests().is_empty());
}

#[tokio::test]
async fn rule_68_s_client_with_a_short_rsa_key_is_refused() {
    let Some(files) = Files::new("short") else {
        return;
    };
    let usual = Usual::new();
    let served = usual.server().await;
    let certificate = usual.authority.issue_short(&Order::client("house"));
    let certificate = files.put("client.der", &certificate);
    let key = files.put("client-key.pem", key_file("rsa-1024.pem").as_bytes());
    let shows = ["-certform", "DER", "-cert", &certificate, "-key", &key].map(str::to_owned);
    for version in ["-tls1_2", "-tls1_3"] {
        let options = [version, "-cipher", "DEFAULT@SECLEVEL=0"];
        let said = polls(&served, &shows, &options).await;
        assert!(said.contains("alert") && !said.contains(ANSWER), "{said}");
        let notices = served.notices(1).await;
        assert_eq!(
            notices.last().unwrap(),
            "handshake: the peer's certificate (CN=house) does not count: its RSA key has 1024 bits, \
             and 2048 are needed"
        );
    }
}

#[tokio::test]
async fn rule_517_s_client_hears_why_it_is_refused() {
    let Some(files) = Files::new("alerts") else {
        return;
    };
    let usual = Usual::new();
    let served = usual.server().await;
    let expired = Order::client("house").years(2000, 2029);
    let stranger = Authority::new("another CA").issue(&Order::client("house"));
    for (shows, alert) in [
        (Vec::new(), "alert certificate required"),
        (files.shows("stranger", &stranger), "alert unknown ca"),
        (
            files.shows("expired", &usual.authority.issue(&expired)),
            "alert certificate expired",
        ),
        (
            files.shows("server", &usual.authority.issue(&Order::server())),
            "alert unsupported certificate",
        ),
    ] {
        let said = polls(&served, &shows, &["-tls1_3"]).await;
        assert!(said.contains(alert) && !said.contains(ANSWER), "{said}");
    }
}

/// OpenSSL as a server, which ends with the test.
struct SServer {
    child: Child,
    url: String,
    /// Open, so that it may go on talking.
    _output: BufReader<ChildStdout>,
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl SServer {
    fn new(files: &Files, usual: &Usual, options: &[&str]) -> Self {
        let identity = usual.authority.issue(&Order::server());
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"])
            .args(files.shows("server", &identity))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.by_ref().lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
            .expect("it says where it listens");
        Self {
            child,
            url: format!("https://{address}"),
            _output: output,
        }
    }
}

#[tokio::test]
async fn what_s_server_refuses_is_told_as_it_is_meant() {
    let Some(files) = Files::new("server") else {
        return;
    };
    let usual = Usual::new();
    let old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let demanding = ["-tls1_3", "-Verify", "1", "-verify_return_error"];
    let no_suite = "the peer ended it: no cipher suite or kind of certificate in common, or it misses a \
                    certificate";
    for (options, identity, said) in [
        (
            &old[..],
            None,
            "the peer speaks neither TLS 1.2 nor TLS 1.3",
        ),
        (&["-tls1_2", "-cipher", "AES128-SHA256"], None, no_suite),
        (
            &demanding,
            None,
            "the peer ended it: it wants a certificate, and none was shown to it",
        ),
        (
            &demanding,
            Some(usual.authority.issue(&Order::client("house"))),
            "the peer ended it: it does not believe the CA of the certificate that was shown to it",
        ),
    ] {
        let server = SServer::new(&files, &usual, options);
        let config = client_config(&usual.hand, identity, &[&usual.authority]);
        let caller = Caller::new(&server.url, config);
        assert_eq!(caller.refusal().await, said, "{options:?}");
    }
}
