"""What the test gives on standard input: the issuer, two clients, and the tokens of a session of the first."""

import json
import sys
from types import SimpleNamespace

given = SimpleNamespace(**json.load(sys.stdin))
