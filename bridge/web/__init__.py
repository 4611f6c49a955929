"""The two listeners: the public one takes webhooks in, the admin one answers the operator."""
