//! The reports of a busy VEN: each goes out again and again until it is acknowledged, then the next one.
//!
//! Its data are numbers that count up, at times that nobody measured at.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use conformance::http::Base;

use crate::busy_ven::{payload, response};
use crate::wire;

/// Values a report.
const VALUES: u32 = 3;

/// The reports that the VTN asked this VEN for.
#[derive(Debug)]
pub(crate) struct BusyReports {
    ven_id: String,
    request: String,
    r_id: String,
    /// How many values were acknowledged.
    acknowledged: u32,
}

impl BusyReports {
    /// Offers a report on `r_id` to the VTN at `base`, which must have a policy that asks for it, and
    /// grants what it asks for.
    pub(crate) fn start(base: &Base, ven_id: &str, r_id: &str) -> Self {
        let offer = format!(
            "<oadr:oadrRegisterReport ei:schemaVersion=\"2.0b\">\
             <pyld:requestID>Request2</pyld:requestID><oadr:oadrReport>\
             <xcal:duration><xcal:duration>PT1H</xcal:duration></xcal:duration>\
             <oadr:oadrReportDescription><ei:rID>{r_id}</ei:rID><ei:reportType>usage</ei:reportType>\
             <oadr:pulseCount><oadr:itemDescription>pulse count</oadr:itemDescription>\
             <oadr:itemUnits>count</oadr:itemUnits><oadr:pulseFactor>1000</oadr:pulseFactor>\
             </oadr:pulseCount><ei:readingType>Direct Read</ei:readingType><oadr:oadrSamplingRate>\
             <oadr:oadrMinPeriod>PT1S</oadr:oadrMinPeriod><oadr:oadrMaxPeriod>PT1S</oadr:oadrMaxPeriod>\
             <oadr:oadrOnChange>false</oadr:oadrOnChange></oadr:oadrSamplingRate>\
             </oadr:oadrReportDescription><ei:reportRequestID>0</ei:reportRequestID>\
             <ei:reportSpecifierID>Busy</ei:reportSpecifierID>\
             <ei:reportName>METADATA_TELEMETRY_USAGE</ei:reportName>\
             <ei:createdDateTime>{}</ei:createdDateTime></oadr:oadrReport>\
             <ei:venID>{ven_id}</ei:venID></oadr:oadrRegisterReport>",
            text(at(0))
        );
        let registered = base.xml("/EiReport", &payload(&offer)).unwrap().body;
        let requests = wire::texts(&registered, "reportRequestID");
        let [request] = requests.as_slice() else {
            panic!("no request: {}", String::from_utf8_lossy(&registered));
        };
        let created = format!(
            "<oadr:oadrCreatedReport ei:schemaVersion=\"2.0b\">{}<oadr:oadrPendingReports>\
             <ei:reportRequestID>{request}</ei:reportRequestID></oadr:oadrPendingReports>\
             <ei:venID>{ven_id}</ei:venID></oadr:oadrCreatedReport>",
            response(&wire::texts(&registered, "requestID").concat())
        );
        let granted = base.xml("/EiReport", &payload(&created)).unwrap();
        assert_eq!(wire::message(&granted.body), "oadrResponse");
        Self {
            ven_id: ven_id.to_owned(),
            request: request.clone(),
            r_id: r_id.to_owned(),
            acknowledged: 0,
        }
    }

    /// Sends the next report, which is the same as before if that was not acknowledged. Failures are
    /// the VTN's crashes and tell nothing.
    pub(crate) fn send(&mut self, base: &Base) {
        let Ok(reply) = base.xml("/EiReport", &payload(&self.report())) else {
            return;
        };
        let shown = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 200, "{shown}");
        assert_eq!(wire::message(&reply.body), "oadrUpdatedReport", "{shown}");
        let code = wire::texts(&reply.body, "responseCode");
        assert_eq!(code, ["200"], "{shown}");
        self.acknowledged += VALUES;
    }

    /// The time of a value follows from its number: a report that is sent again is the same.
    fn report(&self) -> String {
        let intervals: String = (self.acknowledged..self.acknowledged + VALUES)
            .map(|number| {
                format!(
                    "<ei:interval><xcal:dtstart><xcal:date-time>{}</xcal:date-time></xcal:dtstart>\
                     <oadr:oadrReportPayload><ei:rID>{}</ei:rID>\
                     <ei:payloadFloat><ei:value>{number}</ei:value></ei:payloadFloat>\
                     </oadr:oadrReportPayload></ei:interval>",
                    text(at(number)),
                    self.r_id
                )
            })
            .collect();
        format!(
            "<oadr:oadrUpdateReport ei:schemaVersion=\"2.0b\">\
             <pyld:requestID>Request3</pyld:requestID><oadr:oadrReport>\
             <xcal:dtstart><xcal:date-time>{first}</xcal:date-time></xcal:dtstart>\
             <strm:intervals>{intervals}</strm:intervals>\
             <ei:reportRequestID>{}</ei:reportRequestID>\
             <ei:reportSpecifierID>Busy</ei:reportSpecifierID>\
             <ei:reportName>TELEMETRY_USAGE</ei:reportName>\
             <ei:createdDateTime>{first}</ei:createdDateTime></oadr:oadrReport>\
             <ei:venID>{}</ei:venID></oadr:oadrUpdateReport>",
            self.request,
            self.ven_id,
            first = text(at(self.acknowledged)),
        )
    }
}

/// When the value of this number was measured: some day in 2026, one a second.
fn at(number: u32) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_500) + TimeDelta::seconds(number.into())
}

/// As on the wire.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
