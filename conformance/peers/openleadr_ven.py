"""An OpenLEADR VEN under the control of the tests.

Commands: opt (what to answer from now on), cancel_registration, stop.
"""

import argparse
import asyncio
from datetime import timedelta

import lines
from openleadr import OpenADRClient


class Ven:
    def __init__(self, url, name, opt):
        self.opt = opt
        self.client = OpenADRClient(ven_name=name, vtn_url=url, allow_jitter=False)
        self.client.add_handler("on_event", self.on_event)
        self.client.add_handler("on_update_event", self.on_update_event)
        self.client.hooks["after_parse_xml"].append(self.after_parse)
        rate = timedelta(seconds=10)
        self.client.add_report(
            callback=lambda: 1.5,
            resource_id="Meter1",
            measurement="RealPower",
            report_specifier_id="Usage1",
            r_id="Usage1Power",
            sampling_rate=rate,
            report_duration=timedelta(hours=1),
        )
        self.client.add_report(
            callback=lambda: 1,
            resource_id="Meter1",
            report_name="TELEMETRY_STATUS",
            report_specifier_id="Status1",
            r_id="Status1State",
            sampling_rate=rate,
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


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtn", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--opt", default="optIn")
    arguments = parser.parse_args()
    lines.log_to_stderr()

    ven = Ven(arguments.vtn, arguments.name, arguments.opt)
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
