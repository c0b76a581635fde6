"""A client of an XMPP server for peers whose stanzas are written by hand.

slixmpp makes the connection: TLS, login, binding of the resource. From then on every stanza is text of
ours, and every one that comes is ours to answer. Knows nothing of OpenADR.

It says: online (jid), refused (why: the login), offline (why), stanza (kind, type, id, from, condition,
error_type, xml: whatever is not a peer's own to handle).

It takes: send (stanza), ask (to, child; type, `set` unless said: says "answered"), stop.
"""

import argparse
import asyncio
import itertools
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher.base import MatcherBase

import lines

CLIENT = "{jabber:client}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"

# How long, in seconds, an answer may take.
PATIENCE = 30


def parser(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--server", required=True, help="HOST:PORT")
    parser.add_argument("--jid", required=True, help="ACCOUNT@DOMAIN/RESOURCE")
    parser.add_argument("--ca", required=True, help="the CA of the server's certificate")
    parser.add_argument("--certificate", help="its certificate, for SASL EXTERNAL")
    parser.add_argument("--key", help="the key that goes with it")
    parser.add_argument("--password", help="for SCRAM, instead of a certificate")
    parser.add_argument("--authzid", help="the account to ask for with SASL EXTERNAL")
    return parser


class Refused(Exception):
    """A stanza was answered with an error."""


class _Everything(MatcherBase):
    def match(self, xml):
        return True


class Client(slixmpp.ClientXMPP):
    def __init__(self, arguments):
        super().__init__(arguments.jid, arguments.password)
        self.enable_direct_tls = False
        self.ca_certs = arguments.ca
        if arguments.certificate:
            self.certfile, self.keyfile = arguments.certificate, arguments.key
        if arguments.authzid is not None:
            self.credentials["authzid"] = arguments.authzid
        self.where = arguments.server.rsplit(":", 1)
        self.ids = (f"own{number}" for number in itertools.count(1))
        self.asked = {}
        self.is_online = asyncio.Event()
        self.over = asyncio.Event()
        self.why = None
        self.register_handler(Callback("everything", _Everything(None), self.take))
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", self.refused)
        self.add_event_handler("connection_failed", self.refused)
        self.add_event_handler("stream_error", self.failed)
        self.add_event_handler("disconnected", self.ended)

    async def run(self):
        """Log in, do what the tests say, and end when they do."""
        self.connect(self.where[0], int(self.where[1]))
        obeying = asyncio.ensure_future(self.obey())
        ended = asyncio.ensure_future(self.over.wait())
        await asyncio.wait([obeying, ended], return_when=asyncio.FIRST_COMPLETED)
        if obeying.done():
            obeying.result()

    async def obey(self):
        async for command in lines.commands():
            name = command.pop("command")
            if name == "stop":
                break
            await self.is_online.wait()
            try:
                await getattr(self, "on_" + name)(**command)
            except Refused:
                # It was said when it was answered.
                continue
        self.send_raw("<presence type='unavailable'/>")
        await self.disconnect(wait=1)

    async def on_send(self, stanza):
        self.send_raw(stanza)

    async def on_ask(self, to, child, type="set"):
        asked = asyncio.ensure_future(self.ask(to, child, type))
        # Said by the answer's time, not in the way of the next command.
        asked.add_done_callback(lambda done: done.exception())

    async def ask(self, to, child, kind="set"):
        """Send a request; return the child of its result, None if that is empty."""
        number = next(self.ids)
        answer = self.asked[number] = asyncio.get_running_loop().create_future()
        self.send_raw(f"<iq type='{kind}' id='{number}' to={quoteattr(to)}>{child}</iq>")
        stanza = await asyncio.wait_for(answer, PATIENCE)
        lines.say("answered", to=to, **describe(stanza))
        if stanza.get("type") == "error":
            raise Refused(describe(stanza)["condition"])
        return stanza[0] if len(stanza) else None

    def answer(self, iq, child=""):
        """Answer a request with a result."""
        to, number = quoteattr(iq.get("from")), quoteattr(iq.get("id"))
        self.send_raw(f"<iq type='result' id={number} to={to}>{child}</iq>")

    def refuse(self, iq, kind, condition):
        """Answer a request with an error."""
        to, number = quoteattr(iq.get("from")), quoteattr(iq.get("id"))
        error = f"<error type='{kind}'><{condition} xmlns='{STANZAS[1:-1]}'/></error>"
        self.send_raw(f"<iq type='error' id={number} to={to}>{error}</iq>")

    def take(self, stanza):
        xml = stanza.xml
        if not self.is_online.is_set():
            return
        if xml.tag == CLIENT + "iq" and xml.get("type") in ("result", "error"):
            asked = self.asked.pop(xml.get("id"), None)
            if asked:
                asked.set_result(xml)
                return
        elif xml.tag == CLIENT + "iq" and self.handle(xml):
            return
        lines.say("stanza", **describe(xml))

    def handle(self, iq):
        """Answer a request, in a peer that knows how; tell whether it did."""
        return False

    def started(self, _):
        self.send_raw("<presence/>")
        self.is_online.set()
        lines.say("online", jid=str(self.boundjid))

    def refused(self, why):
        lines.say("refused", why=why["condition"] if hasattr(why, "xml") else str(why))
        self.cancel_connection_attempt()
        self.over.set()

    def failed(self, error):
        self.why = error["condition"]

    def ended(self, why):
        lines.say("offline", why=self.why or str(why), was_online=self.is_online.is_set())
        self.over.set()


def describe(stanza):
    error = stanza.find(CLIENT + "error")
    condition = None
    if error is not None:
        names = [child.tag for child in error if child.tag.startswith(STANZAS)]
        condition = next((n.removeprefix(STANZAS) for n in names if not n.endswith("}text")), None)
    return {
        "kind": stanza.tag.removeprefix(CLIENT),
        "type": stanza.get("type"),
        "id": stanza.get("id"),
        "from": stanza.get("from"),
        "condition": condition,
        "error_type": None if error is None else error.get("type"),
        "xml": ElementTree.tostring(stanza, encoding="unicode"),
    }


if __name__ == "__main__":
    lines.log_to_stderr()

    async def main():
        await Client(parser(__doc__).parse_args()).run()

    asyncio.run(main())
