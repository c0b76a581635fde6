"""An OpenLEADR VEN under the control of the tests.

Commands: opt (what to answer from now on), cancel_registration, stop.
"""

import argparse
import asyncio
import json
import ssl
from datetime import datetime, timedelta, timezone

import aiohttp
import lines
from openleadr import OpenADRClient, enums

# OpenLEADR refuses its own unit, which has none, for want of a scale; it does not send this one.
enums.MEASUREMENTS.PULSE_COUNT.scale = "none"

# What is offered unless the tests say otherwise: named for its IDs, never asked for.
REPORTS = [
    {"specifier": "Usage1", "r_id": "Usage1Power", "measurement": "Real_Power", "min_period": 10},
    {
        "specifier": "Status1",
        "r_id": "Status1State",
        "report_name": "TELEMETRY_STATUS",
        "min_period": 10,
    },
]


class Source:
    """A data point whose every value is another one, told to the tests as it is read."""

    def __init__(self, r_id):
        self.r_id = r_id
        self.read = 0

    def now(self):
        """One value now, with its time: OpenLEADR would only add one of its own."""
        at = lines.now()
        # Whole milliseconds, as no VTN has to keep finer ones.
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self.read += 1
        return [self.told(at, self.read)]

    def span(self, date_from, date_to, sampling_interval):
        """The values of a span, one each whole interval since 1970: the same for the same time."""
        step = sampling_interval.total_seconds()
        first = int(-(-date_from.timestamp() // step))
        last = int(-(-date_to.timestamp() // step))
        return [self.told_once(number, step) for number in range(first, last)]

    def told_once(self, number, step):
        at = datetime.fromtimestamp(number * step, timezone.utc)
        if number > self.read:
            self.read = number
            return self.told(at, number)
        return at, number

    def told(self, at, value):
        lines.say("sampled", r_id=self.r_id, start=at.timestamp(), value=value)
        return at, value


class Ven:
    def __init__(self, url, name, opt, reports, secured):
        self.opt = opt
        self.client = OpenADRClient(
            ven_name=name, vtn_url=url, allow_jitter=False, show_fingerprint=False, **secured
        )
        self.client.add_handler("on_event", self.on_event)
        self.client.add_handler("on_update_event", self.on_update_event)
        self.client.hooks["after_parse_xml"].append(self.after_parse)
        for report in reports:
            self.add_report(report)

    def add_report(self, report):
        mode = report.get("mode", "incremental")
        source = Source(report["r_id"])
        self.client.add_report(
            callback=source.span if mode == "full" else source.now,
            resource_id=report.get("resource_id", "Meter1"),
            measurement=report.get("measurement"),
            unit=report.get("unit"),
            report_name=report.get("report_name", "TELEMETRY_USAGE"),
            report_specifier_id=report["specifier"],
            r_id=report["r_id"],
            data_collection_mode=mode,
            sampling_rate=timedelta(seconds=report["min_period"]),
            report_duration=timedelta(hours=1),
        )

    async def on_event(self, event):
        return self.answer("event_received", event)

    async def on_update_event(self, event):
        return self.answer("event_updated", event)

    def answer(self, happening, event):
        descriptor = event["event_descriptor"]
        period = event["active_period"]
        lines.say(
            happening,
            event_id=descriptor["event_id"],
            modification_number=descriptor["modification_number"],
            status=descriptor["event_status"],
            market_context=descriptor["market_context"],
            response_required=event["response_required"],
            dtstart=period["dtstart"],
            duration=period["duration"],
            signals=[
                {
                    "signal_name": signal["signal_name"],
                    "signal_type": signal["signal_type"],
                    "intervals": [
                        {
                            "duration": interval["duration"],
                            "uid": interval.get("uid"),
                            "payload": interval["signal_payload"],
                        }
                        for interval in signal["intervals"]
                    ],
                }
                for signal in event["event_signals"]
            ],
            targets=event.get("targets"),
            opt=self.opt,
        )
        return self.opt

    def after_parse(self, message, payload):
        response = payload.get("response") or {}
        lines.say("received", message=message, response_code=response.get("response_code"))
        if message == "oadrCreatedPartyRegistration" and payload.get("registration_id"):
            lines.say(
                "registered",
                ven_id=payload["ven_id"],
                registration_id=payload["registration_id"],
                vtn_id=payload["vtn_id"],
                poll_frequency=payload.get("requested_oadr_poll_freq"),
            )
        if message == "oadrRegisteredReport":
            lines.say("reports_registered", requests=len(payload.get("report_requests") or []))


def session_with_suite(arguments):
    """What OpenLEADR would make for itself, with one suite instead of Python's choice."""
    context = ssl.create_default_context(cafile=arguments.ca)
    context.load_cert_chain(arguments.certificate, arguments.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(arguments.suite)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"content-type": "application/xml"},
        timeout=aiohttp.ClientTimeout(sock_connect=5, sock_read=10),
    )


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtn", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--opt", default="optIn")
    parser.add_argument("--reports", type=json.loads, default=REPORTS, help="JSON, as REPORTS")
    parser.add_argument("--certificate", help="its certificate, for TLS and signatures")
    parser.add_argument("--key", help="the key that goes with it")
    parser.add_argument("--ca", help="the CA of the VTN's certificate")
    parser.add_argument("--vtn-fingerprint", help="whose signatures count; without it, anybody's")
    parser.add_argument("--unsigned", action="store_true", help="TLS, but no signatures")
    parser.add_argument("--suite", help="the only one that it offers, in TLS 1.2")
    arguments = parser.parse_args()
    lines.log_to_stderr()

    secured = {}
    if arguments.certificate:
        secured = {
            "cert": arguments.certificate,
            "key": arguments.key,
            "ca_file": arguments.ca,
            "vtn_fingerprint": arguments.vtn_fingerprint,
            "disable_signature": arguments.unsigned,
        }
    ven = Ven(arguments.vtn, arguments.name, arguments.opt, arguments.reports, secured)
    if arguments.suite:
        ven.client.client_session = session_with_suite(arguments)
    await ven.client.run()
    lines.say("running")
    async for command in lines.commands():
        name = command["command"]
        if name == "opt":
            ven.opt = command["opt"]
        elif name == "cancel_registration":
            await ven.client.cancel_party_registration()
            lines.say("cancellation_answered", registered=ven.client.registration_id is not None)
        elif name == "stop":
            break
        else:
            raise ValueError(f"unknown command {name}")
    await ven.client.stop()
    lines.say("stopped")


if __name__ == "__main__":
    asyncio.run(main())
