"""
The node against its own OpenAPI document, judged by schemathesis. `make fuzz` runs more of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.contract.live import Live

#: How much more `make fuzz` does.
MORE = int(os.environ.get("FUZZ", "1"))
#: Methods that end what is tested, or wait for something that does not happen.
LEFT_OUT = "^(process_stop|process_restart|identity_erase|event_listen|message_receive)$"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.usefixtures("live")
class Judged(SynchronousTestCase):
    """
    No 500, no hang, no violation of the document: judged by a program that others wrote.
    """

    live: ClassVar[Live]

    def run_it(self, phases: str, examples: int, *headers: str) -> None:
        asked = self.live.node("bob")
        file = Path(self.mktemp()).absolute().with_suffix(".json")
        file.write_text(json.dumps(asked.client.request("GET", "/openapi.json")))
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", str(file), "--url", asked.url),
                *("--phases", phases, "--max-examples", str(examples), "--checks", CHECKS, "--no-shrink"),
                *("--request-timeout", "30", "--exclude-operation-id-regex", LEFT_OUT, "--no-color", *headers),
                *(() if MORE > 1 else ("--seed", "1")),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=file.parent,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-8000:] + done.stderr[-2000:])
        self.assertIn("No issues found", done.stdout)
        self.assertTrue(asked.client.healthy())

    def test_with_the_secret(self) -> None:
        secret = self.live.node("bob").secret
        self.run_it("fuzzing" if MORE == 1 else "coverage,fuzzing", 3 * MORE, "-H", f"api_secret: {secret}")

    def test_without_the_secret(self) -> None:
        self.run_it("fuzzing", MORE)
