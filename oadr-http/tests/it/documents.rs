//! The few documents these tests send.

use oadr_core::codec::{DecodeOptions, decode};
use oadr_core::payload::Message;

/// An oadrPoll.
pub(crate) const POLL: &str = concat!(
    r#"<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" "#,
    r#"xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110"><oadr:oadrSignedObject>"#,
    r#"<oadr:oadrPoll ei:schemaVersion="2.0b"><ei:venID>ven-1</ei:venID></oadr:oadrPoll>"#,
    r#"</oadr:oadrSignedObject></oadr:oadrPayload>"#
);

/// An oadrRequestEvent, which belongs to EiEvent.
pub(crate) const REQUEST_EVENT: &str = concat!(
    r#"<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" "#,
    r#"xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" "#,
    r#"xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads">"#,
    r#"<oadr:oadrSignedObject><oadr:oadrRequestEvent ei:schemaVersion="2.0b">"#,
    r#"<pyld:eiRequestEvent><pyld:requestID>r-1</pyld:requestID><ei:venID>ven-1</ei:venID>"#,
    r#"</pyld:eiRequestEvent></oadr:oadrRequestEvent></oadr:oadrSignedObject></oadr:oadrPayload>"#
);

/// An oadrResponse whose description is `description`.
pub(crate) fn response(description: &str) -> String {
    format!(
        concat!(
            r#"<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" "#,
            r#"xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" "#,
            r#"xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads">"#,
            r#"<oadr:oadrSignedObject><oadr:oadrResponse ei:schemaVersion="2.0b"><ei:eiResponse>"#,
            r#"<ei:responseCode>200</ei:responseCode>"#,
            r#"<ei:responseDescription>{}</ei:responseDescription><pyld:requestID>r-1"#,
            r#"</pyld:requestID></ei:eiResponse><ei:venID>ven-1</ei:venID></oadr:oadrResponse>"#,
            r#"</oadr:oadrSignedObject></oadr:oadrPayload>"#
        ),
        description
    )
}

/// The message in a document.
pub(crate) fn message(document: &str) -> Message {
    decode(document.as_bytes(), &DecodeOptions::default())
        .unwrap()
        .message
}
