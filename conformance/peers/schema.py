"""Validate documents against the 2.0b schema with libxml2.

Stdin: a decimal length, a line feed, that many bytes; again and again. Stdout: one line of JSON a
document. The schema is the one that the installed openleadr package brings.
"""

import importlib.util
import json
import pathlib
import sys

from lxml import etree


def schema():
    """Load the schema set without importing the package, which would start far more."""
    package = importlib.util.find_spec("openleadr")
    folder = pathlib.Path(package.submodule_search_locations[0])
    return etree.XMLSchema(etree.parse(str(folder / "schema" / "oadr_20b.xsd")))


def verdict(rules, document):
    # Entities stay unresolved: libxml2 dies of some hostile documents when it validates while it
    # expands them.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        tree = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return {"valid": False, "error": f"not well-formed: {error}"}
    if rules.validate(tree):
        return {"valid": True, "root": etree.QName(tree).localname}
    error = rules.error_log[0]
    return {"valid": False, "error": f"line {error.line}: {error.message}"}


def main():
    rules = schema()
    documents, verdicts = sys.stdin.buffer, sys.stdout
    while length := documents.readline():
        document = documents.read(int(length))
        verdicts.write(json.dumps(verdict(rules, document)) + "\n")
        verdicts.flush()


if __name__ == "__main__":
    main()
