"""Durable memory behind one protocol (`bridge.store.protocol.Store`)."""
