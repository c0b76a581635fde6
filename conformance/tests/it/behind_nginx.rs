//! VENs behind a real nginx that ends their TLS with TLS_RSA_WITH_AES_128_CBC_SHA256, which rustls does
//! not have. Its configuration is the one that comes with the program.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use conformance::authority::{Authority, Issued, KeyKind, Order};
use conformance::failure::Failure;
use conformance::folder::Folder;
use conformance::peers::Peers;
use conformance::process::Process;
use conformance::program::Vtn;
use conformance::wait;
use serde_json::{Value, json};

use crate::operator;

/// OpenSSL's name of TLS_RSA_WITH_AES_128_CBC_SHA256.
const SUITE: &str = "AES128-SHA256";

/// The VTN's, nginx's and VENs' certificates, and an nginx that believes their CA.
struct Front {
    nginx: Process,
    address: SocketAddr,
    folder: Folder,
}

impl Front {
    /// An nginx before this VTN. `change` alters the configuration.
    fn start(vtn: &Vtn, authority: &Authority, change: impl Fn(String) -> String) -> Self {
        let rsa = &authority
            .issue(&Order::server(&["localhost"], KeyKind::Rsa))
            .unwrap();
        let ecdsa = &authority
            .issue(&Order::server(&["localhost"], KeyKind::P256))
            .unwrap();
        let folder = Folder::new("nginx").unwrap();
        let mut last = None;
        // Somebody may take the port before nginx does.
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let mut server = dist();
            for (ours, filled) in [
                ("listen 443 ssl;", format!("listen {address} ssl;")),
                ("127.0.0.1:8090;", format!("{};", proxied(vtn))),
                ("/etc/oadr/pki/vtn.pem", word(&ecdsa.certificate)),
                ("/etc/oadr/pki/vtn-key.pem", word(&ecdsa.key)),
                ("/etc/oadr/pki/vtn-rsa.pem", word(&rsa.certificate)),
                ("/etc/oadr/pki/vtn-rsa-key.pem", word(&rsa.key)),
                ("/etc/oadr/pki/ca.pem", word(&authority.certificate())),
            ] {
                assert!(server.contains(ours), "{ours}: {server}");
                server = server.replace(ours, &filled);
            }
            fs::write(folder.path().join("openadr.conf"), change(server)).unwrap();
            fs::write(folder.path().join("nginx.conf"), MAIN).unwrap();
            let mut command = Command::new("nginx");
            command
                .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
                .arg(folder.path());
            let nginx = Process::start("nginx", command).unwrap();
            match ready(nginx, address) {
                Ok(nginx) => {
                    return Self {
                        nginx,
                        address,
                        folder,
                    };
                }
                Err(failure) => last = Some(failure),
            }
        }
        panic!("{}", last.unwrap());
    }

    /// The URL for VENs.
    fn url(&self) -> String {
        format!(
            "https://localhost:{}/OpenADR2/Simple/2.0b",
            self.address.port()
        )
    }

    /// Protocol, suite and verdict of nginx, and the status, of every request so far.
    fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// Sends a poll for this venID with OpenSSL, which offers the one suite. Returns the status and the
    /// body.
    fn poll(
        &self,
        authority: &Authority,
        own: Option<&Issued>,
        headers: &str,
        ven_id: &str,
    ) -> (u16, String) {
        let document = poll_of(ven_id);
        let request = format!(
            "POST /OpenADR2/Simple/2.0b/OadrPoll HTTP/1.1\r\nHost: localhost\r\n{headers}\
             Content-Type: application/xml\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{document}",
            document.len()
        );
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-quiet", "-verify_return_error", "-tls1_2"])
            .args(["-cipher", SUITE, "-servername", "localhost"])
            .args(["-connect", &self.address.to_string()])
            .args(["-CAfile", &word(&authority.certificate())]);
        if let Some(own) = own {
            command.args(["-cert", own.certificate_word(), "-key", own.key_word()]);
        }
        let mut client = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed only after the answer: at its end OpenSSL would stop reading.
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(request.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        drop(stdin);
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {answer} {said} {}", self.nginx.failure("")));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

/// Around the server: all that nginx writes is in its folder, and it is one process that is ended with
/// the test.
const MAIN: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {
    worker_connections 256;
}
http {
    log_format proof '$ssl_protocol $ssl_cipher $ssl_client_verify $status';
    access_log access.log proof;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include openadr.conf;
}
";

/// The configuration that comes with the program.
fn dist() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oadr/dist/nginx-openadr.conf");
    fs::read_to_string(file).unwrap()
}

fn word(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Where this VTN listens for proxies.
fn proxied(vtn: &Vtn) -> String {
    let listening = vtn.process.wait_for("listening").unwrap();
    let url = listening["proxied"].as_str().unwrap();
    let authority = url.strip_prefix("http://").unwrap();
    authority.split_once('/').unwrap().0.to_owned()
}

/// Waits until it accepts connections; an error if it has ended before.
fn ready(mut nginx: Process, address: SocketAddr) -> Result<Process, Failure> {
    let end = wait::until("nginx", wait::PATIENCE, || {
        if nginx.wait_exit(Duration::ZERO).is_ok() {
            return Some(Err(nginx.failure("it has ended")));
        }
        TcpStream::connect(address).ok().map(|_| Ok(()))
    });
    end??;
    Ok(nginx)
}

fn poll_of(ven_id: &str) -> String {
    format!(
        concat!(
            r#"<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" "#,
            r#"xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110">"#,
            r#"<oadr:oadrSignedObject><oadr:oadrPoll ei:schemaVersion="2.0b"><ei:venID>{}</ei:venID>"#,
            r#"</oadr:oadrPoll></oadr:oadrSignedObject></oadr:oadrPayload>"#
        ),
        ven_id
    )
}

/// What `response_code` says in a document.
fn code(document: &str) -> &str {
    let (_, rest) = document.split_once("responseCode>").unwrap();
    rest.split_once('<').unwrap().0
}

/// A header with a certificate as nginx writes it.
fn header(name: &str, own: &Issued) -> String {
    let pem = fs::read_to_string(&own.certificate).unwrap();
    let escaped = pem.replace('+', "%2B").replace('/', "%2F");
    let escaped = escaped.replace('=', "%3D").replace(' ', "%20");
    format!("{name}: {}\r\n", escaped.replace('\n', "%0A"))
}

/// A VTN for enrolled VENs with a listener for proxies on this machine.
fn vtn(data: &Path, authority: &Authority) -> Vtn {
    let ca = word(&authority.certificate());
    let options = [
        "--poll-interval=PT1S",
        "--proxy-listen=127.0.0.1:0",
        "--proxy-client-ca",
        &ca,
    ];
    Vtn::run(
        Command::new(conformance::program::binary().unwrap()),
        data,
        &options,
    )
    .unwrap()
}

/// Makes a VEN known by its certificate; its ID is its name with `-id` after it.
fn enrol(vtn: &Vtn, name: &str, own: &Issued) -> String {
    let id = format!("{name}-id");
    let new = json!({"ven_name": name, "ven_id": id, "certificates": [own.hash()]});
    vtn.call("POST", "/api/v1/vens", Some(&new), &[201])
        .unwrap();
    id
}

/// Whether the VTN has heard of this VEN.
fn is_registered(vtn: &Vtn, name: &str) -> bool {
    let vens = operator::vens(vtn);
    let ven = vens.iter().find(|ven| ven["ven_name"] == name).unwrap();
    ven["registered"] == true || ven["status"] == "registered"
}

#[test]
fn rule_67_behind_nginx_a_ven_with_rsa_key_transport_registers_and_answers_events() {
    let name = "rule_67_behind_nginx_a_ven_with_rsa_key_transport_registers_and_answers_events";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let authority = Authority::new(KeyKind::Rsa).unwrap();
    let own = authority.client("Ven1").unwrap();
    let data = Folder::new("vtn").unwrap();
    let vtn = vtn(data.path(), &authority);
    let ven_id = enrol(&vtn, "Ven1", &own);
    let front = Front::start(&vtn, &authority, |server| server);

    let ven = peers
        .openleadr_ven_with_suite(&front.url(), "Ven1", &own, &authority, SUITE)
        .unwrap();
    assert_eq!(ven.wait_for("registered").unwrap()["ven_id"], *ven_id);
    let start = Duration::from_secs(600);
    operator::create(&vtn, &operator::event("Event1", &["Ven1"], start, &[1, 2]));
    let event = ven.wait_for("event_received").unwrap();
    assert_eq!(event["event_id"], "Event1");
    let answer = operator::wait_for_answer(&vtn, "Event1", &ven_id, "optIn");
    assert_eq!(answer.response_code.as_deref(), Some("200"));
    let log = front.log();
    let proof = format!("TLSv1.2 {SUITE} SUCCESS 200");
    assert!(
        !log.is_empty() && log.iter().all(|line| *line == proof),
        "{log:?}"
    );
}

#[test]
fn behind_nginx_nobody_is_who_he_writes_in_a_header() {
    let authority = Authority::new(KeyKind::P256).unwrap();
    let [house, plant] = ["House", "Plant"].map(|name| authority.client(name).unwrap());
    let data = Folder::new("vtn").unwrap();
    let vtn = vtn(data.path(), &authority);
    let house_id = enrol(&vtn, "House", &house);
    enrol(&vtn, "Plant", &plant);
    let front = Front::start(&vtn, &authority, |server| server);
    let poll =
        |own: Option<&Issued>, headers: &str| front.poll(&authority, own, headers, &house_id);

    let (status, body) = poll(Some(&house), "");
    // It has not registered; but it is it.
    assert_eq!((status, code(&body)), (200, "463"));
    let forged = header("X-SSL-Client-Cert", &house);
    let aside = header("X_SSL_Client_Cert", &house);
    for headers in ["", &forged, &aside] {
        assert_eq!(poll(None, headers).0, 403, "{headers}");
        let (status, body) = poll(Some(&plant), headers);
        assert_eq!(status, 200, "{headers}");
        assert_ne!(code(&body), "200", "{headers}");
    }
    // Asking nginx to drop its own header leaves nobody, or changes nothing.
    let (status, _) = poll(Some(&plant), "Connection: close, X-SSL-Client-Cert\r\n");
    assert!([200, 400, 403].contains(&status), "{status}");
    assert!(!is_registered(&vtn, "House"));
}

#[test]
fn an_nginx_that_verifies_nothing_lets_nobody_in() {
    let authority = Authority::new(KeyKind::P256).unwrap();
    let elsewhere = Authority::new(KeyKind::P256).unwrap();
    let house = authority.client("House").unwrap();
    let stranger = elsewhere.client("House").unwrap();
    let expired = Order::client("House", KeyKind::P256).expired();
    let expired = authority.issue(&expired).unwrap();
    let data = Folder::new("vtn").unwrap();
    let vtn = vtn(data.path(), &authority);
    let id = enrol(&vtn, "House", &house);
    let verifies = "ssl_verify_client on;";
    let front = Front::start(&vtn, &authority, |server| {
        assert!(server.contains(verifies));
        server.replace(verifies, "ssl_verify_client optional_no_ca;")
    });
    let poll = |own: Option<&Issued>| front.poll(&authority, own, "", &id);
    assert_eq!(poll(Some(&house)).0, 200);
    for own in [None, Some(&stranger)] {
        assert_eq!(poll(own), (403, String::new()));
    }
    // This one nginx refuses by itself, even so.
    assert_eq!(poll(Some(&expired)).0, 403);
    // And the operator can read why.
    let refusals = vtn.call("GET", "/api/v1/refusals", None, &[200]).unwrap();
    let refusals = refusals["refusals"].as_array().unwrap();
    let codes: Vec<&Value> = refusals.iter().map(|refusal| &refusal["code"]).collect();
    assert!(codes.contains(&&json!("no_certificate")), "{refusals:?}");
    let hash = stranger.hash();
    let of_stranger = refusals
        .iter()
        .find(|refusal| refusal["certificate"] == *hash);
    let reason = of_stranger.unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("it was issued by"), "{reason}");
}
