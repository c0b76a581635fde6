"""OpenADR documents as they are written and read by hand: as text, without an XML declaration."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

OADR = "http://openadr.org/oadr-2.0b/2012/07"
EI = "http://docs.oasis-open.org/ns/energyinterop/201110"
PYLD = EI + "/payloads"
XCAL = "urn:ietf:params:xml:ns:icalendar-2.0"
EMIX = "http://docs.oasis-open.org/ns/emix/2011/06"

PREFIXES = {
    "oadr": OADR,
    "ei": EI,
    "pyld": PYLD,
    "xcal": XCAL,
    "strm": XCAL + ":stream",
    "emix": EMIX,
    "power": EMIX + "/power",
    "scale": EMIX + "/siscale",
}


def payload(message, content):
    """The document of a message with this content."""
    prefixes = " ".join(f"xmlns:{prefix}='{uri}'" for prefix, uri in PREFIXES.items())
    return (
        f"<oadr:oadrPayload {prefixes}><oadr:oadrSignedObject>"
        f"<oadr:{message} ei:schemaVersion='2.0b'>{content}</oadr:{message}>"
        f"</oadr:oadrSignedObject></oadr:oadrPayload>"
    )


def element(name, text):
    return f"<{name}>{escape(str(text))}</{name}>"


def optional(name, text):
    return "" if text is None else element(name, text)


def response(request_id, code=200):
    """An eiResponse."""
    content = element("ei:responseCode", code) + element("pyld:requestID", request_id or "")
    return element_of("ei:eiResponse", content)


def element_of(name, content):
    return f"<{name}>{content}</{name}>"


def duration(name, text):
    """An element whose content is an xcal:duration."""
    return element_of(name, element("xcal:duration", text))


def message_in(payload):
    """The message in an oadrPayload, an element of ElementTree; None if there is none."""
    if payload is None or payload.tag != f"{{{OADR}}}oadrPayload":
        return None
    signed = payload.find(f"{{{OADR}}}oadrSignedObject")
    return None if signed is None or len(signed) == 0 else signed[0]


def name_of(message):
    return message.tag.rsplit("}", 1)[1]


def text_in(message, path):
    """The text at a path of prefixed names, None if it is not there."""
    found = message.find(path, PREFIXES)
    return None if found is None else (found.text or "")


def text_of(element):
    return ElementTree.tostring(element, encoding="unicode")
