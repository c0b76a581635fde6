"""An OpenLEADR VTN under the control of the tests.

Commands: add_event, cancel_event, request_reregistration, cancel_registration, stop.
"""

import argparse
import asyncio
import json
import os
import pathlib
import uuid
from datetime import timedelta
from functools import partial

import lines
from openleadr import OpenADRServer, hooks


class Vtn:
    def __init__(self, vtn_id, poll, want, memory, quiet, secured, ven_fingerprint):
        # What comes is not told: that would be most of the work.
        self.quiet = quiet
        # Granularity and report-back (seconds) of what is asked for, by measurement.
        self.want = want
        # Registered VENs by venID, as ven_lookup wants them.
        self.vens = {}
        # Whose certificate is expected, of every VEN; OpenLEADR does not look at it in registrations.
        self.ven_fingerprint = ven_fingerprint
        # venIDs that are asked to register again, whatever they send.
        self.ask_again = set()
        self.server = OpenADRServer(
            vtn_id=vtn_id,
            http_host="127.0.0.1",
            http_port=0,
            requested_poll_freq=timedelta(seconds=poll),
            ven_lookup=self.ven_lookup,
            show_fingerprint=False,
            **secured,
        )
        self.server.add_handler("on_create_party_registration", self.on_registration)
        self.server.add_handler("on_cancel_party_registration", self.on_cancel_registration)
        self.server.add_handler("on_register_report", self.on_register_report)
        hooks.register("before_handle", self.before_handle)
        self.memory = memory
        if memory:
            self.recall()

    def recall(self):
        """Take up what a process before this one knew: OpenLEADR itself forgets it."""
        if not self.memory.exists():
            return
        known = json.loads(self.memory.read_text())
        self.vens = known["vens"]
        for request, r_id, *named in known["wanted"]:
            self.callbacks()[request, r_id] = partial(self.on_readings, *named)

    def remember(self):
        if not self.memory:
            return
        wanted = [[*key, *callback.args] for key, callback in self.callbacks().items()]
        known = {"vens": self.vens, "wanted": wanted}
        # A kill must not leave half a file.
        written = self.memory.with_suffix(".new")
        written.write_text(json.dumps(known))
        os.replace(written, self.memory)

    def callbacks(self):
        """OpenLEADR's own record of what it asked for, by reportRequestID and rID."""
        return self.server.services["report_service"].report_callbacks

    async def ven_lookup(self, ven_id):
        if ven_id in self.ask_again:
            return None
        return self.vens.get(ven_id)

    async def on_registration(self, payload):
        ven_id = payload.get("ven_id") or f"Ven{uuid.uuid4().hex[:12]}"
        known = self.vens.get(ven_id)
        registration_id = f"Reg{uuid.uuid4().hex[:12]}"
        if known and payload.get("registration_id") == known["registration_id"]:
            registration_id = known["registration_id"]
        self.vens[ven_id] = {
            "ven_id": ven_id,
            "ven_name": payload.get("ven_name"),
            "registration_id": registration_id,
            "fingerprint": self.ven_fingerprint,
        }
        self.ask_again.discard(ven_id)
        lines.say(
            "registered",
            ven_id=ven_id,
            ven_name=payload.get("ven_name"),
            registration_id=registration_id,
            presented_registration_id=payload.get("registration_id"),
            presented_ven_id=payload.get("ven_id"),
            fingerprint=payload.get("fingerprint"),
            xml_signature=payload.get("xml_signature"),
        )
        return ven_id, registration_id

    async def on_cancel_registration(self, payload):
        ven_id = payload.get("ven_id")
        known = self.vens.pop(ven_id, None)
        lines.say(
            "registration_cancelled",
            ven_id=ven_id,
            registration_id=payload.get("registration_id"),
            known=known is not None,
        )
        return "oadrCanceledPartyRegistration", {
            "registration_id": payload.get("registration_id"),
            "ven_id": ven_id,
        }

    async def on_register_report(
        self, ven_id, resource_id, measurement, unit, scale, min_sampling_interval,
        max_sampling_interval,
    ):
        lines.say(
            "report_registered", ven_id=ven_id, resource_id=resource_id, measurement=measurement
        )
        wanted = self.want.get(measurement)
        if not wanted:
            return None
        named = partial(self.on_readings, ven_id, resource_id, measurement)
        return named, *(timedelta(seconds=span) for span in wanted)

    async def on_readings(self, ven_id, resource_id, measurement, values):
        if self.quiet:
            return
        lines.say(
            "readings",
            ven_id=ven_id,
            resource_id=resource_id,
            measurement=measurement,
            values=[[start.timestamp(), value] for start, value in values],
        )

    async def before_handle(self, message, payload):
        if message == "oadrPoll" or self.quiet:
            return
        # What was registered or asked for with an earlier message is known by now.
        self.remember()
        lines.say(
            "received",
            message=message,
            ven_id=payload.get("ven_id"),
            event_responses=payload.get("event_responses"),
        )

    async def on_opt(self, modification_number, ven_id, event_id, opt_type):
        lines.say(
            "opt",
            ven_id=ven_id,
            event_id=event_id,
            opt=opt_type,
            modification_number=modification_number,
        )

    def add_event(self, command):
        start = lines.now().replace(microsecond=0) + timedelta(seconds=command["start_in"])
        intervals = []
        at = start
        for interval in command["intervals"]:
            duration = timedelta(seconds=interval["seconds"])
            intervals.append(
                {"dtstart": at, "duration": duration, "signal_payload": interval["payload"]}
            )
            at += duration
        event_id = self.server.add_event(
            ven_id=command["ven_id"],
            event_id=command["event_id"],
            signal_name=command.get("signal_name", "SIMPLE"),
            signal_type=command.get("signal_type", "level"),
            intervals=intervals,
            callback=partial(self.on_opt, 0),
            market_context=command.get("market_context", "http://example.com/dr"),
        )
        lines.say("event_added", event_id=event_id, dtstart=start)

    def cancel_event(self, command):
        self.server.cancel_event(command["ven_id"], command["event_id"])
        lines.say("event_cancelled", event_id=command["event_id"])

    def cancel_registration(self, command):
        """Answer the next poll with a cancellation.

        OpenLEADR has no queue for it: a handler of our own replaces its queue from here on.
        """
        pending = [command["ven_id"]]

        async def on_poll(ven_id):
            if ven_id not in pending:
                return None
            pending.remove(ven_id)
            lines.say("cancellation_sent", ven_id=ven_id)
            return "oadrCancelPartyRegistration", {
                "registration_id": self.vens[ven_id]["registration_id"],
                "ven_id": ven_id,
            }

        self.server.add_handler("on_poll", on_poll)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtn-id", default="OpenLeadrVtn")
    parser.add_argument("--poll", type=float, default=1.0, help="seconds")
    parser.add_argument(
        "--quiet", action="store_true", help="no log, and readings and messages are not told"
    )
    parser.add_argument(
        "--want", type=json.loads, default={}, help="JSON: {measurement: [granularity, back]}"
    )
    parser.add_argument("--memory", type=pathlib.Path, help="file that outlives this process")
    parser.add_argument("--certificate", help="its certificate, for TLS and signatures")
    parser.add_argument("--key", help="the key that goes with it")
    parser.add_argument("--ca", help="the CA of the VENs' certificates")
    parser.add_argument("--ven-fingerprint", help="of the certificate that its VEN must have")
    arguments = parser.parse_args()
    if not arguments.quiet:
        lines.log_to_stderr()

    secured = {}
    if arguments.certificate:
        secured = {
            "cert": arguments.certificate,
            "key": arguments.key,
            "http_cert": arguments.certificate,
            "http_key": arguments.key,
            "http_ca_file": arguments.ca,
        }
    vtn = Vtn(
        arguments.vtn_id,
        arguments.poll,
        arguments.want,
        arguments.memory,
        arguments.quiet,
        secured,
        arguments.ven_fingerprint,
    )
    await vtn.server.run()
    host, port = vtn.server.app_runner.addresses[0][:2]
    lines.say(
        "listening",
        vtn=f"{'https' if secured else 'http'}://{host}:{port}{vtn.server.http_path_prefix}",
        vtn_id=arguments.vtn_id,
    )
    async for command in lines.commands():
        name = command["command"]
        if name == "add_event":
            vtn.add_event(command)
        elif name == "cancel_event":
            vtn.cancel_event(command)
        elif name == "request_reregistration":
            vtn.ask_again.add(command["ven_id"])
        elif name == "cancel_registration":
            vtn.cancel_registration(command)
        elif name == "stop":
            break
        else:
            raise ValueError(f"unknown command {name}")
    await vtn.server.stop()
    lines.say("stopped")


if __name__ == "__main__":
    asyncio.run(main())
