"""Every way to sign that facts sources.md section 2 lists, as an outsider would try it.

The `verify:` blocks are spelled as section 1 of that sheet spells them, and the requests are signed here with nothing
but hashlib, hmac, cryptography and PyJWT: no code of the bridge has a hand in them. `rows` are the senders, `families`
what an outsider does to the request of any of them, `odd_hashes` and `odd_proofs` what is done to one of them only.
"""
