"""The ways to prove a sender: for each type of `verify` what its YAML says, and whether a request fulfils it.

`proof` is what all types have in common, `signed` what those have that sign a text. Each type is a class and a function
`matching(scheme, request, now_ms)` that gives the position of the secret or key that the sender knew, or raises
`Unbelieved`. `bridge.sources.verify` asks the one that belongs to a scheme.
"""
