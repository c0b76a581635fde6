"""A VTN over XMPP, every stanza of which is written by hand (spec 5). It has one VEN.

It says what xmpp.py says, and: registered (jid, name, transport, ven_id: what was presented), received
(message, sender: each request, by its message), opt, offers (what a VEN offers to report), report (values),
pushed (message, reply: the message in the result, None if that was empty), document (by: `us` or `them`;
xml: every OpenADR document).

It takes what xmpp.py takes, and: add_event (event_id, start_in, seconds, level), cancel_event (event_id),
offer, want_report (specifier, r_id, seconds), reregister, cancel_registration.
"""

import asyncio
from datetime import timedelta
from xml.etree import ElementTree

import lines
import xmpp
from documents import (
    PREFIXES,
    duration,
    element,
    element_of,
    message_in,
    name_of,
    optional,
    payload,
    response,
    text_in,
    text_of,
)

DISCO = "http://jabber.org/protocol/disco#info"
VEN_ID, REGISTRATION_ID, VTN_ID = "ven-1", "registration-1", "vtn-1"


class Vtn(xmpp.Client):
    def __init__(self, arguments):
        super().__init__(arguments)
        self.ven = None
        self.events = {}
        self.number = 0

    async def on_add_event(self, event_id, start_in, seconds, level):
        start = lines.now() + timedelta(seconds=start_in)
        self.events[event_id] = {
            "number": 0, "status": "far", "start": start, "seconds": seconds, "level": level,
        }
        await self.push(self.distribute())

    async def on_cancel_event(self, event_id):
        self.events[event_id]["number"] += 1
        self.events[event_id]["status"] = "cancelled"
        await self.push(self.distribute())

    async def on_offer(self):
        content = element("pyld:requestID", self.next_request()) + element("ei:venID", VEN_ID)
        await self.push(payload("oadrRegisterReport", content))

    async def on_want_report(self, specifier, r_id, seconds):
        wanted = element_of(
            "ei:reportSpecifier",
            element("ei:reportSpecifierID", specifier)
            + duration("xcal:granularity", f"PT{seconds}S")
            + duration("ei:reportBackDuration", f"PT{seconds}S")
            + element_of(
                "ei:specifierPayload",
                element("ei:rID", r_id) + element("ei:readingType", "x-notApplicable"),
            ),
        )
        request = element_of(
            "oadr:oadrReportRequest", element("ei:reportRequestID", "wanted-1") + wanted
        )
        content = element("pyld:requestID", self.next_request()) + request
        await self.push(payload("oadrCreateReport", content + element("ei:venID", VEN_ID)))

    async def on_reregister(self):
        await self.push(payload("oadrRequestReregistration", element("ei:venID", VEN_ID)))

    async def on_cancel_registration(self):
        content = (
            element("pyld:requestID", self.next_request())
            + element("ei:registrationID", REGISTRATION_ID)
            + element("ei:venID", VEN_ID)
        )
        await self.push(payload("oadrCancelPartyRegistration", content))

    async def push(self, document):
        message = message_in(ElementTree.fromstring(document))
        lines.say("document", by="us", xml=document)
        reply = await self.ask(self.ven, document)
        if reply is not None:
            lines.say("document", by="them", xml=text_of(reply))
        name = None if reply is None else name_of(message_in(reply))
        lines.say("pushed", message=name_of(message), reply=name)

    def handle(self, iq):
        child = iq[0] if len(iq) == 1 else None
        if iq.get("type") == "get" and child is not None and child.tag == f"{{{DISCO}}}query":
            feature = "<feature var='http://openadr.org/openadr2'/>"
            self.answer(iq, f"<query xmlns='{DISCO}'>{feature}</query>")
            return True
        if iq.get("type") == "get" and child is not None and child.tag == "{urn:xmpp:ping}ping":
            self.answer(iq)
            return True
        message = message_in(child) if iq.get("type") == "set" else None
        if message is None:
            return False
        lines.say("document", by="them", xml=text_of(child))
        name = name_of(message)
        lines.say("received", message=name, sender=iq.get("from"))
        take = getattr(self, "take_" + name, None)
        if take is None:
            self.refuse(iq, "cancel", "feature-not-implemented")
            return True
        document = take(message, iq.get("from"))
        lines.say("document", by="us", xml=document)
        self.answer(iq, document)
        return True

    def take_oadrQueryRegistration(self, message, sender):
        return self.created_registration(message, "")

    def take_oadrCreatePartyRegistration(self, message, sender):
        self.ven = text_in(message, "oadr:oadrTransportAddress") or sender
        lines.say(
            "registered",
            jid=self.ven,
            sender=sender,
            name=text_in(message, "oadr:oadrVenName"),
            transport=text_in(message, "oadr:oadrTransportName"),
            ven_id=text_in(message, "ei:venID"),
        )
        ids = element("ei:registrationID", REGISTRATION_ID) + element("ei:venID", VEN_ID)
        return self.created_registration(message, ids)

    def created_registration(self, message, ids):
        transport = element_of(
            "oadr:oadrTransport", element("oadr:oadrTransportName", "xmpp")
        )
        profile = element_of(
            "oadr:oadrProfile",
            element("oadr:oadrProfileName", "2.0b") + element_of("oadr:oadrTransports", transport),
        )
        return payload(
            "oadrCreatedPartyRegistration",
            response(text_in(message, "pyld:requestID"))
            + ids
            + element("ei:vtnID", VTN_ID)
            + element_of("oadr:oadrProfiles", profile),
        )

    def take_oadrRegisterReport(self, message, sender):
        path = "oadr:oadrReport/ei:reportSpecifierID"
        lines.say("offers", specifiers=[found.text for found in message.iterfind(path, PREFIXES)])
        return self.ending("oadrRegisteredReport", message)

    def take_oadrRequestEvent(self, message, sender):
        return self.distribute(text_in(message, "pyld:eiRequestEvent/pyld:requestID"))

    def take_oadrCreatedEvent(self, message, sender):
        for answer in message.iterfind(".//ei:eventResponse", PREFIXES):
            lines.say(
                "opt",
                event_id=text_in(answer, "ei:qualifiedEventID/ei:eventID"),
                modification_number=int(
                    text_in(answer, "ei:qualifiedEventID/ei:modificationNumber")
                ),
                opt=text_in(answer, "ei:optType"),
                code=text_in(answer, "ei:responseCode"),
            )
        return self.ending("oadrResponse", message)

    def take_oadrUpdateReport(self, message, sender):
        values = [value.text for value in message.iterfind(".//ei:payloadFloat/ei:value", PREFIXES)]
        request = text_in(message, "oadr:oadrReport/ei:reportRequestID")
        lines.say("report", values=values, request=request)
        return self.ending("oadrUpdatedReport", message)

    def take_oadrCancelPartyRegistration(self, message, sender):
        content = response(text_in(message, "pyld:requestID"))
        content += optional("ei:registrationID", text_in(message, "ei:registrationID"))
        return payload("oadrCanceledPartyRegistration", content + element("ei:venID", VEN_ID))

    def take_logical_reply(self, message, sender):
        """A reply to a push that came as a request of its own, as some VENs send it."""
        return self.ending("oadrResponse", message)

    take_oadrResponse = take_logical_reply
    take_oadrRegisteredReport = take_logical_reply
    take_oadrCreatedReport = take_logical_reply
    take_oadrCanceledReport = take_logical_reply

    def ending(self, name, message):
        """A message that consists of an eiResponse and the venID."""
        request_id = text_in(message, "pyld:requestID")
        return payload(name, response(request_id) + element("ei:venID", VEN_ID))

    def distribute(self, answers=None):
        """Every event there is, as an answer to a request if it is one."""
        content = (
            ("" if answers is None else response(answers))
            + element("pyld:requestID", self.next_request())
            + element("ei:vtnID", VTN_ID)
        )
        for event_id, event in self.events.items():
            content += self.event_of(event_id, event)
        return payload("oadrDistributeEvent", content)

    def event_of(self, event_id, event):
        level = element_of("ei:payloadFloat", element("ei:value", float(event["level"])))
        length = f"PT{event['seconds']}S"
        descriptor = element_of(
            "ei:eventDescriptor",
            element("ei:eventID", event_id)
            + element("ei:modificationNumber", event["number"])
            + element("ei:priority", 0)
            + element_of(
                "ei:eiMarketContext", element("emix:marketContext", "http://example.com/dr")
            )
            + element("ei:createdDateTime", stamp(lines.now()))
            + element("ei:eventStatus", event["status"]),
        )
        period = element_of(
            "xcal:properties",
            element_of("xcal:dtstart", element("xcal:date-time", stamp(event["start"])))
            + duration("xcal:duration", length)
            + duration("ei:x-eiNotification", "PT0S"),
        )
        interval = element_of(
            "ei:interval",
            duration("xcal:duration", length)
            + element_of("xcal:uid", element("xcal:text", 0))
            + element_of("ei:signalPayload", level),
        )
        now = element_of("ei:payloadFloat", element("ei:value", 0.0))
        signal = element_of(
            "ei:eiEventSignal",
            element_of("strm:intervals", interval)
            + element("ei:signalName", "SIMPLE")
            + element("ei:signalType", "level")
            + element("ei:signalID", "signal-1")
            + element_of("ei:currentValue", now),
        )
        whole = (
            descriptor
            + element_of("ei:eiActivePeriod", period + "<xcal:components/>")
            + element_of("ei:eiEventSignals", signal)
            + element_of("ei:eiTarget", element("ei:venID", VEN_ID))
        )
        return element_of(
            "oadr:oadrEvent",
            element_of("ei:eiEvent", whole) + element("oadr:oadrResponseRequired", "always"),
        )

    def next_request(self):
        self.number += 1
        return f"request{self.number}"


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


async def main():
    lines.log_to_stderr()
    await Vtn(xmpp.parser(__doc__).parse_args()).run()


if __name__ == "__main__":
    asyncio.run(main())
