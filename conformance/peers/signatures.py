"""Sign, verify and canonicalise with lxml and signxml, and as OpenLEADR does.

Stdin: one JSON object a line; stdout: one line of JSON for each. Documents and octets are texts.

{"do": "verify", "document": …}                   as OpenLEADR verifies: {} or {"error": …}
{"do": "sign", "certificate": PEM, "key": PEM}    an oadrPoll as OpenLEADR signs it: {"document": …}
{"do": "sign_as", "document": …, "certificate": PEM, "key": PEM, "c14n": …, "method": …}
                                                  a payload with the Object in its Signature, by signxml
{"do": "canonical", "document": …, "exclusive": …, "comments": …}
                                                  the one oadrSignedObject of a document: {"octets": …}
"""

import json
import sys

from lxml import etree
from openleadr import messaging
from signxml import DigestAlgorithm, XMLSigner, methods

OADR = "{http://openadr.org/oadr-2.0b/2012/07}"


def verify(asked):
    tree = etree.fromstring(asked["document"].encode())
    messaging.validate_xml_signature(tree)
    return {}


def sign(asked):
    document = messaging.create_message(
        "oadrPoll", cert=asked["certificate"], key=asked["key"].encode(), ven_id="ven-1")
    return {"document": document}


def sign_as(asked):
    """With the root's namespaces on the Signature, which inclusive C14N takes in where it will stand."""
    root = etree.fromstring(asked["document"].encode())
    signer = XMLSigner(method=methods.detached, signature_algorithm=asked["method"],
                       digest_algorithm=DigestAlgorithm.SHA256, c14n_algorithm=asked["c14n"])
    signer.namespaces.update(root.nsmap)
    signed_object = root.find(OADR + "oadrSignedObject")
    signature = signer.sign(signed_object, key=asked["key"].encode(), cert=asked["certificate"],
                            reference_uri="#oadrSignedObject",
                            signature_properties=messaging._create_replay_protect())
    root.insert(0, signature)
    return {"document": etree.tostring(root).decode()}


def canonical(asked):
    tree = etree.fromstring(asked["document"].encode())
    part = tree.find(OADR + "oadrSignedObject")
    octets = etree.tostring(part, method="c14n", exclusive=asked["exclusive"],
                            with_comments=asked["comments"], with_tail=False)
    return {"octets": octets.decode()}


def main():
    tasks = {"verify": verify, "sign": sign, "sign_as": sign_as, "canonical": canonical}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = tasks[asked["do"]](asked)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
