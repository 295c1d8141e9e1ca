"""Holds the server's OpenAPI document against the specification, by a validator that nobody here wrote.

    python conformance/openapi.py --server http://127.0.0.1:8080 --key KEY --agent medspa
"""

import argparse
import json
import urllib.request

from facts import add_endpoint_arguments
from openapi_spec_validator import OpenAPIV31SpecValidator


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_endpoint_arguments(parser)
    arguments = parser.parse_args()
    with urllib.request.urlopen(f"{arguments.server}/api/v1/openapi.json", timeout=20) as answer:
        document = json.load(answer)
    faults = [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in OpenAPIV31SpecValidator(document).iter_errors()]
    for fault in faults[:20]:
        print(f"FAILED openapi: {fault}")
    if not faults:
        print(f"ok the document is valid OpenAPI {document['openapi']} with {len(document['paths'])} paths")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
