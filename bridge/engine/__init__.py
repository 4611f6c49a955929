"""The engine: accept, route, deliver, retry. It joins the pure rules with the store and the way out."""
