"""A local Message Batches API for demos, tests and benches: make-believe answers, real manners.

It runs as a process of its own on loopback (`python -m sandbox`) and knows nothing of the product that talks to it.
`sandbox/README.md` lists every endpoint, switch and marker.
"""
