"""Connectors: what an API can be asked, as YAML data, and the pure code that reads it.

`schema` says what a connector file holds, `library` loads it, `operation` builds one HTTP request and reads one answer,
`classify` turns that answer into a verdict. Nothing here touches the network; `bridge.outbound` does.
"""
