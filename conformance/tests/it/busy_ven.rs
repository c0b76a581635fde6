//! A VEN that knows few messages and hardly rests: it polls again soon and answers what comes.
//!
//! It keeps no state but the number of its next report, so that only the VTN's memory is tested.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use conformance::http::Base;

use crate::busy_reports::BusyReports;
use crate::wire;

/// A running busy VEN; `stop` ends it.
pub(crate) struct BusyVen {
    pub(crate) ven_id: String,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl BusyVen {
    /// Registers with the VTN at `base` and starts to poll, with a `rest` after each poll.
    pub(crate) fn start(base: &Base, name: &str, opt: &'static str, rest: Duration) -> Self {
        Self::run(base, register(base, name), None, opt, rest)
    }

    /// The same, with a report on `r_id` beside each poll; the VTN must ask for it.
    pub(crate) fn start_reporting(base: &Base, name: &str, r_id: &str, rest: Duration) -> Self {
        let ven_id = register(base, name);
        let reports = BusyReports::start(base, &ven_id, r_id);
        Self::run(base, ven_id, Some(reports), "optIn", rest)
    }

    fn run(
        base: &Base,
        ven_id: String,
        mut reports: Option<BusyReports>,
        opt: &'static str,
        rest: Duration,
    ) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (base, ven_id, stopped) = (base.clone(), ven_id.clone(), Arc::clone(&stopped));
            move || {
                let mut answered = 0;
                while !stopped.load(Ordering::SeqCst) {
                    answered += poll(&base, &ven_id, opt);
                    if let Some(reports) = &mut reports {
                        reports.send(&base);
                    }
                    // Leaves the processors to the others now and then.
                    thread::sleep(rest);
                }
                answered
            }
        });
        Self {
            ven_id,
            stopped,
            thread,
        }
    }

    /// Stops it and tells how many answers were acknowledged.
    pub(crate) fn stop(self) -> usize {
        self.stopped.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// Registers with the VTN at `base` and returns the venID.
pub(crate) fn register(base: &Base, name: &str) -> String {
    let registration = format!(
        "<oadr:oadrCreatePartyRegistration ei:schemaVersion=\"2.0b\">\
         <pyld:requestID>Request1</pyld:requestID>\
         <oadr:oadrProfileName>2.0b</oadr:oadrProfileName>\
         <oadr:oadrTransportName>simpleHttp</oadr:oadrTransportName>\
         <oadr:oadrReportOnly>false</oadr:oadrReportOnly>\
         <oadr:oadrXmlSignature>false</oadr:oadrXmlSignature>\
         <oadr:oadrVenName>{name}</oadr:oadrVenName>\
         <oadr:oadrHttpPullModel>true</oadr:oadrHttpPullModel>\
         </oadr:oadrCreatePartyRegistration>"
    );
    let answer = base
        .xml("/EiRegisterParty", &payload(&registration))
        .unwrap();
    wire::texts(&answer.body, "venID").pop().unwrap()
}

/// One poll and what follows from it: how many events were answered. Failures are the VTN's crashes
/// and tell nothing.
pub(crate) fn poll(base: &Base, ven_id: &str, opt: &str) -> usize {
    let poll = format!(
        "<oadr:oadrPoll ei:schemaVersion=\"2.0b\"><ei:venID>{ven_id}</ei:venID></oadr:oadrPoll>"
    );
    let Ok(reply) = base.xml("/OadrPoll", &payload(&poll)) else {
        return 0;
    };
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    match wire::message(&reply.body).as_str() {
        "oadrResponse" => {
            let code = wire::texts(&reply.body, "responseCode");
            assert_eq!(code, ["200"], "{}", String::from_utf8_lossy(&reply.body));
            0
        }
        "oadrRegisterReport" => {
            let registered = format!(
                "<oadr:oadrRegisteredReport ei:schemaVersion=\"2.0b\">{}<ei:venID>{ven_id}</ei:venID>\
                 </oadr:oadrRegisteredReport>",
                response(&wire::texts(&reply.body, "requestID").concat())
            );
            // Its loss is made good by the VTN, which asks again.
            drop(base.xml("/EiReport", &payload(&registered)));
            0
        }
        "oadrDistributeEvent" => answer(base, ven_id, opt, &reply.body),
        other => panic!("polled {other}: {}", String::from_utf8_lossy(&reply.body)),
    }
}

fn answer(base: &Base, ven_id: &str, opt: &str, distributed: &[u8]) -> usize {
    let events = wire::texts(distributed, "eventID");
    let numbers = wire::texts(distributed, "modificationNumber");
    // The last one is the message's own, after that of eiResponse.
    let request_id = wire::texts(distributed, "requestID").pop().unwrap();
    let responses: String = events
        .iter()
        .zip(&numbers)
        .map(|(event, number)| {
            format!(
                "<ei:eventResponse><ei:responseCode>200</ei:responseCode>\
                 <pyld:requestID>{request_id}</pyld:requestID><ei:qualifiedEventID>\
                 <ei:eventID>{event}</ei:eventID>\
                 <ei:modificationNumber>{number}</ei:modificationNumber></ei:qualifiedEventID>\
                 <ei:optType>{opt}</ei:optType></ei:eventResponse>"
            )
        })
        .collect();
    let created = format!(
        "<oadr:oadrCreatedEvent ei:schemaVersion=\"2.0b\"><pyld:eiCreatedEvent>{}\
         <ei:eventResponses>{responses}</ei:eventResponses><ei:venID>{ven_id}</ei:venID>\
         </pyld:eiCreatedEvent></oadr:oadrCreatedEvent>",
        response("")
    );
    match base.xml("/EiEvent", &payload(&created)) {
        Ok(reply) if wire::texts(&reply.body, "responseCode") == ["200"] => events.len(),
        // An event may have changed since: then it comes again.
        Ok(_) | Err(_) => 0,
    }
}

pub(crate) fn response(request_id: &str) -> String {
    format!(
        "<ei:eiResponse><ei:responseCode>200</ei:responseCode>\
         <pyld:requestID>{request_id}</pyld:requestID></ei:eiResponse>"
    )
}

pub(crate) fn payload(message: &str) -> Vec<u8> {
    format!(
        "<oadr:oadrPayload xmlns:oadr=\"http://openadr.org/oadr-2.0b/2012/07\" \
         xmlns:ei=\"http://docs.oasis-open.org/ns/energyinterop/201110\" \
         xmlns:pyld=\"http://docs.oasis-open.org/ns/energyinterop/201110/payloads\" \
         xmlns:xcal=\"urn:ietf:params:xml:ns:icalendar-2.0\" \
         xmlns:strm=\"urn:ietf:params:xml:ns:icalendar-2.0:stream\">\
         <oadr:oadrSignedObject>{message}</oadr:oadrSignedObject></oadr:oadrPayload>"
    )
    .into_bytes()
}
