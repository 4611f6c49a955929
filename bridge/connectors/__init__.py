"""Connectors: what an API can be asked, as YAML data, and the pure code that reads it.

`schema` says what a connector file holds, `catalog` loads it, `request` builds one HTTP request, `classify` turns
one answer into a verdict. Nothing here touches the network; `bridge.outbound` does.
"""
