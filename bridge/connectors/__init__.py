"""Connectors: what an API can be asked, as YAML data, and the pure code that reads it.

`schema` (with `parts` and `traffic`) says what a connector file holds, `library` loads it, `operation` builds one HTTP
request and reads one answer, `classify` turns that answer into a verdict. `batching` puts several calls into one
request and takes its answer apart, `narrowing` finds the call that a whole request was refused for, `limits` says what
the vendor allows, `overrides` what a destination changes about it. Nothing here touches the network;
`bridge.outbound` does.
"""
