"""A VEN over XMPP, every stanza of which is written by hand (spec 5).

It says what xmpp.py says, and: discovered, registered, offered, events_requested, event, asked, reported,
pushed (each push, by its message), document (by: `us` or `them`; xml: every OpenADR document).

It takes what xmpp.py takes, and: discover (node, if another spelling), register, offer, request_events,
report (value).
"""

import asyncio

import lines
import xmpp
from documents import (
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

SERVICES = "http://openadr.org/openadr2#services"
DISCO = "http://jabber.org/protocol/disco"


class Ven(xmpp.Client):
    def __init__(self, arguments):
        super().__init__(arguments)
        self.ven_name = arguments.name
        self.services = {}
        self.ven_id = None
        self.registration_id = None
        self.request_id = None
        self.number = 0

    async def on_discover(self, node=SERVICES):
        domain = self.boundjid.domain
        info = await self.ask(domain, f"<query xmlns='{DISCO}#info'/>", "get")
        features = [feature.get("var") for feature in info.iter(f"{{{DISCO}#info}}feature")]
        found = await self.ask(domain, f"<query xmlns='{DISCO}#items' node='{node}'/>", "get")
        for item in found.iter(f"{{{DISCO}#items}}item"):
            prefix, service = item.get("node").rsplit("/", 1)
            if prefix.lower() == "http://openadr.org/openadr2":
                self.services[service] = item.get("jid")
        lines.say(
            "discovered", features=features, node=found.get("node"), services=self.services
        )

    async def on_register(self):
        asked = self.next_request()
        query = payload("oadrQueryRegistration", element("pyld:requestID", asked))
        profiles = await self.request("EiRegisterParty", query)
        names = [text_of(name) for name in profiles.iter() if name.tag.endswith("TransportName")]
        created = await self.request(
            "EiRegisterParty",
            payload(
                "oadrCreatePartyRegistration",
                element("pyld:requestID", self.next_request())
                + optional("ei:registrationID", self.registration_id)
                + optional("ei:venID", self.ven_id)
                + element("oadr:oadrProfileName", "2.0b")
                + element("oadr:oadrTransportName", "xmpp")
                + element("oadr:oadrTransportAddress", self.boundjid)
                + element("oadr:oadrReportOnly", "false")
                + element("oadr:oadrXmlSignature", "false")
                + element("oadr:oadrVenName", self.ven_name),
            ),
        )
        self.ven_id = text_in(created, "ei:venID")
        self.registration_id = text_in(created, "ei:registrationID")
        lines.say(
            "registered",
            code=text_in(created, "ei:eiResponse/ei:responseCode"),
            ven_id=self.ven_id,
            registration_id=self.registration_id,
            transports=[name.split(">")[1].split("<")[0] for name in names],
        )

    async def on_offer(self):
        rate = element_of(
            "oadr:oadrSamplingRate",
            element("oadr:oadrMinPeriod", "PT1S")
            + element("oadr:oadrMaxPeriod", "PT1H")
            + element("oadr:oadrOnChange", "false"),
        )
        power = element_of(
            "power:powerReal",
            element("power:itemDescription", "RealPower")
            + element("power:itemUnits", "W")
            + element("scale:siScaleCode", "none")
            + element_of(
                "power:powerAttributes",
                element("power:hertz", "50")
                + element("power:voltage", "230")
                + element("power:ac", "true"),
            ),
        )
        description = element_of(
            "oadr:oadrReportDescription",
            element("ei:rID", "Power1")
            + element("ei:reportType", "usage")
            + power
            + element("ei:readingType", "Direct Read")
            + rate,
        )
        report = element_of(
            "oadr:oadrReport",
            duration("xcal:duration", "PT1H")
            + description
            + element("ei:reportRequestID", "0")
            + element("ei:reportSpecifierID", "Usage1")
            + element("ei:reportName", "METADATA_TELEMETRY_USAGE")
            + element("ei:createdDateTime", stamp()),
        )
        registered = await self.request(
            "EiReport",
            payload(
                "oadrRegisterReport",
                element("pyld:requestID", self.next_request())
                + report
                + element("ei:venID", self.ven_id),
            ),
        )
        lines.say(
            "offered",
            message=name_of(registered),
            code=text_in(registered, "ei:eiResponse/ei:responseCode"),
        )

    async def on_request_events(self):
        content = element("pyld:requestID", self.next_request()) + element("ei:venID", self.ven_id)
        events = await self.request(
            "EiEvent", payload("oadrRequestEvent", element_of("pyld:eiRequestEvent", content))
        )
        lines.say("events_requested", message=name_of(events))
        await self.decide(events)

    async def on_report(self, value):
        start = stamp()
        interval = element_of(
            "ei:interval",
            element_of("xcal:dtstart", element("xcal:date-time", start))
            + duration("xcal:duration", "PT1S")
            + element_of(
                "oadr:oadrReportPayload",
                element("ei:rID", "Power1")
                + element_of("ei:payloadFloat", element("ei:value", value)),
            ),
        )
        report = element_of(
            "oadr:oadrReport",
            element_of("xcal:dtstart", element("xcal:date-time", start))
            + element_of("strm:intervals", interval)
            + element("ei:reportRequestID", self.request_id)
            + element("ei:reportSpecifierID", "Usage1")
            + element("ei:reportName", "TELEMETRY_USAGE")
            + element("ei:createdDateTime", start),
        )
        updated = await self.request(
            "EiReport",
            payload(
                "oadrUpdateReport",
                element("pyld:requestID", self.next_request())
                + report
                + element("ei:venID", self.ven_id),
            ),
        )
        lines.say(
            "reported",
            message=name_of(updated),
            code=text_in(updated, "ei:eiResponse/ei:responseCode"),
        )

    def handle(self, iq):
        message = message_in(iq[0]) if len(iq) == 1 and iq.get("type") == "set" else None
        if message is None:
            return False
        lines.say("document", by="them", xml=text_of(iq[0]))
        name = name_of(message)
        lines.say("pushed", message=name, sender=iq.get("from"))
        request_id = text_in(message, "pyld:requestID")
        ending = response(request_id) + optional("ei:venID", self.ven_id)
        if name == "oadrDistributeEvent":
            # The answer says that it is here; what is made of it follows in a request of our own.
            self.answer(iq)
            asyncio.ensure_future(self.decide(message))
        elif name == "oadrRegisterReport":
            self.reply(iq, payload("oadrRegisteredReport", ending))
        elif name == "oadrCreateReport":
            path = "oadr:oadrReportRequest/ei:reportRequestID"
            self.request_id = text_in(message, path)
            pending = element_of(
                "oadr:oadrPendingReports", element("ei:reportRequestID", self.request_id)
            )
            created = response(request_id) + pending + element("ei:venID", self.ven_id)
            self.reply(iq, payload("oadrCreatedReport", created))
            path = "oadr:oadrReportRequest/ei:reportSpecifier/ei:reportSpecifierID"
            lines.say("asked", request=self.request_id, specifier=text_in(message, path))
        elif name == "oadrCancelReport":
            canceled = response(request_id) + element_of("oadr:oadrPendingReports", "")
            canceled += element("ei:venID", self.ven_id)
            self.reply(iq, payload("oadrCanceledReport", canceled))
        elif name == "oadrRequestReregistration":
            self.reply(iq, payload("oadrResponse", ending))
        elif name == "oadrCancelPartyRegistration":
            canceled = response(request_id) + element("ei:registrationID", self.registration_id)
            canceled += optional("ei:venID", self.ven_id)
            self.reply(iq, payload("oadrCanceledPartyRegistration", canceled))
        else:
            self.refuse(iq, "cancel", "feature-not-implemented")
        return True

    async def decide(self, distributed):
        """Opt in to every event that wants to be answered."""
        request_id = text_in(distributed, "pyld:requestID")
        for event in distributed:
            if not event.tag.endswith("}oadrEvent"):
                continue
            if text_in(event, "oadr:oadrResponseRequired") != "always":
                continue
            descriptor = "ei:eiEvent/ei:eventDescriptor/"
            event_id = text_in(event, descriptor + "ei:eventID")
            number = text_in(event, descriptor + "ei:modificationNumber")
            answer = element_of(
                "ei:eventResponse",
                element("ei:responseCode", "200")
                + element("pyld:requestID", request_id)
                + element_of(
                    "ei:qualifiedEventID",
                    element("ei:eventID", event_id) + element("ei:modificationNumber", number),
                )
                + element("ei:optType", "optIn"),
            )
            content = (
                response("")
                + element_of("ei:eventResponses", answer)
                + element("ei:venID", self.ven_id)
            )
            created = payload("oadrCreatedEvent", element_of("pyld:eiCreatedEvent", content))
            answered = await self.request("EiEvent", created)
            lines.say(
                "event",
                event_id=event_id,
                modification_number=int(number),
                answer=name_of(answered),
                code=text_in(answered, "ei:eiResponse/ei:responseCode"),
            )

    async def request(self, service, document):
        """Ask a service of the VTN; return the message of its reply."""
        lines.say("document", by="us", xml=document)
        reply = await self.ask(self.services[service], document)
        lines.say("document", by="them", xml=text_of(reply))
        return message_in(reply)

    def reply(self, iq, document):
        lines.say("document", by="us", xml=document)
        self.answer(iq, document)

    def next_request(self):
        self.number += 1
        return f"request{self.number}"


def stamp():
    return lines.now().strftime("%Y-%m-%dT%H:%M:%SZ")


async def main():
    parser = xmpp.parser(__doc__)
    parser.add_argument("--name", required=True, help="its venName")
    lines.log_to_stderr()
    await Ven(parser.parse_args()).run()


if __name__ == "__main__":
    asyncio.run(main())
