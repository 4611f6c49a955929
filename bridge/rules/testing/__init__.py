"""Rule tests: given events and canned answers, the exact conversation expected. Pure; no network, no store.

`schema` is what a `*.test.yaml` file may say, `case` what of it is carried out, `ledger` the bridge's bookkeeping in
memory, `carry` and `stage` the bridge in virtual time, `compare` what a request should have been, `results` what came
out, `render` how people read it.
"""
