"""Read metrics as the client library of Prometheus does, and hold them to its conventions.

Stdin: the text of /metrics. Stdout: a JSON list of [name, labels, value].
"""

import json
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

NAME = re.compile(r"(oadr|process)_[a-z0-9_]+")


def check(family):
    """Say what the parser lets pass."""
    assert NAME.fullmatch(family.name), family.name
    assert family.documentation, f"{family.name} has no help"
    assert family.type != "unknown", f"{family.name} has no type"
    for sample in family.samples:
        if family.type == "counter":
            assert sample.name.endswith("_total"), sample.name
        assert sample.value >= 0, sample
    if family.type == "histogram":
        check_histogram(family)


def check_histogram(family):
    """Buckets go up, and the last one is the count."""
    buckets, counts = {}, {}
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        key = tuple(sorted(labels.items()))
        if sample.name.endswith("_bucket"):
            buckets.setdefault(key, []).append((float(bound), sample.value))
        elif sample.name.endswith("_count"):
            counts[key] = sample.value
    assert buckets and buckets.keys() == counts.keys(), family.name
    for key, found in buckets.items():
        assert found == sorted(found), (family.name, key)
        assert [n for _, n in found] == sorted(n for _, n in found), (family.name, key)
        assert found[-1] == (float("inf"), counts[key]), (family.name, key)


def main():
    samples, seen, names = [], set(), set()
    for family in text_string_to_metric_families(sys.stdin.read()):
        assert family.name not in names, f"{family.name} comes twice"
        names.add(family.name)
        check(family)
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, f"{key} comes twice"
            seen.add(key)
            samples.append([sample.name, sample.labels, sample.value])
    assert samples, "there is nothing"
    json.dump(samples, sys.stdout)


if __name__ == "__main__":
    main()
