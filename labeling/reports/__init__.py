"""The reading side: what the pages and the commands show. Nothing here writes.

Sums come from the tallies and from what is frozen on a batch, so a page costs the same for ten rows or ten million.
"""
