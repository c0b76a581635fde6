"""Print which tests prove which rule, with their results, and object where a rule has none.

Arguments: the list of rules, the output of `cargo test`.
"""

import re
import sys
from collections import defaultdict

KINDS = ("tested", "later", "free")


def read_rules(path):
    """Return (number, kind, note) in order."""
    rules = []
    for line in open(path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if not line:
            continue
        numbers, kind, *note = line.split(maxsplit=2)
        if kind not in KINDS:
            raise ValueError(f"no such kind: {line}")
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            rules.append((number, kind, "".join(note)))
    return rules


def read_results(path, known):
    """Return {rule: [(test, result)]}; a name may begin with several rules."""
    results = defaultdict(list)
    text = open(path, encoding="utf-8", errors="replace").read()
    for match in re.finditer(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", text, re.M):
        test, result = match.groups()
        name = test.rsplit("::", 1)[-1]
        numbers = re.match(r"rules?((?:_\d+)+)(?:_|$)", name)
        if numbers:
            first, *more = map(int, numbers[1].strip("_").split("_"))
            # What follows may also be something else, such as a response code.
            for number in [first, *(number for number in more if number in known)]:
                results[number].append((test, result))
    return results


def main():
    rules = read_rules(sys.argv[1])
    known = {number for number, _, _ in rules}
    results = read_results(sys.argv[2], known)
    objections = [f"rule {number} is not listed" for number in results if number not in known]
    counts = defaultdict(int)
    for number, kind, note in rules:
        tests = results.get(number, [])
        failed = [test for test, result in tests if result != "ok"]
        if tests:
            shown = "FAILED" if failed else "ok"
        else:
            shown = "NO TEST" if kind == "tested" else f"{kind}: {note}"
        counts["proved" if shown == "ok" else kind if kind != "tested" else "open"] += 1
        print(f"{number:4}  {shown}")
        for test, result in tests:
            print(f"        {test} ({result})")
        if failed:
            objections.append(f"rule {number}: {', '.join(failed)} failed")
        elif kind == "tested" and not tests:
            objections.append(f"rule {number}: no test")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    for objection in objections:
        print(objection, file=sys.stderr)
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main())
