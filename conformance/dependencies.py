"""Check the dependency tree against deny.toml: licences, banned crates, sources.

Reads `cargo metadata` on stdin. Understands the part of deny.toml that the project uses and stops
at anything else, so that no line of it is passed over in silence.
"""

import json
import re
import sys

try:
    import tomllib
except ModuleNotFoundError:  # Python before 3.11
    import tomli as tomllib


def allowed(expression, allow):
    """Tell whether an SPDX expression can be met with the allowed licences alone."""
    # `A/B` is how older crates write `A OR B`.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either():
        value = both()
        while peek() == "OR":
            take()
            value = both() or value
        return value

    def both():
        value = one()
        while peek() == "AND":
            take()
            value = one() and value
        return value

    def one():
        token = take()
        if token == "(":
            value = either()
            if take() != ")":
                raise ValueError(f"unbalanced: {expression}")
            return value
        if peek() == "WITH":
            take()
            token = f"{token} WITH {take()}"
        return token in allow

    value = either()
    if peek() is not None:
        raise ValueError(f"not understood: {expression}")
    return value


def numbers(version):
    return [int(part) for part in re.split(r"[-+]", version)[0].split(".")]


def banned(rule, package):
    name, _, requirement = rule["crate"].partition(":")
    if package["name"] != name:
        return False
    if not requirement:
        return True
    if not requirement.startswith("<") or requirement.startswith("<="):
        raise ValueError(f"not understood: {rule['crate']}")
    return numbers(package["version"]) < numbers(requirement[1:])


def source_allowed(source, rules):
    if source is None:  # a member of the workspace
        return True
    kind, _, address = source.partition("+")
    if kind in ("registry", "sparse"):
        return address in rules["allow-registry"]
    return False


def licences_of(package, rules):
    """The licences that a package may have: those of all, and those that are excepted for it."""
    excepted = rules["licenses"].get("exceptions", [])
    own = [rule["allow"] for rule in excepted if rule["crate"] == package["name"]]
    return sum(own, rules["licenses"]["allow"])


def objections(packages, rules):
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        if not licence or not allowed(licence, licences_of(package, rules)):
            yield f"{name}: licence {licence} is not allowed"
        for rule in rules["bans"]["deny"]:
            if banned(rule, package):
                yield f"{name}: banned, {rule['reason']}"
        if not source_allowed(package["source"], rules["sources"]):
            yield f"{name}: comes from {package['source']}"


def main():
    with open(sys.argv[1], "rb") as file:
        rules = tomllib.load(file)
    packages = json.load(sys.stdin)["packages"]
    found = list(objections(packages, rules))
    for objection in found:
        print(objection)
    print(f"{len(packages)} packages, {len(found)} objections")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
