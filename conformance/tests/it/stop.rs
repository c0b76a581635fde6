//! Being told to stop: by SIGTERM, in the middle of something, twice, and with a service manager.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use conformance::folder::Folder;
use conformance::process::{self, Process};
use conformance::program::{self, Vtn};
use conformance::wait;

const POLL: &str = "<oadr:oadrPayload xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\" \
    xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\"><oadr:oadrSignedObject>\
    <oadr:oadrPoll ei:schemaVersion=\"2.0b\"><ei:venID>Nobody</ei:venID></oadr:oadrPoll>\
    </oadr:oadrSignedObject></oadr:oadrPayload>";

/// A connection on which a poll has begun: the VTN has its header and waits for its body.
fn begin_poll(vtn: &Vtn) -> TcpStream {
    let stream = TcpStream::connect(vtn.endpoint.address).unwrap();
    stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let head = format!(
        "POST {}/OadrPoll HTTP/1.1\r\nHost: vtn\r\nContent-Type: application/xml\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        vtn.endpoint.prefix,
        POLL.len()
    );
    (&stream).write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(1, &stream);
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    stream
}

/// Waits until nobody listens there.
fn wait_for_refusal(address: SocketAddr) {
    wait::until("the listener's end", wait::PATIENCE, || {
        TcpStream::connect(address).is_err().then_some(())
    })
    .unwrap();
}

#[test]
fn a_vtn_that_is_told_to_stop_answers_what_has_begun() {
    let data = Folder::new("vtn").unwrap();
    let mut vtn = Vtn::start(data.path()).unwrap();
    let mut stream = begin_poll(&vtn);
    process::signal(vtn.process.id(), "TERM").unwrap();
    wait_for_refusal(vtn.endpoint.address);
    stream.write_all(POLL.as_bytes()).unwrap();
    let mut reply = String::new();
    // To the end of the connection, which the VTN closes.
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.contains("HTTP/1.1 200 OK"), "{reply}");
    assert!(reply.contains(">463<"), "{reply}");
    let status = vtn.process.wait_exit(wait::PATIENCE).unwrap();
    assert_eq!(status.code(), Some(0), "{}", vtn.process.failure(""));
}

#[test]
fn a_vtn_that_is_told_twice_stops_at_once() {
    let data = Folder::new("vtn").unwrap();
    let mut vtn = Vtn::start(data.path()).unwrap();
    let stream = begin_poll(&vtn);
    process::signal(vtn.process.id(), "TERM").unwrap();
    wait_for_refusal(vtn.endpoint.address);
    // The request would be waited for, and the end be a good one.
    process::signal(vtn.process.id(), "INT").unwrap();
    let status = vtn.process.wait_exit(wait::PATIENCE).unwrap();
    assert_eq!(status.code(), Some(1), "{}", vtn.process.failure(""));
    drop(stream);
    // Nothing is lost by it, nor left locked.
    let mut vtn = Vtn::start(data.path()).unwrap();
    assert!(vtn.process.terminate().unwrap().success());
}

#[test]
fn a_ven_that_is_told_to_stop_does_not_wait_for_a_silent_vtn() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let data = Folder::new("ven").unwrap();
    let mut ven = program::ven(&url, "Pump1", data.path(), &[]).unwrap();
    // It has sent something and waits for the reply.
    let (mut stream, _) = silent.accept().unwrap();
    assert!(stream.read(&mut [0; 1]).unwrap() > 0);
    let status = ven.terminate().unwrap();
    assert_eq!(status.code(), Some(0), "{}", ven.failure(""));
}

#[test]
fn a_service_manager_hears_when_it_is_ready_and_when_it_stops() {
    let folder = Folder::new("notify").unwrap();
    let path = folder.path().join("socket");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let hear = || {
        let mut octets = [0; 100];
        let length = manager.recv(&mut octets).unwrap();
        String::from_utf8_lossy(&octets[..length]).into_owned()
    };
    let any = "127.0.0.1:0";
    let vtn = ["vtn", "--dev", "--listen", any, "--api", any];
    // A VTN need not answer for a VEN to be at work.
    let silent = TcpListener::bind(any).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ven = ["ven", "--vtn", &url, "--name", "Pump1"];
    for args in [&vtn[..], &ven] {
        let mut command = Command::new(program::binary().unwrap());
        command
            .args(args)
            .arg("--data")
            .arg(folder.path().join(args[0]));
        command.env("NOTIFY_SOCKET", &path);
        let mut oadr = Process::start(format!("oadr {}", args[0]), command).unwrap();
        assert_eq!(hear(), "READY=1");
        assert!(oadr.terminate().unwrap().success());
        assert_eq!(hear(), "STOPPING=1");
    }
}
